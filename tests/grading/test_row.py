"""Five points are a lumbar spine's discs only where their distances and the picture can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from lumbar.domain import Level
from lumbar.grading.row import Row, row_of
from lumbar.imaging.geometry import Plane
from lumbar.imaging.study import Instance

SAGITTAL = ([0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0, -1.0])


def row(
    steps: Sequence[float], *, top: float = 80, rows: int = 400, spacing_mm: float | None = None
) -> Row:
    """Of points below one another at distances in pixels; each pixel a millimetre if none."""
    plane = None
    if spacing_mm:
        plane = Plane.from_dicom(*SAGITTAL, [spacing_mm, spacing_mm])
    picture = Instance("1", "1", "1.png", np.zeros((rows, 400), np.float32), plane)
    heights = np.cumsum([top, *steps])
    return row_of({level: (200, y) for level, y in zip(Level, heights, strict=False)}, picture)


@pytest.mark.parametrize("steps", [(35, 35, 35, 35), (30, 36, 40, 33), (34, 36, 38, 19)])
def test_discs_at_distances_that_patients_have_keep_their_names(steps: Sequence[float]) -> None:
    assert row(steps) == Row({}, certain=True)


@pytest.mark.parametrize(
    ("steps", "lost"),
    [
        ((12, 36, 35, 34), ["l1_l2"]),
        ((37, 9, 37, 35), ["l1_l2", "l2_l3"]),
        ((70, 36, 35, 34), ["l1_l2"]),
        ((35, 36, 14, 35), list(Level)),
        ((35, 36, 35, 9), list(Level)),
        ((35, 35, 35, 60), list(Level)),
    ],
)
def test_above_a_distance_that_cannot_be_no_level_has_a_name(
    steps: Sequence[float], lost: list[str]
) -> None:
    found = row(steps)
    assert sorted(found.reasons) == lost
    assert set(found.reasons.values()) == {"the discs found lie too unevenly to name its level"}
    assert not found.certain


def test_a_picture_that_ends_below_the_lowest_disc_names_none() -> None:
    steps = (35, 35, 35, 35)
    assert row(steps, rows=80 + 140 + 40).certain
    cut = row(steps, rows=80 + 140 + 30)
    assert sorted(cut.reasons) == list(Level)
    assert all("send one that shows the sacrum" in why for why in cut.reasons.values())


def test_levels_that_were_not_found_below_need_their_room_too() -> None:
    assert row((35, 35, 35), rows=80 + 105 + 80) == Row({}, certain=False)
    assert len(row((35, 35, 35), rows=80 + 105 + 60).reasons) == 4


def test_a_level_at_the_edge_of_the_picture_is_not_assessed() -> None:
    found = row((35, 35, 35, 35), top=10)
    assert found == Row({Level.L1_L2: "its level lies at the picture's edge"}, certain=True)


@pytest.mark.parametrize(("spacing_mm", "named"), [(1.0, True), (0.5, False), (1.6, False)])
def test_the_necks_discs_are_no_lumbar_ones(spacing_mm: float, named: bool) -> None:
    found = row((35, 35, 35, 35), spacing_mm=spacing_mm)
    assert (found == Row({}, certain=True)) is named
    if not named:
        apart = f"the discs found are {35 * spacing_mm:.0f} mm apart"
        assert all(why.startswith(apart) for why in found.reasons.values())


def test_a_single_disc_is_no_row() -> None:
    assert list(row(()).reasons) == [Level.L1_L2]
