"""How sagittal slices lie beside a patient's mid-line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lumbar.imaging.study import Instance, Series

__all__ = ["centre_mm", "left_of", "width_mm"]

Array = NDArray[np.float64]


def left_of(instance: Instance, point_mm: Array) -> float:
    """How far in mm a sagittal slice lies on the patient's left of a point, at its y and z.

    The side is that of x; the distance is the plane's own, which a patient who lies turned keeps.
    """
    assert instance.plane is not None
    return float(-instance.plane.distance(point_mm) * np.sign(instance.plane.normal[0]))


def width_mm(series: Series) -> float:
    """Distance from the first to the last slice of a sagittal stack; 0 without geometry."""
    first, last = series.instances[0].plane, series.instances[-1].plane
    if first is None or last is None:
        return 0.0
    return abs(float(first.distance(last.origin_mm)))


def centre_mm(series: Series) -> Array:
    """The middle of a stack in patient mm: the mid-line's best guess without a T2 series.

    Of an even number of slices it lies between the two in the middle, as in the mirrored patient.
    """
    middle = (series.instances[(len(series) - 1) // 2], series.instances[len(series) // 2])
    centres = [one.plane.centre_mm(one.shape) for one in middle if one.plane is not None]
    return np.asarray(np.mean(centres, axis=0))
