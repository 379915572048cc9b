"""What the locator's network says of single slices: heat maps, and the peaks read off them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.grading.heatmaps import chain, peak
from lumbar.grading.pictures import picture, whole_square
from lumbar.imaging.resample import Square
from lumbar.imaging.study import Series

__all__ = ["HeatMaps", "SliceMaps", "look_at"]

Array = NDArray[np.float64]
HeatMaps = Callable[[NDArray[np.uint8]], Array]
"""Pictures uint8 `[n, p, p]` -> log heat maps `[n, 12, p/4, p/4]`."""

GAP = 2
"""Least rows of the heat map from one disc to the next: 8 of 128 px, a third of the usual."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceMaps:
    """What the network says about slice `index`: its log heat maps `[12, h, w]` in a square."""

    index: int
    square: Square
    maps: Array

    def chain(self, which: slice, prior: Array | None = None) -> list[tuple[Array, float]]:
        """Points in the square and confidences of five levels that run head to foot."""
        maps = self.maps[which]
        guided = maps if prior is None else maps + prior
        peaks = chain(guided, GAP)
        return [peak(maps[k], int(row), int(column)) for k, (row, column) in enumerate(peaks)]

    def highest(self, which: int, prior: Array | None = None) -> tuple[Array, float]:
        """Point in the square and confidence of one map's highest peak, by `prior` if given."""
        log_map = self.maps[which]
        guided = log_map if prior is None else log_map + prior
        row, column = np.unravel_index(int(guided.argmax()), log_map.shape)
        return peak(log_map, int(row), int(column))


def look_at(
    series: Series, indices: Iterable[int], heat_maps: HeatMaps, settings: LocatorSettings
) -> list[SliceMaps]:
    """The heat maps of whole slices, those that show nothing left out."""
    squares, pictures, kept = [], [], []
    for index in indices:
        square = whole_square(series.instances[index], settings)
        shown = picture(series.instances[index], square)
        if shown is not None:
            squares.append(square)
            pictures.append(shown)
            kept.append(index)
    if not kept:
        return []
    maps = heat_maps(np.stack(pictures))
    return [SliceMaps(i, s, m) for i, s, m in zip(kept, squares, maps, strict=True)]
