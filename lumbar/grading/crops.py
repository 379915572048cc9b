"""The squares that grades are read off: which views, which slices, which way round.

One set of weights serves both sides, so a right-sided finding is shown as a left one: axial
squares are flipped, and the slices of a sagittal square always run from lateral to medial.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lumbar.config import CropSettings
from lumbar.domain import Cell, Family, Side, View
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.imaging.nearby import nearest_slice, neighbours
from lumbar.imaging.resample import Square, sample_all, square_on, to_uint8
from lumbar.imaging.study import Instance, Series, Study

__all__ = [
    "COVER_MM",
    "Crops",
    "Place",
    "corners_of",
    "covering",
    "covering_slice",
    "cut_crops",
    "picture_of",
    "place_on",
]

VIEWS = tuple(View)

COVER_MM = 6.0
"""A point farther than this from every slice's plane is outside a stack's cover. Axial blocks
leave gaps between discs, not through them; real stacks have 3-4.5 mm from slice to slice."""
WITHIN_MM = 3.0
"""A point within a stack lies no farther than this from a slice of it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point on a slice of one series: (column, row), and where in mm if that is known."""

    series: Series
    index: int
    point_px: tuple[float, float]
    point_mm: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """Squares of a study's cells.

    `pictures` uint8 `[p, 3, s, s]`; `rows` `[p]` says which of `cells` a picture belongs to and
    `views` `[p]` which view it shows (order of `View`); `marks` `[p]` is the landmark that each was
    cut at. `reasons` holds the cells without any.
    """

    cells: tuple[Cell, ...]
    pictures: NDArray[np.uint8]
    rows: NDArray[np.int64]
    views: NDArray[np.int64]
    marks: tuple[Landmark, ...]
    reasons: Mapping[Cell, str]

    @property
    def family(self) -> NDArray[np.int64]:
        """Of each cell, in the order of `Family`."""
        return np.array([list(Family).index(c.condition.family) for c in self.cells], np.int64)

    @property
    def level(self) -> NDArray[np.int64]:
        """Of each cell, 0 (L1/L2) to 4 (L5/S1)."""
        return np.array([cell.level.ordinal for cell in self.cells], np.int64)

    def apart(self) -> Crops:
        """Each picture as that of a cell of its own."""
        cells = tuple(self.cells[row] for row in self.rows)
        return replace(self, cells=cells, rows=np.arange(len(cells)))


def cut_crops(study: Study, landmarks: Landmarks, settings: CropSettings) -> Crops:
    """The squares of every cell that has a landmark, `settings.cached_px` pixels on an edge."""
    scales = landmarks.pixel_mm()
    reasons = dict(landmarks.reasons)
    cells: list[Cell] = []
    pictures: list[NDArray[np.uint8]] = []
    rows: list[int] = []
    views: list[int] = []
    marks: list[Landmark] = []
    for cell, landmark in sorted(landmarks.points.items()):
        scale = scales[landmark.series.series_id]
        shown = _squares(study, landmark, settings, scale)
        if not shown:
            reasons[cell] = "the picture is empty or without contrast there"
            continue
        marks += [landmark] * len(shown)
        for other in landmarks.beside.get(cell, ()):
            more = _squares(study, other, settings, scale, own_only=True)
            marks += [other] * len(more)
            shown += more
        rows += [len(cells)] * len(shown)
        views += [VIEWS.index(view) for view, _ in shown]
        pictures += [picture for _, picture in shown]
        cells.append(cell)
    size = settings.cached_px
    stacked = np.stack(pictures) if pictures else np.zeros((0, 3, size, size), np.uint8)
    return Crops(
        tuple(cells), stacked, np.array(rows, int), np.array(views, int), tuple(marks), reasons
    )


def corners_of(landmark: Landmark, settings: CropSettings, scale: float) -> NDArray[np.float64]:
    """Corners `[4, 2]` (column, row) on the landmark's slice of the picture that the model sees.

    Top left, top right, bottom right, bottom left of the picture, which may be turned or mirrored
    on the slice. `scale` is that of its series in `Landmarks.pixel_mm()`.
    """
    place = Place(landmark.series, landmark.index, landmark.point_px, landmark.point_mm)
    view = landmark.series.view or View.SAGITTAL_T2
    shown = landmark.series.instances[landmark.index]
    square = _square_at(place, shown, view, landmark.cell, settings, scale)
    middle, reach = (square.size_px - 1) / 2, square.size_px / settings.margin / 2
    low, high = middle - reach, middle + reach
    return square.to_picture([[low, low], [high, low], [high, high], [low, high]])


def _squares(
    study: Study,
    landmark: Landmark,
    settings: CropSettings,
    scale: float,
    own_only: bool = False,
) -> list[tuple[View, NDArray[np.uint8]]]:
    family = landmark.cell.condition.family
    squares = []
    for view in settings.views[family]:
        if own_only and view is not landmark.series.view:
            continue
        place = place_on(study, landmark, view)
        if place is None:
            continue
        square = _square(study, place, view, landmark.cell, settings, scale)
        if square is not None:
            squares.append((view, square))
    return squares


def place_on(study: Study, landmark: Landmark, view: View) -> Place | None:
    """The landmark on a view: itself on its own, the nearest slice's projection on another."""
    if landmark.series.view is view:
        return Place(landmark.series, landmark.index, landmark.point_px, landmark.point_mm)
    if landmark.point_mm is None:
        return None
    found = covering(study, view, landmark.point_mm)
    if found is None:
        return None
    series, index = found
    plane = series.instances[index].plane
    assert plane is not None
    column, row = plane.to_pixel(landmark.point_mm)
    return Place(series, index, (float(column), float(row)), landmark.point_mm)


