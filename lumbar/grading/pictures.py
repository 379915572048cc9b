"""What the locator learns from: whole sagittal slices, and axial squares round the canal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.domain import Cell, Condition, Family, Level, Side, View
from lumbar.grading.crops import covering_slice, picture_of
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.grading.networks import MAPS
from lumbar.imaging.resample import Square, sample, square_on
from lumbar.imaging.study import Instance, Series, Study

__all__ = ["map_of", "picture", "picture_rows", "whole_square"]


def map_of(cell: Cell) -> int:
    """Index of the locator's heat map that shows a cell's point."""
    family, side = cell.condition.family, cell.condition.side
    name = side.value if family is Family.SUBARTICULAR and side else cell.level.value
    return MAPS.index((family, name))


def whole_square(instance: Instance, size_px: int) -> Square:
    """The square that holds the whole slice, for a sagittal picture."""
    rows, columns = instance.shape
    row_mm, column_mm = instance.pixel_mm()
    centre = ((columns - 1) / 2, (rows - 1) / 2)
    return square_on(instance, centre, max(rows * row_mm, columns * column_mm), size_px)


def picture(instance: Instance, square: Square) -> NDArray[np.uint8] | None:
    """uint8 `[p, p]` of a slice's square; None where nothing can be seen."""
    return picture_of(sample(instance.pixels, square))


def picture_rows(
    study: Study, landmarks: Landmarks, settings: LocatorSettings
) -> list[dict[str, Any]]:
    """Rows of the store's PICTURE_SCHEMA: every slice that carries points, with all it can show.

    The foramina of one side lie almost above one another, so each of that side's slices gets the
    points of all its levels; where the sides were named apart they teach no level's name.
    """
    rows = [
        row
        for series, index, points in _sagittal(landmarks)
        if (row := _row(study, series, index, points, settings))
    ]
    for level in Level:
        row = _axial_row(study, landmarks, level, settings)
        if row:
            rows.append(row)
    return rows


def _sagittal(landmarks: Landmarks) -> Iterable[tuple[Series, int, list[Landmark]]]:
    apart = landmarks.sides_apart()
    for condition in Condition:
        if condition.family is Family.SUBARTICULAR:
            continue
        if condition.family is Family.FORAMINAL and apart:
            continue
        mine = [mark for cell, mark in landmarks.points.items() if cell.condition is condition]
        for series_id, index in sorted({(mark.series.series_id, mark.index) for mark in mine}):
            same = [mark for mark in mine if mark.series.series_id == series_id]
            yield same[0].series, index, same


def _row(
    study: Study, series: Series, index: int, points: list[Landmark], settings: LocatorSettings
) -> dict[str, Any] | None:
    instance = series.instances[index]
    square = whole_square(instance, settings.cached_px)
    return _record(study, instance, square, points, series.view)


def _axial_row(
    study: Study, landmarks: Landmarks, level: Level, settings: LocatorSettings
) -> dict[str, Any] | None:
    points = [
        mark
        for side in Side
        if (mark := landmarks.points.get(Cell(Condition.of(Family.SUBARTICULAR, side), level)))
    ]
    if not points:
        return None
    series, index = points[0].series, points[0].index
    points = [mark for mark in points if (mark.series, mark.index) == (series, index)]
    centre = np.mean([mark.point_px for mark in points], axis=0)
    canal = landmarks.points.get(Cell(Condition.SPINAL_CANAL_STENOSIS, level))
    if canal is not None and canal.point_mm is not None:
        seen = covering_slice(series, canal.point_mm)
        plane = series.instances[index].plane
        if seen is not None and plane is not None:
            centre = plane.to_pixel(canal.point_mm)
    instance = series.instances[index]
    square = square_on(instance, centre, settings.axial_field_mm, settings.cached_px)
    return _record(study, instance, square, points, series.view)


def _record(
    study: Study, instance: Instance, square: Square, points: list[Landmark], view: View | None
) -> dict[str, Any] | None:
    pixels = picture(instance, square)
    if pixels is None or view is None:
        return None
    located = np.full((len(MAPS), 2), np.nan, np.float32)
    for mark in points:
        located[map_of(mark.cell)] = square.from_picture(mark.point_px)
    return {
        "study_id": study.study_id,
        "view": view.value,
        "pixels": pixels.tobytes(),
        "points": located.ravel().tolist(),
    }
