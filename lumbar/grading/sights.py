"""Which slices a foramen may be graded on, by the locator's word alone.

Where a bundle holds a `Choice`, that one weighs the candidates; else the best and those that are
worth nearly as much count alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import Cell
from lumbar.grading.landmarks import Landmark
from lumbar.grading.looks import SliceMaps
from lumbar.imaging.study import Series

__all__ = ["Sight", "candidates", "nearly_the_best"]

MOST, NEARLY = 3, 0.8
"""Slices at most, each worth at least this much of the best one. The slice that a reader marked is
told from the others in 57 of 100 cases, and on another one a grade lost .19 of weighted log loss;
the mean over all candidates lost .05 less in all (benchmarks/ABLATIONS.md)."""


CANDIDATES, LEAST = 5, 0.1
"""Slices at most that a choice is made among, each worth at least this much of the best one."""


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
        return Landmark.at(cell, series, self.look.index, point, self.confidence, self.worth)


def nearly_the_best(sights: Iterable[Sight]) -> list[Sight]:
    """The best of one or more sights, and then those that are worth nearly as much."""
    return _best(sights, MOST, NEARLY)


def candidates(sights: Iterable[Sight]) -> list[Sight]:
    """The best of one or more sights, and then those that may show the foramen better."""
    return _best(sights, CANDIDATES, LEAST)


def _best(sights: Iterable[Sight], most: int, share: float) -> list[Sight]:
    best, *others = sorted(sights, key=lambda sight: -sight.worth)
    return [best, *(one for one in others[: most - 1] if one.worth >= share * best.worth)]
