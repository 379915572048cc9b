"""Which slices of a series lie nearest to a point, and which lie beside one another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.errors import GeometryError
from lumbar.imaging.study import Instance, Series

__all__ = ["nearest_slice", "neighbours"]


def nearest_slice(series: Series, point_mm: ArrayLike, block: int | None = None) -> int:
    """Index of the slice whose plane is nearest to a point in patient mm.

    Slices on which the point falls outside the picture come last; `block` restricts the search to
    one angulation block. Raises GeometryError where no slice has a plane.
    """
    shown = [
        n
        for n, instance in enumerate(series.instances)
        if instance.plane is not None and (block is None or series.blocks[n] == block)
    ]
    if not shown:
        raise GeometryError(f"series {series.series_id}: no slice with a position to search")
    outside, distance = _apart([series.instances[n] for n in shown], point_mm)
    return shown[int(np.lexsort((distance, outside))[0])]


def _apart(
    instances: Sequence[Instance], point_mm: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Of each picture: whether a point falls outside it, and how far it is from its plane."""
    planes = [instance.plane for instance in instances if instance.plane is not None]
    along_row = np.array([plane.along_row for plane in planes])
    along_column = np.array([plane.along_column for plane in planes])
    spacing = np.array([plane.spacing_mm for plane in planes])
    size = np.array([instance.shape for instance in instances])
    offset = np.asarray(point_mm, np.float64) - np.array([plane.origin_mm for plane in planes])
    row = (offset * along_column).sum(1) / spacing[:, 0]
    column = (offset * along_row).sum(1) / spacing[:, 1]
    place = np.stack([row, column], 1)
    outside: NDArray[np.bool_] = np.any((place < -0.5) | (place > size - 0.5), axis=1)
    normal = np.array([plane.normal for plane in planes])
    return outside, np.abs((offset * normal).sum(1))


def neighbours(series: Series, index: int, k: int) -> tuple[int, ...]:
    """Indices of the 2 k + 1 slices around `index` in its block, the outermost repeated."""
    blocks = series.blocks or (0,) * len(series)
    found = [index]
    for step in (-1, 1):
        last = index
        for _ in range(k):
            beyond = last + step
            if 0 <= beyond < len(series) and blocks[beyond] == blocks[index]:
                last = beyond
            found.insert(0, last) if step < 0 else found.append(last)
    return tuple(found)
