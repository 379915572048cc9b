"""Heat maps: the grade stays as it is, the map lies where the picture that was graded lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lumbar.domain import Family
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.imaging.study import Study
from lumbar.phantom import PhantomStudy

Written = Callable[[PhantomStudy, Path], tuple[Study, Landmarks]]


@pytest.fixture(scope="module")
def grader(bundle: Bundle) -> Grader:
    return Grader(bundle)


def test_explaining_a_study_changes_no_grade(
    grader: Grader, located: tuple[Study, Landmarks]
) -> None:
    study, _ = located
    plain, (explained, heat) = grader.grade(study), grader.explain(study)
    assert plain.findings == explained.findings
    assert set(heat) == {finding.cell for finding in explained.graded()}


def test_a_map_lies_in_0_to_1_over_the_square_round_the_point(
    grader: Grader, located: tuple[Study, Landmarks]
) -> None:
    grades, heat = grader.explain_at(*located)
    for cell, one in heat.items():
        evidence = grades[cell].evidence
        assert evidence is not None
        assert one.values.dtype == np.float32
        assert one.values.min() >= 0
        assert one.values.max() == pytest.approx(1, abs=1e-6)
        assert (one.series_id, one.instance) == (evidence.series_id, evidence.instance)
        assert one.corners_px.mean(axis=0) == pytest.approx(evidence.point_px, abs=1e-3)
        assert one.places_px().mean(axis=(0, 1)) == pytest.approx(evidence.point_px, abs=1e-3)


def test_the_corners_span_the_field_in_mm(grader: Grader, located: tuple[Study, Landmarks]) -> None:
    study, landmarks = located
    grades, heat = grader.explain_at(study, landmarks)
    for cell, one in heat.items():
        evidence = grades[cell].evidence
        assert evidence is not None
        row_mm, column_mm = landmarks.points[cell].instance.pixel_mm()
        edges = np.diff(one.corners_px, axis=0) * (column_mm, row_mm)
        assert np.hypot(*edges.T) == pytest.approx(evidence.field_mm, rel=1e-6)


def test_a_mirrored_patient_has_the_maps_of_the_other_side(
    grader: Grader,
    phantom: PhantomStudy,
    located: tuple[Study, Landmarks],
    written: Written,
    tmp_path: Path,
) -> None:
    _, straight = grader.explain_at(*located)
    _, mirrored = grader.explain_at(*written(phantom.mirrored(), tmp_path))
    for cell, one in straight.items():
        assert mirrored[cell.mirrored].values == pytest.approx(one.values, abs=2e-3), cell.column
        if cell.condition.family is not Family.SUBARTICULAR:
            continue
        # an axial picture of a right side is shown mirrored: its top left is the slice's top right
        turned = np.sign(np.diff(one.corners_px[:2, 0])) * (
            -1 if cell.condition.side == "right" else 1
        )
        assert turned == 1, cell.column
