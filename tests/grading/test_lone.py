"""A lone slice: what it shows is graded, and no row gets a side or a level that nothing tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lumbar.domain import Basis, Cell, Condition, Family, Level, Side, Status, StudyGrades, View
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.imaging.look import Look, role_by_look
from lumbar.imaging.roles import Role
from lumbar.imaging.study import Series, Study

CANAL = Condition.SPINAL_CANAL_STENOSIS


@pytest.fixture(scope="module")
def grader(trained_bundle: Bundle) -> Grader:
    return Grader(trained_bundle)


@pytest.fixture(scope="module")
def study(located: tuple[Study, Landmarks]) -> Study:
    return located[0]


def lone(study: Study, view: View, index: int) -> Series:
    """One slice of a study's series, with its geometry and without its neighbours."""
    series = study.of_view(view)[0]
    return replace(series, instances=(series.instances[index],), blocks=(0,))


def bare(series: Series, side: Side | None = None) -> Series:
    """A series as PNGs have it: without geometry, a side where a table tells it."""
    pictures = (replace(i, plane=None, side=side) for i in series.instances)
    return replace(series, instances=tuple(pictures))


def of(*series: Series) -> Study:
    return Study("lone", series)


def graded(grades: StudyGrades) -> set[Condition]:
    return {finding.cell.condition for finding in grades.graded()}


def lateral(study: Study) -> int:
    """Index of a T1 slice through the left foramina: 17 mm and more left of the middle."""
    series = study.of_view(View.SAGITTAL_T1)[0]
    places = [instance.plane.origin_mm[0] for instance in series]
    return int(np.argmin(np.abs(np.array(places) - np.mean(places) - 17)))


def test_where_the_picture_does_not_decide_the_view_nothing_is_graded_and_what_to_say_is_said(
    grader: Grader, study: Study
) -> None:
    role = role_by_look(
        Role(None, "orientation unknown (a PNG)", tuple(View)),
        Look({View.SAGITTAL_T1: 0.75, View.SAGITTAL_T2: 0.2, View.AXIAL_T2: 0.03}, 0.02),
    )
    picture = bare(lone(study, View.SAGITTAL_T1, lateral(study)))
    grades = grader.grade(of(replace(picture, view=role.view, reason=role.reason)))
    assert not graded(grades)
    assert not grades.unsided
    assert all("say which `view` it is" in finding.reason for finding in grades.findings)


def test_a_lone_sagittal_t2_slice_has_the_canals_grades_where_the_whole_study_has_them(
    grader: Grader, study: Study
) -> None:
    whole = grader.locate(study)
    index = whole.points[Cell(CANAL, Level.L3_L4)].index
    series = lone(study, View.SAGITTAL_T2, index)
    grades = grader.grade(of(series))
    assert graded(grades) == {CANAL}
    assert grades.unsided == ()
    for level in Level:
        evidence = grades[Cell(CANAL, level)].evidence
        assert evidence.point_px == pytest.approx(whole.points[Cell(CANAL, level)].point_px)
    assert "no Axial T2 series" in grades.findings[-1].reason


def test_a_lone_t2_picture_without_geometry_is_graded_at_the_same_points(
    grader: Grader, study: Study
) -> None:
    series = lone(study, View.SAGITTAL_T2, 6)
    placed, unplaced = (grader.grade(of(s)) for s in (series, bare(series)))
    assert graded(unplaced) == {CANAL}
    for level in Level:
        here, there = (g[Cell(CANAL, level)].evidence for g in (placed, unplaced))
        assert here.point_px == pytest.approx(there.point_px, abs=1.0)


@pytest.mark.parametrize("geometry", [True, False])
def test_a_lone_sagittal_t1_slice_is_graded_without_a_side(
    grader: Grader, study: Study, geometry: bool
) -> None:
    series = lone(study, View.SAGITTAL_T1, lateral(study))
    grades = grader.grade(of(series if geometry else bare(series)))
    assert not graded(grades)
    assert [(u.family, u.level, u.side) for u in grades.unsided] == [
        (Family.FORAMINAL, level, None) for level in Level
    ]
    for finding in grades.unsided:
        assert sum(finding.probabilities) == pytest.approx(1)
    reason = grades[Cell(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Level.L1_L2)].reason
    assert reason == "nothing says which side the lone slice shows; its grades are in `unsided`"


