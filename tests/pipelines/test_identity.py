"""What a scoring run takes for the same studies, and what not."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lumbar.errors import ConfigError
from lumbar.pipelines.identity import code_version, studies_digest
from lumbar.pipelines.manifest import list_studies
from lumbar.pipelines.score import ScorePlan, score


@pytest.fixture(scope="module")
def whole(cohort: Path) -> str:
    return digest(cohort)


@pytest.fixture
def copy(cohort: Path, tmp_path: Path) -> Path:
    """The cohort in another place, every file with another time."""
    root = tmp_path / "moved"
    shutil.copytree(cohort, root, copy_function=shutil.copyfile)
    for path in root.rglob("*.dcm"):
        os.utime(path, (1e9, 1e9))
    return root


def digest(root: Path) -> str:
    return studies_digest(list_studies(root, trusted=True))


def zipped(root: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as made:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            made.write(path, path.relative_to(root).as_posix())
    return archive


def some_file(root: Path) -> Path:
    return min(root.rglob("*.dcm"))


def longer(root: Path) -> None:
    some_file(root).write_bytes(some_file(root).read_bytes() + b"\0\0")


def another_header(root: Path) -> None:
    data = some_file(root).read_bytes()
    some_file(root).write_bytes(data[:300] + bytes([data[300] ^ 1]) + data[301:])


def another_picture(root: Path) -> None:
    data, at = some_file(root).read_bytes(), some_file(root).stat().st_size // 2 + 9
    some_file(root).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def another_table(root: Path) -> None:
    table = root / "train_series_descriptions.csv"
    table.write_text(table.read_text().replace("Axial T2", "Sagittal T1"))


Change = Callable[[Path], None]


def test_a_copy_with_other_times_in_another_place_is_the_same(whole: str, copy: Path) -> None:
    assert digest(copy) == whole


@pytest.mark.parametrize("change", [longer, another_header, another_picture, another_table])
def test_the_same_names_with_other_bytes_are_others(whole: str, copy: Path, change: Change) -> None:
    change(copy)
    assert digest(copy) != whole


def test_of_an_archive_too(copy: Path, tmp_path: Path) -> None:
    before = digest(zipped(copy, tmp_path / "one.zip"))
    assert digest(zipped(copy, tmp_path / "two.zip")) == before
    another_picture(copy)
    assert digest(zipped(copy, tmp_path / "three.zip")) != before


def test_a_file_that_is_gone_since_it_was_listed_is_another(whole: str, copy: Path) -> None:
    studies = list_studies(copy, trusted=True)
    some_file(copy).unlink()
    assert studies_digest(studies) != whole


def begun(output: Path, **key: str) -> Path:
    """A folder in which a run with this key was begun."""
    output.mkdir()
    (output / "run.json").write_text(json.dumps(key))
    return output


def test_a_run_by_another_lumbar_is_refused_in_words(
    cohort: Path, bundle: Path, tmp_path: Path
) -> None:
    mine = code_version()
    assert "+" in mine
    for theirs, said in (("0.0.1+abc", "0.0.1"), (None, "not recorded")):
        key = {} if theirs is None else {"lumbar": theirs}
        output = begun(tmp_path / said, **key)
        with pytest.raises(ConfigError) as refused:
            score(cohort, ScorePlan(bundle, output, trusted=True))
        words = str(refused.value)
        assert f"lumbar's version or its code (lumbar {theirs or said} -> {mine})" in words
        assert "Name another --output, or remove this folder to score anew" in words
        assert (output / "run.json").exists()
