"""score on three phantoms with a bundle that has learned nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lumbar.errors import ConfigError
from lumbar.pipelines.score import ScorePlan, score
from lumbar.reports.schema import read_grades

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory, cohort: Path) -> Path:
    """The cohort with one slice cut in half and one study's every file made text."""
    root = tmp_path_factory.mktemp("damaged") / "cohort"
    shutil.copytree(cohort, root)
    first, second, _ = sorted((root / "train_images").iterdir())
    slices = sorted(first.rglob("*.dcm"))
    slices[0].write_bytes(slices[0].read_bytes()[:-2000])
    for path in second.rglob("*.dcm"):
        path.write_text("not a picture")
    return root


@pytest.fixture(scope="module")
def scored(
    tmp_path_factory: pytest.TempPathFactory, local_ray: None, damaged: Path, bundle: Path
) -> Path:
    output = tmp_path_factory.mktemp("scored") / "one"
    score(damaged, ScorePlan(bundle, output, actors=1))
    return output


def test_every_study_that_can_be_read_has_25_rows(scored: Path, damaged: Path) -> None:
    grades = read_grades(scored / "grades.parquet")
    first, _, third = sorted(path.name for path in (damaged / "train_images").iterdir())
    assert grades["study_id"].to_pylist() == [first] * 25 + [third] * 25


def test_failures_name_the_damaged_file_and_the_study_without_pictures(
    scored: Path, damaged: Path
) -> None:
    failures = pq.read_table(scored / "failures.parquet").to_pylist()
    first, second, _ = sorted(path.name for path in (damaged / "train_images").iterdir())
    assert [failure["study_id"] for failure in failures] == [first, second]
    assert "truncated" in failures[0]["reason"]
    assert "no MRI slice" in failures[1]["reason"]


def test_one_actor_and_two_give_the_same_files(
    scored: Path, damaged: Path, bundle: Path, tmp_path: Path
) -> None:
    score(damaged, ScorePlan(bundle, tmp_path / "two", actors=2))
    for name in ("submission.csv", "grades.parquet", "failures.parquet"):
        assert (tmp_path / "two" / name).read_bytes() == (scored / name).read_bytes(), name


def test_a_finished_run_is_not_done_again(scored: Path, damaged: Path, bundle: Path) -> None:
    again = score(damaged, ScorePlan(bundle, scored, actors=1))
    assert again["finished_before"]
    assert again["studies"] == 3


def test_the_folder_of_another_run_is_refused_with_what_differs(
    scored: Path, cohort: Path, bundle: Path
) -> None:
    only = next((cohort / "train_images").iterdir())
    with pytest.raises(ConfigError, match="studies_sha256"):
        score(only, ScorePlan(bundle, scored, actors=1))


def test_a_finished_run_is_that_of_a_copy_and_not_of_other_bytes_under_the_same_names(
    scored: Path, damaged: Path, bundle: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(damaged, copy, copy_function=shutil.copyfile)
    assert score(copy, ScorePlan(bundle, scored, actors=1))["finished_before"]
    path = max(copy.rglob("*.dcm"))
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(ConfigError, match="the studies: their files' names or bytes"):
        score(copy, ScorePlan(bundle, scored, actors=1))


def test_seconds_are_told_by_stage(scored: Path) -> None:
    import json

    told = json.loads((scored / "_SUCCESS.json").read_text())
    assert list(told["seconds"]) == ["read", "decode", "locate", "crop", "grade", "write"]
    assert all(told["seconds"][stage] > 0 for stage in ("read", "decode", "locate"))


def test_a_table_of_grades_has_no_row_without_a_reason(scored: Path) -> None:
    grades: pa.Table = read_grades(scored / "grades.parquet")
    assert all(grades["reason"].to_pylist())
