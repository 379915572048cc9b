"""A lone slice's points whose row of the 25 nothing tells: the side or the level is unknown.

A sagittal T1 slice shows the foramina of one side, and which is known only beside a mid-line; an
axial slice shows one level, and which is known only beside a sagittal series. What it shows can be
graded all the same, since one set of weights serves both sides; it is just no row's grade.
"""

from __future__ import annotations

import numpy as np

from lumbar.config import LocatorSettings
from lumbar.domain import Cell, Condition, Family, Level, Side
from lumbar.grading.landmarks import Landmark, Landmarks, Unplaced
from lumbar.grading.looks import HeatMaps, SliceMaps, look_at, look_closer
from lumbar.grading.networks import FORAMINAL_MAPS
from lumbar.grading.pictures import map_of, picture
from lumbar.imaging.resample import square_on
from lumbar.imaging.study import Instance, Series

__all__ = ["lone_foramina", "lone_recesses"]

AXIAL_PICTURE_MM = 170.0
"""Edge of an axial picture without spacing: lumbar protocols take fields of 150 to 200 mm (ACR-
ASNR-SCBT-MR practice parameter for MRI of the adult spine names up to 200)."""


def lone_foramina(
    series: Series, heat_maps: HeatMaps, settings: LocatorSettings
) -> Unplaced | None:
    """The foramina on a lone sagittal T1 slice, level by level; None where none is found."""
    points: dict[Cell, Landmark] = {}
    chains = [look.chain(FORAMINAL_MAPS) for look in look_at(series, [0], heat_maps, settings)]
    for chain in look_closer(series, chains, FORAMINAL_MAPS, heat_maps, settings):
        row = chain.named(series.instances[0], settings.min_confidence)
        for level, (spot, confidence) in zip(Level, chain.spots, strict=True):
            if confidence >= settings.min_confidence and level not in row.reasons:
                cell = Cell(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, level)
                point = chain.look.square.to_picture(spot)
                points[cell] = Landmark.at(cell, series, chain.look.index, point, confidence)
    if not points:
        return None
    reason = "nothing says which side the lone slice shows; its grades are in `unsided`"
    return Unplaced(Family.FORAMINAL, Landmarks(points), False, True, reason)


def lone_recesses(
    series: Series, heat_maps: HeatMaps, settings: LocatorSettings
) -> Unplaced | None:
    """Both recesses on a lone axial T2 slice, under every level; None where none is found.

    The canal lies near the picture's middle; the square is laid there and once more round the
    middle between the recesses found.
    """
    instance = series.instances[0]
    rows, columns = instance.shape
    pixel_mm = AXIAL_PICTURE_MM / max(rows, columns)
    centre = ((columns - 1) / 2, (rows - 1) / 2)
    spots: dict[Side, tuple[float, float, float]] = {}
    for _ in range(2):
        look = _axial_look(instance, centre, pixel_mm, heat_maps, settings)
        if look is None:
            return None
        spots = {side: _recess(look, side) for side in Side}
        centre = (
            (spots[Side.LEFT][0] + spots[Side.RIGHT][0]) / 2,
            (spots[Side.LEFT][1] + spots[Side.RIGHT][1]) / 2,
        )
    points = {
        cell: Landmark.at(cell, series, 0, spots[side][:2], spots[side][2])
        for side in Side
        for level in Level
        if spots[side][2] >= settings.min_confidence
        for cell in [Cell(Condition.of(Family.SUBARTICULAR, side), level)]
    }
    if not points:
        return None
    known = instance.plane is not None
    what = "level" if known else "side and level"
    reason = f"nothing says which {what} the lone slice shows; its grades are in `unsided`"
    marks = Landmarks(points, assumed_pixel_mm=pixel_mm)
    return Unplaced(Family.SUBARTICULAR, marks, known, False, reason)


def _axial_look(
    instance: Instance,
    centre: tuple[float, float],
    pixel_mm: float,
    heat_maps: HeatMaps,
    settings: LocatorSettings,
) -> SliceMaps | None:
    square = square_on(
        instance, centre, settings.axial_field_mm, settings.size_px, instance.pixel_mm(pixel_mm)
    )
    shown = picture(instance, square)
    return None if shown is None else SliceMaps(0, square, heat_maps(shown[None])[0])


def _recess(look: SliceMaps, side: Side) -> tuple[float, float, float]:
    """Column, row and confidence of one side's recess on the picture."""
    cell = Cell(Condition.of(Family.SUBARTICULAR, side), Level.L1_L2)
    spot, confidence = look.highest(map_of(cell))
    column, row = np.asarray(look.square.to_picture(spot))
    return float(column), float(row), confidence
