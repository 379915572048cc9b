"""Where each of the 25 findings is looked for: one point of one slice a cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from lumbar.domain import CELLS, Cell, Family, Level, LevelNumbering, Side, View
from lumbar.imaging.study import Instance, Series, Study
from lumbar.imaging.tables import LabelPoint

__all__ = ["APART", "LEVEL_DISTANCE_MM", "Landmark", "Landmarks", "Unplaced", "side_offset"]

LEVEL_DISTANCE_MM = 35.0
"""A disc to the next, where a picture has no spacing: an adult's lumbar bodies are 26-29 mm high
and the discs between them 8-11 mm (Zhou et al., Eur Spine J 9:242, 2000)."""

FEWEST_LEVELS = 4
"""Levels that both sides must have, of five, to be compared."""

APART = 0.5
"""Sides further apart than this, in levels, were counted from different discs: of 1,642 patients
none lies between .4 and .8 (benchmarks.sides)."""


@dataclass(frozen=True, slots=True)
class Landmark:
    """A cell's point on a slice: `point_px` (column, row), `point_mm` LPS where known."""

    cell: Cell
    series: Series
    index: int
    point_px: tuple[float, float]
    point_mm: tuple[float, float, float] | None
    confidence: float = 1.0
    worth: float = 1.0
    """How likely, before it is read, this is the slice that shows the cell best: 0..1."""

    @property
    def instance(self) -> Instance:
        """The slice that the point lies on."""
        return self.series.instances[self.index]

    @classmethod
    def at(
        cls,
        cell: Cell,
        series: Series,
        index: int,
        point_px: Iterable[float],
        confidence: float = 1.0,
        worth: float = 1.0,
    ) -> Landmark:
        """Landmark of a pixel; its mm follow from the slice's plane."""
        column, row = map(float, point_px)
        plane = series.instances[index].plane
        mm = None if plane is None else plane.to_world((column, row))
        point_mm = None if mm is None else (float(mm[0]), float(mm[1]), float(mm[2]))
        return cls(cell, series, index, (column, row), point_mm, confidence, worth)


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Points of a lone slice, of one family, under cells that stand for several.

    Where the side is unknown a foramen's cell is that of the left; where the level is unknown each
    point is there under all five levels. `reason` is what the cells' rows say.
    """

    family: Family
    landmarks: Landmarks
    side_known: bool
    level_known: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The points of a study, and for each cell without one the reason in words."""

    points: Mapping[Cell, Landmark]
    reasons: Mapping[Cell, str] = field(default_factory=dict)
    numbering: LevelNumbering = LevelNumbering.CERTAIN
    unplaced: tuple[Unplaced, ...] = ()
    """What a lone slice shows of cells that nothing tells apart."""
    beside: Mapping[Cell, tuple[Landmark, ...]] = field(default_factory=dict)
    """Further slices of the same series that may show a cell as well as its point's does; its grade
    is read off all of them."""
    middle_known: bool = True
    """Whether anything says that the sagittal T2 slices hold the middle of the canal."""
    assumed_pixel_mm: float | None = None
    """Size of a pixel where spacing is unknown and no two levels are there to measure it by."""

    @classmethod
    def of_labels(cls, study: Study, labels: Iterable[LabelPoint]) -> Landmarks:
        """The given points of `train_label_coordinates.csv`; a slice that is absent is a reason."""
        slices = {
            (series.series_id, instance.number): (series, index)
            for series in study.series
            for index, instance in enumerate(series)
        }
        points: dict[Cell, Landmark] = {}
        reasons = dict.fromkeys(CELLS, "no point was given for it")
        for label in labels:
            found = slices.get((label.series_id, label.instance_number))
            if found is None:
                reasons[label.cell] = "its point lies on a slice that is not there"
            else:
                points.setdefault(label.cell, Landmark.at(label.cell, *found, (label.x, label.y)))
        return cls(points, {c: r for c, r in reasons.items() if c not in points})

    def sides_apart(self) -> bool:
        """Whether the two sides' foramina were counted from different discs, in any series."""
        heights: dict[str, dict[tuple[Side, Level], float]] = {}
        for cell, mark in self.points.items():
            if cell.condition.family is Family.FORAMINAL and cell.condition.side:
                seen = heights.setdefault(mark.series.series_id, {})
                height = mark.point_px[1] if mark.point_mm is None else -mark.point_mm[2]
                seen[cell.condition.side, cell.level] = height
        return any(abs(side_offset(seen) or 0.0) > APART for seen in heights.values())

    def pixel_mm(self) -> dict[str, float]:
        """Size in mm of a pixel where spacing is unknown, by series, from the levels' distances.

        On one sagittal series the mean distance of neighbouring levels' points of one condition
        counts as `LEVEL_DISTANCE_MM`; where no neighbours are there, that of others does for each
        level between. A series without any has the mean of the others' sizes, 1.0 if none has
        one: axial slices show one level each. What is assumed goes first.
        """
        series_ids = {mark.series.series_id for mark in self.points.values()}
        if self.assumed_pixel_mm is not None:
            return dict.fromkeys(series_ids, self.assumed_pixel_mm)
        distances: dict[str, dict[int, list[float]]] = {}
        bare = [(cell, mark) for cell, mark in self.points.items() if _is_bare_sagittal(mark)]
        for cell, one in bare:
            for other_cell, other in bare:
                gap = other_cell.level.ordinal - cell.level.ordinal
                series_id = one.series.series_id
                alike = cell.condition is other_cell.condition
                if gap < 1 or not alike or other.series.series_id != series_id:
                    continue
                row, column = one.instance.pixel_mm()
                step = np.subtract(other.point_px, one.point_px) * (column, row)
                mine = distances.setdefault(series_id, {})
                mine.setdefault(gap, []).append(math.hypot(*step) / gap)
        sizes = {
            series_id: LEVEL_DISTANCE_MM / float(np.mean(mine[min(mine)]))
            for series_id, mine in distances.items()
        }
        mean = float(np.mean(list(sizes.values()))) if sizes else 1.0
        return {series_id: sizes.get(series_id, mean) for series_id in series_ids}


def _is_bare_sagittal(mark: Landmark) -> bool:
    return mark.instance.plane is None and mark.series.view is not View.AXIAL_T2


def side_offset(heights: Mapping[tuple[Side, Level], float]) -> float | None:
    """How far the left foramina lie below the right ones of the same names, in levels.

    `heights` are of one series, in pixels or mm, larger towards the feet. The median over
    the levels; None where fewer than `FEWEST_LEVELS` are there on both sides.
    """
    both = [level for level in Level if all((side, level) in heights for side in Side)]
    if len(both) < FEWEST_LEVELS:
        return None
    left, right = ([heights[side, level] for level in both] for side in (Side.LEFT, Side.RIGHT))
    ordinals = [level.ordinal for level in both]
    level_px = np.polyfit(ordinals * 2, left + right, 1)[0]  # one slope through both sides
    return float(np.median(np.subtract(left, right)) / level_px)
