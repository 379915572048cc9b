"""A phantom study in memory: its pictures, where its landmarks are, and what readers said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import CELLS, Cell, Severity, View
from lumbar.imaging.geometry import Plane
from lumbar.phantom.morphology import Morphology

__all__ = ["LabelPoint", "PhantomSeries", "PhantomSlice", "PhantomStudy"]

Point = tuple[float, float, float]

REACH_MM = 8.0
"""A landmark farther than this from every slice of its view is outside the series' cover."""


@dataclass(frozen=True, slots=True, eq=False)
class PhantomSlice:
    """One picture: stored pixels (uint16, 12 bits, `[rows, columns]`), its plane, its number.

    `header` holds attributes by keyword that its file has beside or in place of the usual ones.
    """

    number: int
    plane: Plane
    pixels: NDArray[np.uint16]
    block: int = 0
    header: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows, columns = self.pixels.shape
        return rows, columns


@dataclass(frozen=True, slots=True, eq=False)
class PhantomSeries:
    """Pictures taken together. `view` is None for a localizer, which no table describes.

    `description` is the header's SeriesDescription (`T1`, `T2`), `spacing_mm` the distance
    between slices of a block; `compressed` and `states_rescale` vary between real series.
    """

    series_id: str
    view: View | None
    description: str
    thickness_mm: float
    spacing_mm: float
    compressed: bool
    states_rescale: bool
    slices: tuple[PhantomSlice, ...]

    def nearest(self, point_mm: Point) -> PhantomSlice | None:
        """The slice whose plane is nearest to a point that lies in its picture, within 8 mm."""
        best, least = None, REACH_MM
        for piece in self.slices:
            distance = abs(float(piece.plane.distance(point_mm)))
            column, row = piece.plane.to_pixel(point_mm)
            rows, columns = piece.shape
            if distance < least and 0 <= column <= columns - 1 and 0 <= row <= rows - 1:
                best, least = piece, distance
        return best


@dataclass(frozen=True, slots=True)
class LabelPoint:
    """A row of `train_label_coordinates.csv`: `x` the column, `y` the row in that slice."""

    cell: Cell
    series_id: str
    number: int
    x: float
    y: float


@dataclass(frozen=True, slots=True, eq=False)
class PhantomStudy:
    """One synthetic examination with all that is true of it.

    `grades` are the first reader's, which are written as labels (None = left blank);
    `second_grades` another reader's. `landmarks` are in the frame of the planes (patient mm).
    """

    study_id: str
    morphology: Morphology
    grades: Mapping[Cell, Severity | None]
    second_grades: Mapping[Cell, Severity]
    landmarks: Mapping[Cell, Point]
    series: tuple[PhantomSeries, ...]

    def of_view(self, view: View) -> tuple[PhantomSeries, ...]:
        """The series that show `view`."""
        return tuple(series for series in self.series if series.view is view)

    def points(self) -> Iterator[LabelPoint]:
        """Where each landmark lies in the view that its finding is read on.

        On the slice nearest to it; a landmark that no slice covers has no point.
        """
        for cell in CELLS:
            for series in self.of_view(cell.condition.family.view):
                piece = series.nearest(self.landmarks[cell])
                if piece is not None:
                    column, row = map(float, piece.plane.to_pixel(self.landmarks[cell]))
                    yield LabelPoint(cell, series.series_id, piece.number, column, row)
                    break

    def mirrored(self) -> PhantomStudy:
        """The same pictures as taken of the patient mirrored left to right.

        Every plane and landmark has its x negated, every left finding becomes a right one; not a
        pixel changes.
        """
        return replace(
            self,
            morphology=self.morphology.mirrored(),
            grades={cell: self.grades[cell.mirrored] for cell in CELLS},
            second_grades={cell: self.second_grades[cell.mirrored] for cell in CELLS},
            landmarks={cell: _negated(self.landmarks[cell.mirrored]) for cell in CELLS},
            series=tuple(_mirrored(series) for series in self.series),
        )


def _negated(point: Point) -> Point:
    x, y, z = point
    return -x, y, z


def _mirrored(series: PhantomSeries) -> PhantomSeries:
    slices = (replace(piece, plane=piece.plane.mirrored()) for piece in series.slices)
    return replace(series, slices=tuple(slices))
