"""Whether points found head to foot can be the discs L1/L2 to L5/S1.

A locator names five levels whatever a picture shows. Where the picture ends above L5/S1 or below
L1/L2, or shows another part of the spine, the distances between its points tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import Level
from lumbar.imaging.study import Instance

__all__ = ["Row", "row_of"]

DISTANCE_MM = (20.0, 50.0)
"""Between neighbouring discs: the neck's lie 15-20 mm apart, an adult's lumbar ones 29-45 mm
(`landmarks.LEVEL_DISTANCE_MM`)."""

STEPS, LAST_STEP = (0.7, 1.45), (0.45, 1.35)
"""Distance from a disc to the next, and from L4/L5 to L5/S1, in the median one of the row: of the
foramina that readers marked on 3,291 sides .66-1.59 and .43-1.29, in 99.8 of 100 within these."""

EDGE = 0.4
"""A point nearer to the picture's edge than this many steps, about 15 mm, is not seen whole: the
nearest that a reader marked lies .67 away."""

ROOM = 1.0
"""Steps of picture below L5/S1, which 99.9 of 100 marked sides have. Without them 218 of 340 levels
had another's name, in pictures that end above L5/S1 (benchmarks.discs --cut foot)."""

FEWEST = 3
"""Discs that a row must have to be one."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of points says of its levels' names.

    `reasons` has the levels that cannot be what they are named; `certain` is False where all names
    may be one too high or one too low.
    """

    reasons: Mapping[Level, str] = field(default_factory=dict)
    certain: bool = True


def row_of(points_px: Mapping[Level, ArrayLike], instance: Instance) -> Row:
    """The row of points (column, row) on a sagittal slice.

    It is followed from the lowest point upwards, since the sacrum tells the names; above the first
    distance that cannot be, none is kept.
    """
    levels = sorted(points_px, key=lambda level: level.ordinal)
    if len(levels) < 2:
        return Row(dict.fromkeys(levels, _UNEVEN), certain=False)
    row_mm, column_mm = instance.pixel_mm()
    places = np.array([points_px[level] for level in levels], float) * (column_mm, row_mm)
    steps = np.array([b.ordinal - a.ordinal for a, b in pairwise(levels)])
    apart = np.linalg.norm(np.diff(places, axis=0), axis=1) / steps
    usual = float(np.median(apart))
    least, most = DISTANCE_MM
    if instance.plane is not None and not least <= usual <= most:
        why = f"the discs found are {usual:.0f} mm apart, which is no adult's lumbar spine"
        return Row(dict.fromkeys(levels, why), certain=False)
    kept = _even(levels, apart / usual)
    reasons = dict.fromkeys((level for level in levels if level not in kept), _UNEVEN)
    rows, columns = instance.shape
    size = np.array([(columns - 1) * column_mm, (rows - 1) * row_mm])
    for level, place in zip(levels, places, strict=True):
        if level in kept and min(*place, *(size - place)) < EDGE * usual:
            reasons[level] = "its level lies at the picture's edge"
    unseen = Level.L5_S1.ordinal - levels[-1].ordinal
    if size[1] - places[-1, 1] < (ROOM + unseen) * usual:
        return Row(dict.fromkeys(levels, _CUT_OFF), certain=False)
    return Row(reasons, len(kept) == len(levels) and not unseen)


_CUT_OFF = "the picture ends too near the lowest disc to name any; send one that shows the sacrum"
_UNEVEN = "the discs found lie too unevenly to name its level"


def _even(levels: list[Level], steps: NDArray[np.float64]) -> set[Level]:
    """The levels, from the lowest, up to the first step that cannot be; none of too few."""
    kept = {levels[-1]}
    for above, below, step in reversed(list(zip(levels, levels[1:], steps, strict=False))):
        least, most = LAST_STEP if below is Level.L5_S1 else STEPS
        if not least <= step <= most:
            break
        kept.add(above)
    return kept if len(kept) >= FEWEST else set()
