"""A square of a slice in a frame that does not depend on how the scanner turned the picture.

Output columns run to the patient's back and rows to the feet on sagittal pictures; columns to the
patient's left and rows to the back on axial ones - as a reader hangs them - whatever the signs
and the order in ImageOrientationPatient. A picture without geometry is taken as it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.imaging.geometry import Plane
from lumbar.imaging.study import Instance

__all__ = ["Frame"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """An affine map from output pixels to a slice's pixels: `slice = matrix @ output + offset`.

    Both are (column, row), the centre of the first pixel = (0, 0). `field_mm` is the edge.
    """

    matrix: Array
    offset: Array
    size_px: int
    field_mm: float

    @classmethod
    def around(
        cls,
        instance: Instance,
        centre_px: ArrayLike,
        field_mm: float,
        size_px: int,
        *,
        fallback_mm: float = 1.0,
        flip_columns: bool = False,
    ) -> Self:
        """Square of `field_mm` round a slice's pixel, `size_px` pixels on an edge.

        `fallback_mm` is the size of a pixel where the picture has no spacing. `flip_columns`
        mirrors the output left to right.
        """
        row_mm, column_mm = instance.pixel_mm(fallback_mm)
        axes = _reading_axes(instance.plane)
        if flip_columns:
            axes = axes * np.array([-1.0, 1.0])
        step_mm = field_mm / size_px
        matrix = axes * (step_mm / np.array([[column_mm], [row_mm]]))
        centre = np.full(2, (size_px - 1) / 2)
        return cls(matrix, np.asarray(centre_px, np.float64) - matrix @ centre, size_px, field_mm)

    @classmethod
    def whole(cls, instance: Instance, size_px: int) -> Self:
        """Square that holds the whole slice, centred (field in pixels where spacing is unknown)."""
        rows, columns = instance.shape
        row_mm, column_mm = instance.pixel_mm()
        field = max(rows * row_mm, columns * column_mm)
        return cls.around(instance, ((columns - 1) / 2, (rows - 1) / 2), field, size_px)

    def to_slice(self, points: ArrayLike) -> Array:
        """Slice pixels `[..., 2]` of output pixels `[..., 2]`."""
        return np.asarray(np.asarray(points, np.float64) @ self.matrix.T + self.offset)

    def from_slice(self, points: ArrayLike) -> Array:
        """Output pixels `[..., 2]` of slice pixels `[..., 2]`."""
        inverse = np.linalg.inv(self.matrix)
        return np.asarray((np.asarray(points, np.float64) - self.offset) @ inverse.T)

    def sample(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """The slice `[rows, columns]` seen through the frame, float32 `[size, size]`.

        Bilinear; outside the slice is 0. Where output pixels are more than twice as large as the
        slice's, the mean over a regular grid inside each output pixel is taken.
        """
        fine = max(1, int(np.ceil(np.abs(self.matrix).sum(axis=1).max() / 2)))
        steps = (np.arange(self.size_px * fine) + 0.5) / fine - 0.5
        grid = np.stack(np.meshgrid(steps, steps), axis=-1)
        seen = _bilinear(pixels, self.to_slice(grid))
        if fine > 1:
            seen = seen.reshape(self.size_px, fine, self.size_px, fine).mean(axis=(1, 3))
        return seen


def _reading_axes(plane: Plane | None) -> Array:
    """Columns = slice-pixel directions (column, row) of the output's column and row axes."""
    if plane is None:
        return np.eye(2)
    sagittal = abs(plane.normal[0]) > max(abs(plane.normal[1]), abs(plane.normal[2]))
    wanted = np.array([[0, 1, 0], [0, 0, -1]] if sagittal else [[1, 0, 0], [0, 1, 0]], np.float64)
    directions = np.stack([plane.along_row, plane.along_column])
    agreement = directions @ wanted.T  # [slice axis, output axis]
    straight = abs(agreement[0, 0]) + abs(agreement[1, 1])
    crossed = abs(agreement[0, 1]) + abs(agreement[1, 0])
    keep = np.eye(2) if straight >= crossed else np.eye(2)[::-1]
    return np.asarray(np.where(agreement < 0, -1.0, 1.0) * keep)


def _bilinear(pixels: NDArray[np.float32], points: Array) -> NDArray[np.float32]:
    rows, columns = pixels.shape
    padded = np.pad(pixels, 1)
    x = np.clip(points[..., 0] + 1, 0, columns + 1).astype(np.float32)
    y = np.clip(points[..., 1] + 1, 0, rows + 1).astype(np.float32)
    left = np.minimum(x.astype(np.int32), columns)
    top = np.minimum(y.astype(np.int32), rows)
    right, down = x - left, y - top
    flat = padded.ravel()
    first = top * (columns + 2) + left
    upper = flat[first] * (1 - right) + flat[first + 1] * right
    first += columns + 2
    lower = flat[first] * (1 - right) + flat[first + 1] * right
    return np.asarray(upper * (1 - down) + lower * down, np.float32)