def test_a_lone_t1_picture_whose_side_a_table_tells_is_graded_in_its_rows(
    grader: Grader, study: Study
) -> None:
    series = bare(lone(study, View.SAGITTAL_T1, lateral(study)), Side.RIGHT)
    grades = grader.grade(of(series))
    assert graded(grades) == {Condition.RIGHT_NEURAL_FORAMINAL_NARROWING}
    assert grades.unsided == ()


def test_a_lone_t1_slice_beside_a_t2_stack_keeps_its_side(grader: Grader, study: Study) -> None:
    series = lone(study, View.SAGITTAL_T1, lateral(study))
    grades = grader.grade(of(series, *study.of_view(View.SAGITTAL_T2)))
    assert graded(grades) == {CANAL, Condition.LEFT_NEURAL_FORAMINAL_NARROWING}
    assert grades.unsided == ()


def test_two_t2_slices_are_no_mid_line(grader: Grader, study: Study) -> None:
    """They may lie anywhere: beside a lateral pair a slice on the left would look right-sided."""
    stack = study.of_view(View.SAGITTAL_T2)[0]
    pair = replace(stack, instances=stack.instances[-2:], blocks=(0, 0))
    grades = grader.grade(of(lone(study, View.SAGITTAL_T1, lateral(study)), pair))
    assert graded(grades) == {CANAL}
    assert {finding.family for finding in grades.unsided} == {Family.FORAMINAL}


def test_a_narrow_t1_stack_without_a_mid_line_claims_no_side(grader: Grader, study: Study) -> None:
    stack, index = study.of_view(View.SAGITTAL_T1)[0], lateral(study)
    narrow = replace(stack, instances=stack.instances[index - 1 : index + 2], blocks=(0, 0, 0))
    for series in (narrow, bare(narrow)):
        grades = grader.grade(of(series))
        assert not graded(grades)
        reason = grades[Cell(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Level.L1_L2)].reason
        assert reason == "nothing says which side the sagittal T1 slices show"


def test_a_lone_axial_slice_knows_its_sides_by_geometry_and_never_its_level(
    grader: Grader, study: Study
) -> None:
    series = lone(study, View.AXIAL_T2, 7)
    placed, unplaced = (grader.grade(of(s)) for s in (series, bare(series)))
    assert not graded(placed)
    assert not graded(unplaced)
    assert {(u.family, u.level, u.side) for u in placed.unsided} == {
        (Family.SUBARTICULAR, None, side) for side in Side
    }
    assert [(u.level, u.side) for u in unplaced.unsided] == [(None, None)] * 2
    cell = Cell(Condition.LEFT_SUBARTICULAR_STENOSIS, Level.L4_L5)
    assert "which level the lone slice" in placed[cell].reason
    assert "which side and level the lone slice" in unplaced[cell].reason
    left, right = sorted(placed.unsided, key=lambda u: u.side)
    assert left.evidence.point_mm[0] > right.evidence.point_mm[0]


def test_without_a_level_the_shares_are_the_mean_over_the_levels(
    grader: Grader, study: Study
) -> None:
    found = grader.locate(of(lone(study, View.AXIAL_T2, 7))).unplaced[0]
    marks = {c: m for c, m in found.landmarks.points.items() if c.condition.side is Side.LEFT}
    sided = grader.grade_at(of(lone(study, View.AXIAL_T2, 7)), Landmarks(marks, assumed_pixel_mm=1))
    mean = np.mean([sided[cell].probabilities for cell in marks], axis=0)
    grades = grader.grade(of(lone(study, View.AXIAL_T2, 7)))
    (left,) = (u for u in grades.unsided if u.side is Side.LEFT)
    assert left.probabilities == pytest.approx(tuple(mean), abs=1e-6)


def test_basis_real_leaves_synthetic_grades_of_a_lone_slice_out(
    trained_bundle: Bundle, study: Study
) -> None:
    grades = Grader(trained_bundle, basis=Basis.REAL).grade(of(lone(study, View.AXIAL_T2, 7)))
    assert grades.unsided == ()
    assert all(finding.status is Status.NOT_ASSESSED for finding in grades.findings)


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("value", [7.0, np.nan])
def test_bar_28_a_constant_or_unfinite_lone_picture_is_not_assessed(
    grader: Grader, study: Study, view: View, value: float
) -> None:
    series = lone(study, view, 5)
    empty = np.full_like(series.instances[0].pixels, value)
    pictures = tuple(replace(instance, pixels=empty) for instance in series)
    grades = grader.grade(of(replace(series, instances=pictures)))
    assert not graded(grades)
    assert grades.unsided == ()
