"""Which slices a foramen is graded on: the one that shows it best, and those that nearly do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import Cell
from lumbar.grading.landmarks import Landmark
from lumbar.grading.looks import SliceMaps
from lumbar.imaging.study import Series

__all__ = ["Sight", "nearly_the_best"]

MOST, NEARLY = 3, 0.8
"""Slices at most, each worth at least this much of the best one. The slice that a reader marked is
told from the others in 57 of 100 cases, and on another one a grade lost .19 of weighted log loss;
the mean over all candidates lost .05 less in all (benchmarks/ABLATIONS.md)."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A foramen on one slice: how likely this is the slice that shows it best, and where.

    `spot` `[2]` is (column, row) on the look's square.
    """

    worth: float
    look: SliceMaps
    spot: NDArray[np.float64]
    confidence: float

    def landmark(self, cell: Cell, series: Series) -> Landmark:
        """The place on the slice itself."""
        point = self.look.square.to_picture(self.spot)
        return Landmark.at(cell, series, self.look.index, point, self.confidence)


def nearly_the_best(sights: Iterable[Sight]) -> list[Sight]:
    """The best of one or more sights, and then those that are worth nearly as much."""
    best, *others = sorted(sights, key=lambda sight: -sight.worth)
    return [best, *(one for one in others[: MOST - 1] if one.worth >= NEARLY * best.worth)]
