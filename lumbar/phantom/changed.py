"""Which pixels of a phantom a narrowing changed: what a heat map has to point at.

The slice is rendered twice without noise, once as the patient is and once with one passage open;
where the two differ is what this passage's narrowing changed, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import CELLS, Cell, Family
from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.make import habitus_of, offset_of
from lumbar.phantom.morphology import Morphology
from lumbar.phantom.render import render
from lumbar.phantom.study import PhantomSeries, PhantomSlice, PhantomStudy

__all__ = ["OPEN", "changed_pixels"]

OPEN: Mapping[Family, float] = MappingProxyType(
    {Family.CANAL: 14.0, Family.FORAMINAL: 0.95, Family.SUBARTICULAR: 6.0}
)
"""A passage without narrowing (mm, share, mm): well inside of what is graded Normal/Mild."""

LEAST = 0.1
"""Change of a pixel that counts, where tissues reach from 0 to about 1."""


def changed_pixels(
    study: PhantomStudy,
    cell: Cell,
    series: PhantomSeries,
    piece: PhantomSlice,
    seed: int,
    index: int,
) -> NDArray[np.bool_]:
    """Pixels `[rows, columns]` of a slice that differ by `LEAST` or more for `cell`'s narrowing.

    `seed` and `index` are those that `make_study` made the study from.
    """
    habitus = habitus_of(seed, index)
    origin = piece.plane.origin_mm - offset_of(seed, index)
    plane = Plane(origin, piece.plane.along_row, piece.plane.along_column, piece.plane.spacing_mm)
    contrast = cast(Literal["t1", "t2"], series.description.lower())
    seen = [
        render(Anatomy(morphology, habitus), plane, piece.shape, contrast, series.thickness_mm)
        for morphology in (study.morphology, _opened(study.morphology, cell))
    ]
    return np.asarray(np.abs(seen[0] - seen[1]) >= LEAST)


def _opened(morphology: Morphology, cell: Cell) -> Morphology:
    widths = {other: morphology.of(other) for other in CELLS}
    widths[cell] = max(widths[cell], OPEN[cell.condition.family])
    return Morphology.from_cells(widths)
