"""Squares cut out of a picture at true aspect, turned the one way that everything after expects.

The canonical frame: on sagittal pictures columns run to the patient's back (+y) and rows to the
feet (-z); on axial ones columns run to the patient's left (+x) and rows to the back (+y); on
coronal ones columns to the left and rows to the feet. A picture without geometry stays as shown.
The axes of a picture are only permuted and reversed to get there, never turned by an angle, so a
mirrored patient gives exactly the mirrored square.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.imaging.geometry import Plane
from lumbar.imaging.study import Instance

__all__ = [
    "Frame",
    "Square",
    "frame_of",
    "sample",
    "sample_all",
    "sample_plane",
    "square_on",
    "to_uint8",
]

Points = NDArray[np.float64]
Picture = NDArray[np.float32]

_AXES = (
    ((1, 1.0), (2, -1.0)),  # sagittal: back, feet
    ((0, 1.0), (2, -1.0)),  # coronal: left, feet
    ((0, 1.0), (1, 1.0)),  # axial: left, back
)
"""Axis and sign of where the columns and the rows of a canonical picture run, by the normal's
largest component."""


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
    row, column = plane.along_row.tolist(), plane.along_column.tolist()
    normal = [abs(part) for part in plane.normal.tolist()]
    (across, right), (down, lower) = _AXES[normal.index(max(normal))]
    straight = abs(row[across]) + abs(column[down])
    crossed = abs(column[across]) + abs(row[down])
    if crossed > straight:
        return Frame(True, row[down] * lower < 0, column[across] * right < 0)
    return Frame(False, column[down] * lower < 0, row[across] * right < 0)


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
    return sample_all([pixels], square, outside)[0]


def sample_all(
    pictures: Sequence[Picture], square: Square, outside: Literal["zero", "edge"] = "zero"
) -> list[Picture]:
    """What `sample` gives of the same square on each of several pictures `[rows, columns]`."""
    edge = outside == "edge"
    step_column, step_row = square._step_px.tolist()
    column, row = square.centre_px
    taps: dict[tuple[int, ...], tuple[_Taps, _Taps]] = {}
    made = []
    for pixels in pictures:
        if pixels.shape not in taps:
            taps[pixels.shape] = (
                _taps(row, step_row, square.size_px, pixels.shape[0], edge),
                _taps(column, step_column, square.size_px, pixels.shape[1], edge),
            )
        down, across = taps[pixels.shape]
        used = np.ascontiguousarray(pixels[down.used, across.used])
        turned = np.ascontiguousarray(_blended(used, down).T)
        shown = _blended(turned, across).T
        made.append(np.ascontiguousarray(square.frame.turn(shown)))
    return made


@dataclass(frozen=True, slots=True, eq=False)
class _Taps:
    """The lines of a picture in use, and what each line of a square is made of.

    `index` `[size, k]` counts from where `used` begins; `weights` `[size, k]` go with it.
    """

    used: slice
    index: NDArray[np.intp]
    weights: Picture


def _taps(centre: float, step: float, size: int, length: int, edge: bool) -> _Taps:
    """A triangular kernel along one axis, as wide as the step where that is coarser than 1."""
    wanted = centre + (np.arange(size) - (size - 1) / 2) * step
    width = max(step, 1.0)
    reached = np.floor(wanted - width)[:, None] + np.arange(1, math.ceil(2 * width) + 1)
    weights = np.maximum(1.0 - np.abs(reached - wanted[:, None]) / width, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    index = np.clip(reached, 0, length - 1).astype(np.intp)
    if not edge:
        weights *= index == reached
    first, last = int(index[0, 0]), int(index[-1, -1])
    return _Taps(slice(first, last + 1), index - first, weights.astype(np.float32))


def _blended(lines: Picture, taps: _Taps) -> Picture:
    """Weighted sums `[size, n]` of lines `[m, n]`; few lines make one, so no matrix is built."""
    first, *others = range(taps.index.shape[1])
    made: Picture = lines.take(taps.index[:, first], axis=0)
    made *= taps.weights[:, first, None]
    part = np.empty_like(made)
    for tap in others:
        lines.take(taps.index[:, tap], axis=0, out=part, mode="clip")
        part *= taps.weights[:, tap, None]
        made += part
    return made


def to_uint8(image: Picture, low: float = 0.5, high: float = 99.5) -> NDArray[np.uint8]:
    """A picture scaled to 0..255 between two percentiles of itself; 0 everywhere if constant.

    Of large pictures every second pixel each way is enough to find the percentiles.
    """
    if not np.isfinite(image.sum(dtype=np.float64)):
        image = np.nan_to_num(image, posinf=0.0, neginf=0.0)
    seen = image[::2, ::2] if image.size > 65536 else image
    darkest, brightest = _percentiles(seen, low, high)
    if brightest <= darkest:
        return np.zeros(image.shape, np.uint8)
    scaled = image - np.float32(darkest)
    scaled *= np.float32(255 / (brightest - darkest))
    np.clip(scaled, 0, 255, out=scaled)
    return np.asarray(np.rint(scaled, out=scaled), np.uint8)


def _percentiles(values: Picture, low: float, high: float) -> tuple[float, float]:
    """What `np.percentile` gives, in a fraction of its time."""
    places = [share / 100 * (values.size - 1) for share in (low, high)]
    below, above = math.floor(places[0]), math.ceil(places[1])
    ranked = np.partition(values, (below, above), axis=None)
    between = ranked[below + 1 : above]
    lower, upper = float(ranked[below]), float(ranked[above])
    darkest = float(between.min()) if between.size else upper
    brightest = float(between.max()) if between.size else lower
    return (
        lower + (darkest - lower) * (places[0] - below),
        upper + (brightest - upper) * (above - places[1]),
    )
