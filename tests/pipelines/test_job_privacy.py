"""No job writes, prints or logs what a file says of its patient."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import ray
from identify import identified, says

from lumbar.config import Recipe, load_recipe
from lumbar.pipelines.index import index
from lumbar.pipelines.prepare import prepare
from lumbar.pipelines.score import ScorePlan, score

pytestmark = pytest.mark.ray

CI = Path(__file__).resolve().parents[2] / "jobs" / "configs" / "ci.yaml"
WORD = "QUOKKA"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, cohort: Path) -> Path:
    """The cohort with the word in every patient's identity and in all texts of some files.

    One file is cut short and one is text; the last study has files of two patients.
    """
    root = tmp_path_factory.mktemp("told") / "cohort"
    shutil.copytree(cohort, root)
    *_, last = sorted((root / "train_images").iterdir())
    paths = sorted((root / "train_images").rglob("*.dcm"))
    for n, path in enumerate(paths):
        path.write_bytes(identified(path.read_bytes(), WORD, whole=n % 12 == 0))
    paths[0].write_bytes(paths[0].read_bytes()[:-2_000])
    paths[1].write_text(WORD * 50)
    other = min(last.rglob("*.dcm"))
    other.write_bytes(identified(other.read_bytes(), "WOMBAT"))
    return root


def files_that_say(folder: Path, word: str) -> list[str]:
    """Files below a folder that hold the word, Parquet by its values."""
    found = []
    for parent, _, names in os.walk(folder):
        for path in (Path(parent) / name for name in names):
            if not path.is_file():
                continue
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += repr(pq.read_table(path).to_pylist()).encode()
            if says(content, word):
                found.append(str(path))
    return found


def test_bar_23_no_job_writes_or_logs_what_a_file_says_of_its_patient(
    told: Path, bundle: Path, local_ray: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe: Recipe = load_recipe(CI)
    indexed = index(told, tmp_path / "manifest.parquet")
    prepared = prepare(told, told, tmp_path / "cache", recipe)
    scored = score(told, ScorePlan(bundle, tmp_path / "scored", actors=1))
    assert len(files_that_say(told, WORD)) > 20
    said = repr((indexed.to_json(), prepared.to_json(), scored))
    assert "2 different PatientIDs" in said
    assert scored["graded"] > 0
    assert scored["failed"] == 2  # the file cut short, and the study of two patients
    out, err = capfd.readouterr()
    for word in (WORD, "WOMBAT"):
        assert not says(said + out + err, word)
        assert files_that_say(tmp_path, word) == []
        logs = ray._private.worker._global_node.get_session_dir_path()
        assert files_that_say(Path(logs), word) == []
