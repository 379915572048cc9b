"""Where a pixel lies in the patient: DICOM's image plane (PS3.3 C.7.6.2.1.1), both ways.

Patient coordinates are LPS in mm: +x to the patient's left, +y to the back, +z to the head.
Pixel coordinates are (column, row); the centre of the first pixel is (0, 0).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.errors import GeometryError

__all__ = ["STACK_DIRECTIONS", "Plane", "axis_of", "stack_direction"]

Vector = NDArray[np.float64]

LEAST_MM, MOST_MM = 0.05, 20.0
"""Pixel distances that an MR picture may have: from a tenth of the finest to ten of the coarsest.
Metres or a broken number would make every crop one pixel, or larger than memory."""

STACK_DIRECTIONS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]])
"""Sagittal stacks run to the patient's left, coronal ones to the back, axial ones to the feet."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One slice's plane: where its first pixel is, which way it runs, how large its pixels are.

    `origin_mm` is ImagePositionPatient, the centre of the first pixel. `along_row` and
    `along_column` are the two unit vectors of ImageOrientationPatient: the directions in which
    the column index and the row index grow. `spacing_mm` is PixelSpacing: (distance between
    rows, distance between columns).
    """

    origin_mm: Vector
    along_row: Vector
    along_column: Vector
    spacing_mm: tuple[float, float]

    @classmethod
    def from_dicom(
        cls, position: Sequence[float], orientation: Sequence[float], spacing: Sequence[float]
    ) -> Self:
        """Plane from the values of ImagePositionPatient, ImageOrientationPatient, PixelSpacing.

        Raises GeometryError where a number is missing or not finite, where the two directions are
        not perpendicular unit vectors (tolerance 0.01), or a spacing is none of an MR picture.
        """
        if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2:
            raise GeometryError(
                "ImagePositionPatient needs 3 numbers, ImageOrientationPatient 6, PixelSpacing 2; "
                f"found {len(position)}, {len(orientation)}, {len(spacing)}"
            )
        if not all(map(math.isfinite, (*position, *orientation, *spacing))):
            raise GeometryError("position, orientation or spacing is not a finite number")
        row, column = np.array(orientation, np.float64).reshape(2, 3)
        lengths = math.hypot(*orientation[:3]), math.hypot(*orientation[3:])
        if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(float(row @ column))) > 0.01:
            raise GeometryError(
                "ImageOrientationPatient is not a pair of perpendicular unit vectors: "
                f"{[round(float(v), 4) for v in orientation]}"
            )
        if not LEAST_MM <= min(spacing) <= max(spacing) <= MOST_MM:
            raise GeometryError(
                f"PixelSpacing of {list(map(float, spacing))} mm, which no MR picture has"
            )
        row = row / lengths[0]
        column = column - (column @ row) * row
        column = column / math.sqrt(column @ column)
        return cls(
            np.array(position, np.float64), row, column, (float(spacing[0]), float(spacing[1]))
        )

    @property
    def normal(self) -> Vector:
        """Unit vector perpendicular to the plane: along_row x along_column."""
        a, b, c = self.along_row.tolist()
        d, e, f = self.along_column.tolist()
        return np.array([b * f - c * e, c * d - a * f, a * e - b * d])

    def centre_mm(self, shape: tuple[int, int]) -> Vector:
        """Patient mm `[3]` of the middle of a picture of `shape` (rows, columns)."""
        rows, columns = shape
        return self.to_world([(columns - 1) / 2, (rows - 1) / 2])

    def to_world(self, points_px: ArrayLike) -> Vector:
        """Patient mm `[..., 3]` of pixel points `[..., 2]` (column, row)."""
        points = np.asarray(points_px, np.float64)
        column, row = points[..., :1], points[..., 1:]
        return (
            self.origin_mm
            + column * self.spacing_mm[1] * self.along_row
            + row * self.spacing_mm[0] * self.along_column
        )

    def to_pixel(self, points_mm: ArrayLike) -> Vector:
        """Pixel points `[..., 2]` (column, row) of patient mm `[..., 3]`, dropped on the plane."""
        offset = np.asarray(points_mm, np.float64) - self.origin_mm
        column = offset @ self.along_row / self.spacing_mm[1]
        row = offset @ self.along_column / self.spacing_mm[0]
        return np.array([column, row]) if offset.ndim == 1 else np.stack([column, row], axis=-1)

    def distance(self, points_mm: ArrayLike) -> Vector:
        """Signed distance in mm `[...]` of points `[..., 3]` from the plane, along its normal."""
        return np.asarray((np.asarray(points_mm, np.float64) - self.origin_mm) @ self.normal)

    def mirrored(self) -> Plane:
        """The plane of the same picture in a patient mirrored left to right (x negated)."""
        flip = np.array([-1.0, 1.0, 1.0])
        return Plane(
            self.origin_mm * flip, self.along_row * flip, self.along_column * flip, self.spacing_mm
        )


def axis_of(direction: Vector) -> int:
    """The patient's axis (0 x, 1 y, 2 z) that a direction runs along most."""
    return int(np.argmax(np.abs(direction)))


def stack_direction(normal: Vector) -> Vector:
    """A slice's normal in the sign in which a stack runs, whatever the signs in the header.

    Sagittal stacks run to the patient's left, coronal ones to the back, axial ones to the feet.
    """
    return normal if normal @ STACK_DIRECTIONS[axis_of(normal)] >= 0 else -normal
