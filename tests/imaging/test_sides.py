"""Readers who name the levels of the two sides apart: found where they do, and only there."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.sides import offsets, report
from lumbar.domain import Cell, Condition, Family, Level, Side
from lumbar.imaging.tables import LabelPoint

LEVEL_PX = 40.0


def foramina(study: str, names: int = 0, tilt: float = 0.0) -> list[LabelPoint]:
    """Both sides' foramina; the left ones are named `names` levels too low, `tilt` px lower."""
    return [
        LabelPoint(study, "7", 3, Cell(Condition.of(Family.FORAMINAL, side), level), 100.0, y)
        for side, moved in ((Side.RIGHT, 0.0), (Side.LEFT, tilt - LEVEL_PX * names))
        for level in Level
        for y in [100 + LEVEL_PX * level.ordinal + moved]
    ]


@pytest.mark.parametrize(("names", "offset"), [(0, 0.0), (1, -1.0), (-1, 1.0)])
def test_a_side_counted_from_another_disc_is_a_level_off(names: int, offset: float) -> None:
    assert offsets(foramina("1", names)) == {"1": pytest.approx(offset)}


def test_a_bent_spine_is_not_named_apart() -> None:
    found = offsets([*foramina("1", tilt=0.3 * LEVEL_PX), *foramina("2", names=1)])
    assert found["1"] == pytest.approx(0.3)
    assert report(found).startswith("2 patients, 1 (0.500) with sides named a level apart")


def test_patients_with_too_few_levels_on_both_sides_do_not_count() -> None:
    right_and_three = [
        point
        for point in foramina("1")
        if point.cell.condition.side is Side.RIGHT or point.cell.level.ordinal < 3
    ]
    assert offsets(right_and_three) == {}
    second = [dataclasses.replace(point, series_id="8") for point in right_and_three]
    assert offsets([*foramina("1"), *second]) == {"1": pytest.approx(0)}
