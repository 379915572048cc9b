"""Squares cut out of a picture at true aspect, turned the one way that everything after expects.

The canonical frame: on sagittal pictures columns run to the patient's back (+y) and rows to the
feet (-z); on axial ones columns run to the patient's left (+x) and rows to the back (+y); on
coronal ones columns to the left and rows to the feet. A picture without geometry stays as shown.
The axes of a picture are only permuted and reversed to get there, never turned by an angle, so a
mirrored patient gives exactly the mirrored square.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.errors import GeometryError
from lumbar.imaging.geometry import Plane
from lumbar.imaging.study import Instance, Series

__all__ = [
    "Frame",
    "Square",
    "frame_of",
    "nearest_slice",
    "neighbours",
    "sample",
    "sample_plane",
    "square_on",
    "to_uint8",
]

Points = NDArray[np.float64]
Picture = NDArray[np.float32]

_TARGETS = np.array(
    [
        [[0.0, 1.0, 0.0], [0.0, 0.0, -1.0]],  # sagittal: back, feet
        [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]],  # coronal: left, feet
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],  # axial: left, back
    ]
)
"""Where the columns and rows of a canonical picture run, by the normal's largest component."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How a stored picture is turned: first transposed, then its rows and columns reversed."""

    transposed: bool = False
    rows_reversed: bool = False
    columns_reversed: bool = False

    def turn(self, picture: Picture) -> Picture:
        """The picture `[a, b]` as the frame shows it, `[a, b]` or `[b, a]`; a view."""
        turned = picture.T if self.transposed else picture
        return turned[:: -1 if self.rows_reversed else 1, :: -1 if self.columns_reversed else 1]


@dataclass(frozen=True, slots=True)
class Square:
    """A square of the patient on one picture, and the grid of pixels that it is sampled at.

    `centre_px` is (column, row) of the picture; `pixel_mm` the picture's (row, column) distance.
    """

    centre_px: tuple[float, float]
    field_mm: float
    size_px: int
    pixel_mm: tuple[float, float]
    frame: Frame = Frame()

    def to_picture(self, points_px: ArrayLike) -> Points:
        """Pixels (column, row) `[..., 2]` of the picture, of pixels `[..., 2]` of the square."""
        offset = np.asarray(points_px, np.float64) - (self.size_px - 1) / 2
        offset = offset * self._signs
        if self.frame.transposed:
            offset = offset[..., ::-1]
        return np.asarray(self.centre_px) + offset * self._step_px

    def from_picture(self, points_px: ArrayLike) -> Points:
        """Pixels (column, row) `[..., 2]` of the square, of pixels `[..., 2]` of the picture."""
        offset = (np.asarray(points_px, np.float64) - np.asarray(self.centre_px)) / self._step_px
        if self.frame.transposed:
            offset = offset[..., ::-1]
        return np.asarray(offset * self._signs + (self.size_px - 1) / 2)

    @property
    def _signs(self) -> Points:
        return np.where([self.frame.columns_reversed, self.frame.rows_reversed], -1.0, 1.0)

    @property
    def _step_px(self) -> Points:
        """Picture pixels (column, row) from one pixel of the square to the next."""
        step_mm = self.field_mm / self.size_px
        return np.array([step_mm / self.pixel_mm[1], step_mm / self.pixel_mm[0]])


def frame_of(plane: Plane | None) -> Frame:
    """How a picture on `plane` is turned into the canonical frame; unturned without a plane."""
    if plane is None:
        return Frame()
    columns_to, rows_to = _TARGETS[int(np.argmax(np.abs(plane.normal)))]
    row, column = plane.along_row, plane.along_column
    straight = abs(row @ columns_to) + abs(column @ rows_to)
    crossed = abs(column @ columns_to) + abs(row @ rows_to)
    if crossed > straight:
        return Frame(True, bool(row @ rows_to < 0), bool(column @ columns_to < 0))
    return Frame(False, bool(column @ rows_to < 0), bool(row @ columns_to < 0))


def square_on(
    instance: Instance,
    centre_px: Sequence[float],
    field_mm: float,
    size_px: int,
    pixel_mm: tuple[float, float] | None = None,
    flip_columns: bool = False,
) -> Square:
    """The square of `field_mm` around a pixel (column, row) of a picture, in canonical frame.

    `pixel_mm` is the (row, column) distance, the instance's own by default. `flip_columns`
    reverses the result's columns, which shows a right side of an axial picture as a left one.
    """
    frame = frame_of(instance.plane)
    if flip_columns:
        frame = Frame(frame.transposed, frame.rows_reversed, not frame.columns_reversed)
    centre = float(centre_px[0]), float(centre_px[1])
    return Square(centre, field_mm, size_px, pixel_mm or instance.pixel_mm(), frame)


