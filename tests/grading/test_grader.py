"""One way to an answer: always 25 findings, the same for a mirrored patient and any file order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumbar.domain import CELLS, Basis, Cell, Condition, Family, Status, StudyGrades, View
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.imaging.read import read_study
from lumbar.imaging.study import Study
from lumbar.phantom import PhantomStudy, make_study
from lumbar.phantom.write import write_study

Written = Callable[[PhantomStudy, Path], tuple[Study, Landmarks]]


def shares(grades: StudyGrades, cell: Cell) -> tuple[float, float, float]:
    probabilities = grades[cell].probabilities
    assert probabilities is not None
    return probabilities


@pytest.fixture(scope="module")
def grader(bundle: Bundle) -> Grader:
    return Grader(bundle)


def test_a_study_with_all_views_has_25_findings_with_probabilities(
    grader: Grader, located: tuple[Study, Landmarks]
) -> None:
    grades = grader.grade_at(*located)
    assert [finding.cell for finding in grades.findings] == list(CELLS)
    for finding in grades.graded():
        assert finding.probabilities is not None
        assert sum(finding.probabilities) == pytest.approx(1)
    assert len(list(grades.graded())) == 25


def test_mirroring_the_patient_swaps_the_sides_and_leaves_the_canal_alone(
    grader: Grader,
    phantom: PhantomStudy,
    located: tuple[Study, Landmarks],
    written: Written,
    tmp_path: Path,
) -> None:
    straight = grader.grade_at(*located)
    mirrored = grader.grade_at(*written(phantom.mirrored(), tmp_path))
    for cell in CELLS:
        there, here = mirrored[cell.mirrored].probabilities, straight[cell].probabilities
        assert there == pytest.approx(here, abs=1e-4), cell.column


def test_the_two_sides_are_told_apart(grader: Grader, located: tuple[Study, Landmarks]) -> None:
    grades = grader.grade_at(*located)
    sided = [cell for cell in CELLS if cell.condition.side is not None]
    differences = [
        abs(np.subtract(shares(grades, cell), shares(grades, cell.mirrored))).max()
        for cell in sided
    ]
    assert max(differences) > 1e-4


def test_shuffled_instance_numbers_change_nothing(grader: Grader, tmp_path: Path) -> None:
    answers = []
    for traps in ((), ("shuffled_instances",)):
        study = make_study(seed=4, index=1, size="small", traps=traps)
        home = tmp_path / "-".join(("root", *traps)) / "train_images"
        write_study(study, home, frozenset(traps))
        grades = grader.grade(read_study(home / study.study_id))
        answers.append([(f.severity, f.probabilities, f.status) for f in grades.findings])
    assert answers[0] == answers[1]


def test_an_absent_view_is_a_reason_and_no_guess(
    grader: Grader, located: tuple[Study, Landmarks]
) -> None:
    study, _ = located
    lacking = replace(study, series=study.of_view(View.SAGITTAL_T1) + study.of_view(View.AXIAL_T2))
    for finding in grader.grade(lacking).findings:
        if finding.cell.condition is Condition.SPINAL_CANAL_STENOSIS:
            assert finding.status is Status.NOT_ASSESSED
            assert finding.reason == "no Sagittal T2/STIR series"


def test_a_constant_picture_is_not_graded(grader: Grader, located: tuple[Study, Landmarks]) -> None:
    study, landmarks = located
    series = tuple(
        replace(
            one,
            instances=tuple(replace(i, pixels=np.full_like(i.pixels, 7)) for i in one.instances),
        )
        for one in study.series
    )
    by_id = {one.series_id: one for one in series}
    blank = {
        cell: replace(mark, series=by_id[mark.series.series_id])
        for cell, mark in landmarks.points.items()
    }
    grades = grader.grade_at(replace(study, series=series), Landmarks(blank))
    assert not list(grades.graded())


def test_basis_real_leaves_synthetic_findings_not_assessed(
    bundle: Bundle, located: tuple[Study, Landmarks]
) -> None:
    grades = Grader(bundle, basis=Basis.REAL).grade_at(*located)
    assert not list(grades.graded())
    assert "never tested on patients" in grades.findings[0].reason


def test_a_family_that_was_not_trained_is_not_graded(
    bundle: Bundle, located: tuple[Study, Landmarks]
) -> None:
    config = bundle.config.model_copy(update={"basis": {Family.FORAMINAL: Basis.REAL}})
    grades = Grader(replace(bundle, config=config)).grade_at(*located)
    graded = {finding.cell.condition.family for finding in grades.graded()}
    assert graded == {Family.FORAMINAL}
