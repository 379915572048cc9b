"""Cohorts are the same bytes however they are written, and depend on seed and index alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lumbar.errors import ConfigError, FormatError
from lumbar.phantom import make_study, write_cohort


def digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "cohort.json"
    }


def test_two_processes_write_the_bytes_of_one(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_cohort(one, 2, seed=5)
    write_cohort(two, 2, seed=5, workers=2)
    assert digest(one) == digest(two)


def test_a_cohort_can_be_extended_from_an_index(tmp_path: Path) -> None:
    whole, rest = tmp_path / "whole", tmp_path / "rest"
    write_cohort(whole, 2, seed=5)
    write_cohort(rest, 1, seed=5, first=1)
    images = {name: value for name, value in digest(rest).items() if name.endswith(".dcm")}
    assert images.items() <= digest(whole).items()


def test_studies_of_a_seed_have_numbers_of_their_own() -> None:
    studies = [make_study(seed=6, index=index) for index in range(3)]
    ids = [study.study_id for study in studies]
    ids += [series.series_id for study in studies for series in study.series]
    assert len(set(ids)) == len(ids)
    assert all(number.isdigit() for number in ids)


def test_another_seed_is_another_spine() -> None:
    first, second = (make_study(seed=seed, index=0) for seed in (6, 7))
    assert first.study_id != second.study_id
    assert first.morphology != second.morphology


def test_a_finished_cohort_is_left_as_it_is(tmp_path: Path) -> None:
    first = write_cohort(tmp_path / "a", 1, seed=5)
    stamp = (tmp_path / "a" / "train.csv").stat().st_mtime_ns
    again = write_cohort(tmp_path / "a", 1, seed=5)
    assert again.reused
    assert again.files == first.files
    assert (tmp_path / "a" / "train.csv").stat().st_mtime_ns == stamp


def test_an_unfinished_cohort_is_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "a"

    def interrupt(done: int, every: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cohort(folder, 1, seed=5, progress=interrupt)
    assert not (folder / "train.csv").exists()
    report = write_cohort(folder, 1, seed=5)
    assert not report.reused
    assert (folder / "train.csv").exists()


def test_another_cohort_in_the_folder_is_refused(tmp_path: Path) -> None:
    write_cohort(tmp_path / "a", 1, seed=5)
    with pytest.raises(FormatError, match="holds another phantom cohort"):
        write_cohort(tmp_path / "a", 1, seed=6)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FormatError, match="not empty"):
        write_cohort(tmp_path, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"studies": 0}, "studies must be 1 or more"),
        ({"studies": 1, "workers": 0}, "workers must be 1"),
        ({"studies": 1, "seed": -1}, "seed must be 0"),
        ({"studies": 1, "size": "huge"}, "unknown size 'huge'"),
    ],
)
def test_arguments_out_of_range_are_refused(
    tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        write_cohort(tmp_path / "x", **arguments)  # type: ignore[arg-type]


def test_pictures_are_not_blank() -> None:
    for series in make_study(seed=8, index=0).series:
        for piece in series.slices:
            assert piece.pixels.dtype == np.uint16
            assert np.ptp(piece.pixels) > 100