def sample_plane(
    instance: Instance,
    centre_px: Sequence[float],
    field_mm: float,
    size_px: int,
    pixel_mm: tuple[float, float] | None = None,
    flip_columns: bool = False,
    outside: Literal["zero", "edge"] = "zero",
) -> Picture:
    """The square `[size_px, size_px]` around a pixel, as `square_on` and `sample` make it."""
    square = square_on(instance, centre_px, field_mm, size_px, pixel_mm, flip_columns)
    return sample(instance.pixels, square, outside)


def sample(pixels: Picture, square: Square, outside: Literal["zero", "edge"] = "zero") -> Picture:
    """The pixels `[size_px, size_px]` of a square on a picture `[rows, columns]`.

    Linear in both directions; where the square is coarser than the picture the kernel widens to
    the square's step, so that nothing aliases. Outside the picture: 0, or the edge continued.
    """
    rows, columns = pixels.shape
    step_column, step_row = square._step_px
    first_row, row_weights = _weights(
        square.centre_px[1], step_row, square.size_px, rows, outside == "edge"
    )
    first_column, column_weights = _weights(
        square.centre_px[0], step_column, square.size_px, columns, outside == "edge"
    )
    part = pixels[
        first_row : first_row + row_weights.shape[1],
        first_column : first_column + column_weights.shape[1],
    ]
    shown = np.asarray((row_weights @ part) @ column_weights.T, np.float32)
    return np.ascontiguousarray(square.frame.turn(shown))


def _weights(centre: float, step: float, size: int, length: int, edge: bool) -> tuple[int, Picture]:
    """First index used and the weights `[size, used]` of a triangular kernel along one axis."""
    wanted = centre + (np.arange(size) - (size - 1) / 2) * step
    width = max(step, 1.0)
    reached = np.arange(np.floor(wanted[0] - width), np.ceil(wanted[-1] + width) + 1)
    weights = np.maximum(1.0 - np.abs(reached[None, :] - wanted[:, None]) / width, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    first = int(np.clip(reached[0], 0, length - 1))
    last = int(np.clip(reached[-1], 0, length - 1))
    used = np.zeros((size, last - first + 1))
    within = (reached >= first) & (reached <= last)
    used[:, (reached[within] - first).astype(int)] = weights[:, within]
    if edge:
        used[:, 0] += weights[:, reached < first].sum(axis=1)
        used[:, -1] += weights[:, reached > last].sum(axis=1)
    return first, used.astype(np.float32)


def nearest_slice(series: Series, point_mm: ArrayLike, block: int | None = None) -> int:
    """Index of the slice whose plane is nearest to a point in patient mm.

    Slices on which the point falls outside the picture come last; `block` restricts the search to
    one angulation block. Raises GeometryError where no slice has a plane.
    """
    point = np.asarray(point_mm, np.float64)
    best, best_rank = -1, (2, np.inf)
    for index, instance in enumerate(series.instances):
        if instance.plane is None or (block is not None and series.blocks[index] != block):
            continue
        column, row = instance.plane.to_pixel(point)
        rows, columns = instance.shape
        inside = -0.5 <= column <= columns - 0.5 and -0.5 <= row <= rows - 0.5
        rank = (0 if inside else 1, abs(float(instance.plane.distance(point))))
        if rank < best_rank:
            best, best_rank = index, rank
    if best < 0:
        raise GeometryError(f"series {series.series_id}: no slice with a position to search")
    return best


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


def to_uint8(image: Picture, low: float = 0.5, high: float = 99.5) -> NDArray[np.uint8]:
    """A picture scaled to 0..255 between two percentiles of itself; 0 everywhere if constant.

    Of large pictures every second pixel each way is enough to find the percentiles.
    """
    if not np.isfinite(image.sum(dtype=np.float64)):
        image = np.nan_to_num(image, posinf=0.0, neginf=0.0)
    seen = image[::2, ::2] if image.size > 65536 else image
    darkest, brightest = np.percentile(seen, (low, high))
    if brightest <= darkest:
        return np.zeros(image.shape, np.uint8)
    scaled = image - np.float32(darkest)
    scaled *= np.float32(255 / (brightest - darkest))
    np.clip(scaled, 0, 255, out=scaled)
    return np.asarray(np.rint(scaled, out=scaled), np.uint8)