def covering(
    study: Study, view: View, point_mm: tuple[float, float, float]
) -> tuple[Series, int] | None:
    """The best series of a view that covers a point, and its nearest slice; None outside cover.

    One within whose stack the point lies goes before one beyond whose end it lies.
    """
    found = [
        (series, index)
        for series in study.of_view(view)
        if (index := covering_slice(series, point_mm)) is not None
    ]
    within = (pair for pair in found if _apart_mm(*pair, point_mm) <= WITHIN_MM)
    return next(within, found[0] if found else None)


def covering_slice(series: Series, point_mm: tuple[float, float, float]) -> int | None:
    """Index of the slice whose plane is nearest to a point that it shows; None outside cover."""
    if not any(instance.plane is not None for instance in series):
        return None
    index = nearest_slice(series, point_mm)
    instance = series.instances[index]
    if instance.plane is None or _apart_mm(series, index, point_mm) > COVER_MM:
        return None
    column, row = instance.plane.to_pixel(point_mm)
    rows, columns = instance.shape
    return index if 0 <= column < columns and 0 <= row < rows else None


def _apart_mm(series: Series, index: int, point_mm: tuple[float, float, float]) -> float:
    plane = series.instances[index].plane
    return float("inf") if plane is None else abs(float(plane.distance(point_mm)))


def _square(
    study: Study, place: Place, view: View, cell: Cell, settings: CropSettings, scale: float
) -> NDArray[np.uint8] | None:
    if _is_constant(place.series.instances[place.index].pixels):
        return None  # against the dark outside it would still have an edge
    channels = _channels(study, place, view, cell, view in settings.neighbours)
    wanted: dict[Square, list[Instance]] = defaultdict(list)
    for instance in dict.fromkeys(channels):
        wanted[_square_at(place, instance, view, cell, settings, scale)].append(instance)
    shown: dict[Instance, NDArray[np.float32]] = {}
    for square, instances in wanted.items():
        pictures = [instance.pixels for instance in instances]
        shown |= zip(instances, sample_all(pictures, square), strict=True)
    return picture_of(np.stack([shown[instance] for instance in channels]))


def _square_at(
    place: Place, instance: Instance, view: View, cell: Cell, settings: CropSettings, scale: float
) -> Square:
    """The square on one slice; alike on parallel slices, which are then sampled together."""
    point = place.point_px
    if instance.plane is not None and place.point_mm is not None:
        column, row = instance.plane.to_pixel(place.point_mm).tolist()
        point = (round(column, _DECIMALS), round(row, _DECIMALS))
    return square_on(
        instance,
        point,
        settings.field_mm[view] * settings.margin,
        settings.cached_px,
        instance.pixel_mm(scale),
        flip_columns=view is View.AXIAL_T2 and cell.condition.side is Side.RIGHT,
    )


_DECIMALS = 4
"""Of a pixel: a tenth of a micrometre, less than positions in headers are rounded to."""


def _is_constant(pixels: NDArray[np.float32]) -> bool:
    few = pixels[::16, ::16]
    return bool(few.min() == few.max() and np.ptp(pixels) == 0)


def _channels(
    study: Study, place: Place, view: View, cell: Cell, beside: bool
) -> tuple[Instance, ...]:
    """The three slices: before, at, behind; the middle one again where there is none."""
    instance = place.series.instances[place.index]
    if not beside:
        return (instance,) * 3
    others = (series for series in study.of_view(view) if series is not place.series)
    order = neighbours(place.series, place.index, 1, others)
    lateral_last = view is not View.AXIAL_T2 and cell.condition.side is Side.LEFT
    return order[::-1] if lateral_last else order


def picture_of(values: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    """Values stretched from their 0.5 % to their 99.5 % quantile over 0..255, all slices alike.

    None where a value is not finite or nothing differs: nothing can be read off it.
    """
    spread = np.ptp(values)
    if not np.isfinite(spread) or spread < 1e-6:
        return None
    flat = to_uint8(values.reshape(-1, values.shape[-1]))
    return flat.reshape(values.shape) if flat.any() else None
