"""What a grade rests on: in words, and as the point and square that it was read off."""

from __future__ import annotations

from collections import Counter

from lumbar.domain import MIDDLE_UNKNOWN, Cell, Evidence, Family, Level, Side, View
from lumbar.grading.crops import Crops
from lumbar.grading.landmarks import Landmark, Unplaced

__all__ = ["evidence_of", "grounds", "place_of"]


def place_of(cell: Cell, unplaced: Unplaced) -> tuple[Side | None, Level | None]:
    """What tells a lone slice's points apart: where on the picture, and the level if known."""
    return cell.condition.side, cell.level if unplaced.level_known else None


def grounds(
    mark: Landmark,
    crops: Crops,
    cell: Cell,
    *,
    unleveled: bool = False,
    middle_known: bool = True,
) -> str:
    """What a grade rests on, in words, and what is not known of it."""
    shown = Counter(list(View)[v] for v in crops.views[crops.rows == crops.cells.index(cell)])
    views = " and ".join(
        f"{count} slices of {view.description}" if count > 1 else view.description
        for view, count in shown.items()
    )
    where = "at a given point" if mark.confidence == 1 else "at the located level"
    if unleveled:
        where = "at the located point, as the mean of what the five levels would have"
    if cell.condition.family is Family.CANAL and not middle_known:
        where += f"; {MIDDLE_UNKNOWN}"
    return f"graded on {views} {where}"


def evidence_of(mark: Landmark, field_mm: float) -> Evidence:
    """The point that was graded, with the edge of its square in mm."""
    return Evidence(
        mark.series.view or View.SAGITTAL_T2,
        mark.series.series_id,
        mark.instance.instance_id,
        mark.point_px,
        mark.point_mm,
        field_mm,
        mark.confidence,
    )
