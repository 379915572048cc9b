"""A foramen is graded on the slice that shows it best and on those that nearly do."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from lumbar.config import CropSettings
from lumbar.domain import Cell, Condition, Level
from lumbar.grading.bundle import Bundle
from lumbar.grading.crops import cut_crops
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.grading.sights import Sight, nearly_the_best
from lumbar.imaging.study import Study

CELL = Cell(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Level.L4_L5)


def sight(worth: float) -> Sight:
    look = SimpleNamespace(index=0)
    return Sight(worth, look, np.zeros(2), worth)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("worths", "kept"),
    [
        ((0.2, 0.9, 0.8), (0.9, 0.8)),
        ((0.9, 0.89, 0.88, 0.87), (0.9, 0.89, 0.88)),
        ((0.4,), (0.4,)),
        ((0.9, 0.5), (0.9,)),
    ],
)
def test_the_best_goes_first_and_few_go_with_it(
    worths: tuple[float, ...], kept: tuple[float, ...]
) -> None:
    assert tuple(one.worth for one in nearly_the_best(map(sight, worths))) == kept


@pytest.fixture
def beside(located: tuple[Study, Landmarks]) -> Landmarks:
    """The phantom's points, and for one foramen the slices next to its own."""
    landmarks = located[1]
    mark = landmarks.points[CELL]
    others = tuple(
        Landmark.at(CELL, mark.series, mark.index + step, mark.point_px, 0.9) for step in (-1, 1)
    )
    return replace(landmarks, beside={CELL: others})


def test_every_slice_beside_is_one_more_picture_of_its_finding(
    located: tuple[Study, Landmarks], beside: Landmarks
) -> None:
    study, landmarks = located
    plain, more = (cut_crops(study, marks, CropSettings()) for marks in (landmarks, beside))
    row = plain.cells.index(CELL)
    assert plain.cells == more.cells
    assert (plain.rows == row).sum() == 1
    assert (more.rows == row).sum() == 3
    own = more.pictures[more.rows == row]
    assert np.array_equal(own[0], plain.pictures[plain.rows == row][0])
    assert not np.array_equal(own[1], own[0])


def test_the_grade_is_read_off_all_of_them_and_says_so(
    bundle: Bundle, located: tuple[Study, Landmarks], beside: Landmarks
) -> None:
    study, landmarks = located
    grader = Grader(bundle)
    one, many = grader.grade_at(study, landmarks), grader.grade_at(study, beside)
    assert many[CELL].probabilities != one[CELL].probabilities
    assert "3 slices of Sagittal T1" in many[CELL].reason
    assert many[CELL].evidence == one[CELL].evidence
    for finding in one.findings:
        if finding.cell != CELL:
            assert many[finding.cell].probabilities == pytest.approx(finding.probabilities)


def test_a_finding_of_several_slices_has_the_heat_map_of_its_point(
    bundle: Bundle, located: tuple[Study, Landmarks], beside: Landmarks
) -> None:
    _, heat = Grader(bundle).explain_at(located[0], beside)
    assert heat[CELL].instance == beside.points[CELL].instance.instance_id
    assert len(heat) == 25
