"""Two real patients in one heap of renamed files: the rows that their tidy folders give."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pydicom
import pytest

from lumbar.domain import StudyGrades, View
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.recognise import recognise
from lumbar.imaging import Study, find_studies, read_study, read_uploaded

pytestmark = [pytest.mark.real, pytest.mark.nightly]

STUDIES = ("100206310", "44036939")


def heap(root: Path, *, described: bool) -> dict[str, bytes]:
    """Every file under a name that says nothing, InstanceNumber shuffled within each series."""
    shuffle = random.Random(7)
    files = {}
    for folder in sorted(root.glob("*_images/*/*")):
        paths = sorted(folder.iterdir())
        numbers = shuffle.sample(range(1, len(paths) + 1), len(paths))
        for path, number in zip(paths, numbers, strict=True):
            dataset = pydicom.dcmread(path)
            dataset.InstanceNumber = number
            if not described:
                del dataset.SeriesDescription
            content = io.BytesIO()
            dataset.save_as(content)
            files[f"{shuffle.getrandbits(64):016x}"] = content.getvalue()
    return files


def rows(grades: StudyGrades) -> list[tuple[object, ...]]:
    return [(f.cell, f.status, f.severity, f.probabilities, f.reason) for f in grades.findings]


@pytest.fixture(scope="module")
def grader(trained_bundle: Bundle) -> Grader:
    return Grader(trained_bundle)


@pytest.fixture(scope="module")
def tidy(lumbar_data: Path, grader: Grader) -> dict[str, list[tuple[object, ...]]]:
    """The 25 rows of each study as its folder and the CSVs give them."""
    root = lumbar_data / "rsna_full"
    return {files.study_id: rows(grader.grade(read_study(files))) for files in find_studies(root)}


@pytest.mark.parametrize("described", [True, False], ids=["described", "bare"])
def test_a_heap_of_both_real_studies_gives_each_ones_own_rows(
    lumbar_data: Path,
    grader: Grader,
    tidy: dict[str, list[tuple[object, ...]]],
    described: bool,
) -> None:
    studies = read_uploaded(
        heap(lumbar_data / "rsna_full", described=described), recognise=recognise
    )
    assert len(studies) == 2
    assert sorted(patient(study) for study in studies) == sorted(STUDIES)
    for study in studies:
        assert [series.view for series in study.series] == list(View)
        assert not study.set_aside
        assert rows(grader.grade(study)) == tidy[patient(study)]


def patient(study: Study) -> str:
    """The folder's name, which the challenge's StudyInstanceUID ends or begins with."""
    (found,) = [name for name in STUDIES if name in study.study_id]
    return found
