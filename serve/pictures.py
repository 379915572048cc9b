"""What a viewer shows of a study: its series in words of ours, their slices as they were decoded.

Nothing of a header goes along: plane, spacing and the letters at the edges follow from geometry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from lumbar.domain import View
from lumbar.imaging.geometry import Plane
from lumbar.imaging.png import encode_png
from lumbar.imaging.study import Instance, Series, Study

__all__ = ["Marks", "Matrix", "SeriesList", "SeriesShown", "Shown", "shown", "slice_png"]

Letter = Literal["R", "L", "A", "P", "H", "F"]
Pixels = NDArray[np.generic]


class Part(BaseModel):
    """A piece of a series' description."""

    model_config = ConfigDict(frozen=True)


class Marks(Part):
    """The patient's side at each edge of a slice."""

    left: Letter
    right: Letter
    top: Letter
    bottom: Letter


class Matrix(Part):
    """The size of a slice, which may differ from its neighbours'."""

    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None
    """(row, column) distance; null where the file does not say."""


class WindowPart(Part):
    """Values from `center - width / 2` (black) to `center + width / 2` (white)."""

    center: float
    width: float


class SeriesShown(Part):
    """A series that a viewer can show; slices are counted from 0 in the order of the volume."""

    index: int
    series_id: str
    view: View | None
    plane: Literal["sagittal", "coronal", "axial", "unknown"]
    description: str
    slices: int
    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None
    """Of the first slice; `matrices` has them of each."""
    matrices: tuple[Matrix, ...]
    window: WindowPart
    """Between the 0.5th and the 99.5th percentile of the series."""
    range: tuple[float, float]
    """Smallest and largest value."""
    marks: tuple[Marks | None, ...]
    """Of each slice; null where its geometry is not known."""
    instances: tuple[str, ...]


class SeriesList(Part):
    """The series of a study that have pictures."""

    series: tuple[SeriesShown, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A study's series as a viewer needs them; `slices[k][n]` are the values of a slice."""

    listed: SeriesList
    slices: tuple[tuple[Pixels, ...], ...]


def shown(study: Study) -> Shown:
    """Every series of a study that has pictures."""
    series = [one for one in study.series if one.instances]
    listed = SeriesList(series=tuple(_described(n, one) for n, one in enumerate(series)))
    return Shown(listed, tuple(tuple(map(_compact, _pixels(one))) for one in series))


def slice_png(pixels: Pixels, center: float, width: float) -> bytes:
    """A slice as a grey PNG of its own size; `width` > 0."""
    share = (np.asarray(pixels, np.float32) - np.float32(center)) / np.float32(width)
    share += np.float32(0.5)
    grey = np.rint(np.clip(np.nan_to_num(share), 0, 1) * 255)
    return encode_png(grey.astype(np.uint8))


def _pixels(series: Series) -> Iterable[NDArray[np.float32]]:
    return (instance.pixels for instance in series)


def _described(index: int, series: Series) -> SeriesShown:
    matrices = tuple(map(_matrix, series))
    low, high, least, most = _grey_levels(series)
    plane = _plane_word(series.instances[0].plane, series.view)
    return SeriesShown(
        index=index,
        series_id=series.series_id,
        view=series.view,
        plane=plane,
        description=series.view.description if series.view else f"{plane} series, not graded",
        slices=len(series),
        rows=matrices[0].rows,
        columns=matrices[0].columns,
        spacing_mm=matrices[0].spacing_mm,
        matrices=matrices,
        window=WindowPart(center=(low + high) / 2, width=max(high - low, 1e-6)),
        range=(least, most),
        marks=tuple(map(_marks, series)),
        instances=tuple(instance.instance_id for instance in series),
    )


def _matrix(instance: Instance) -> Matrix:
    rows, columns = instance.shape
    spacing_mm = None if instance.plane is None else instance.plane.spacing_mm
    return Matrix(rows=rows, columns=columns, spacing_mm=spacing_mm)


def _grey_levels(series: Series) -> tuple[float, float, float, float]:
    """0.5th and 99.5th percentile over every fourth pixel each way, smallest and largest."""
    every = np.concatenate([np.ravel(pixels[::4, ::4]) for pixels in _pixels(series)])
    finite = every[np.isfinite(every)]
    if not finite.size:
        return 0.0, 1.0, 0.0, 1.0
    low, high = np.percentile(finite, (0.5, 99.5))
    ends = [(np.nanmin(p), np.nanmax(p)) for p in _pixels(series) if np.isfinite(p).any()]
    least, most = min(end[0] for end in ends), max(end[1] for end in ends)
    return float(low), float(high), float(least), float(most)


def _plane_word(
    plane: Plane | None, view: View | None
) -> Literal["sagittal", "coronal", "axial", "unknown"]:
    if plane is not None:
        words: tuple[Literal["sagittal", "coronal", "axial"], ...] = (
            "sagittal",
            "coronal",
            "axial",
        )
        return words[int(np.argmax(np.abs(plane.normal)))]
    if view is None:
        return "unknown"
    return "axial" if view is View.AXIAL_T2 else "sagittal"


_LETTERS: tuple[tuple[Letter, Letter], ...] = (("R", "L"), ("A", "P"), ("F", "H"))
"""Towards the smaller and the larger value of x, y, z in DICOM's patient frame (LPS)."""


def _marks(instance: Instance) -> Marks | None:
    if instance.plane is None:
        return None
    row, column = instance.plane.along_row, instance.plane.along_column
    return Marks(
        left=_letter(-row), right=_letter(row), top=_letter(-column), bottom=_letter(column)
    )


def _letter(direction: NDArray[np.float64]) -> Letter:
    axis = int(np.argmax(np.abs(direction)))
    return _LETTERS[axis][int(direction[axis] > 0)]


def _compact(pixels: NDArray[np.float32]) -> Pixels:
    """The same values in two bytes each where they are whole numbers that fit, as MRI's are."""
    for kind in (np.int16, np.uint16):
        limits = np.iinfo(kind)
        small = pixels.size and limits.min <= pixels.min() and pixels.max() <= limits.max
        if small and np.array_equal(kept := pixels.astype(kind), pixels):
            return kept
    return pixels
