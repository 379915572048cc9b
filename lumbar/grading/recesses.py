"""The recesses of one level on the axial T2 slice that shows it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.domain import Cell, Condition, Family, Level, Side, View
from lumbar.grading.crops import COVER_MM, covering
from lumbar.grading.looks import HeatMaps, look_both_ways, near
from lumbar.grading.pictures import map_of, picture
from lumbar.grading.sights import Sight
from lumbar.imaging.resample import square_on
from lumbar.imaging.study import Series, Study

__all__ = ["find_recesses"]

RECESS_MM, RECESS_SPREAD_MM = 9.0, 8.0
"""Distance of the recesses from the canal's point to either side: the canal is 15-25 mm wide. The
sagittal slice that the point was found on may lie as far from the canal's middle."""


def find_recesses(
    study: Study,
    canal_mm: NDArray[np.float64] | None,
    heat_maps: HeatMaps,
    settings: LocatorSettings,
) -> tuple[Series, Mapping[Side, Sight]] | str:
    """Both recesses beside a level's canal point `[3]`, with the series; or why there are none."""
    axial = study.of_view(View.AXIAL_T2)
    if canal_mm is None or all(one.plane is None for series in axial for one in series):
        return "nothing tells where the axial slices lie beside the sagittal ones"
    found = covering(study, View.AXIAL_T2, (canal_mm[0], canal_mm[1], canal_mm[2]))
    if found is None:
        return f"no axial slice within {COVER_MM:.0f} mm of the level: outside cover"
    series, index = found
    instance = series.instances[index]
    assert instance.plane is not None
    column, row = instance.plane.to_pixel(canal_mm)
    square = square_on(instance, (column, row), settings.axial_field_mm, settings.size_px)
    shown = picture(instance, square)
    if shown is None:
        return "the axial slice is empty or without contrast"
    look = look_both_ways(index, square, shown, heat_maps)
    spread = RECESS_SPREAD_MM * square.size_px / square.field_mm
    sights: dict[Side, Sight] = {}
    for side in Side:
        lateral = RECESS_MM if side is Side.LEFT else -RECESS_MM
        beside = instance.plane.to_pixel(canal_mm + np.array([lateral, 0.0, 0.0]))
        prior = near(square.from_picture(beside), spread, look.maps.shape[-1])
        which = map_of(Cell(Condition.of(Family.SUBARTICULAR, side), Level.L1_L2))
        sights[side] = Sight(1.0, look, *look.highest(which, prior))
    return series, sights
