"""How sagittal slices lie beside a patient's mid-line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumbar.imaging.geometry import stack_direction
from lumbar.imaging.study import Instance, Series

__all__ = ["Middle", "left_of", "middle_of", "middle_slices"]

Array = NDArray[np.float64]

MIDDLE_SLICES = 5
"""Sagittal T2 slices searched for the canal, of an even number of slices one more. The canal is
15-25 mm wide and a patient lies within a slice or two of the middle of the stack."""

OFF_MM = 8.0
"""A stack whose middle lies further than this from that of all sagittal slices shows one side."""


@dataclass(frozen=True, slots=True, eq=False)
class Middle:
    """The middle of a study's sagittal slices, `point_mm` `[3]`, and what they are wide in mm."""

    point_mm: Array
    width_mm: float


def middle_of(series: Iterable[Series]) -> Middle | None:
    """The middle of several series' slices together: one stack may be stored as two, or show
    less than another. None where none has a plane."""
    planes = [(one.plane, one.shape) for some in series for one in some if one.plane is not None]
    if not planes:
        return None
    normal = stack_direction(planes[0][0].normal)
    centres = np.array([plane.centre_mm(shape) for plane, shape in planes])
    along = centres @ normal
    first, last = centres[along.argmin()], centres[along.argmax()]
    return Middle((first + last) / 2, float(np.ptp(along)))


def middle_slices(series: Series, middle: Middle | None) -> list[int]:
    """Indices of the slices that may show the canal, the same of a stack and of its mirror image.

    Those in the middle of the stack; where that is not the study's, those near the study's, which
    may be none.
    """
    own = middle_of([series])
    if middle is None or own is None or _apart(series, own, middle) <= OFF_MM:
        count, reach = len(series), MIDDLE_SLICES // 2
        return list(range(max((count - 1) // 2 - reach, 0), min(count // 2 + reach + 1, count)))
    return [
        index
        for index, one in enumerate(series)
        if one.plane is not None and abs(float(one.plane.distance(middle.point_mm))) <= OFF_MM
    ]


def left_of(instance: Instance, point_mm: Array) -> float:
    """How far in mm a sagittal slice lies on the patient's left of a point, at its y and z.

    The side is that of x; the distance is the plane's own, which a patient who lies turned keeps.
    """
    assert instance.plane is not None
    return float(-instance.plane.distance(point_mm) * np.sign(instance.plane.normal[0]))


def _apart(series: Series, one: Middle, other: Middle) -> float:
    plane = next(each.plane for each in series if each.plane is not None)
    return abs(float((one.point_mm - other.point_mm) @ plane.normal))
