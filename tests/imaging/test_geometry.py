"""Pixels to patient millimetres and back, on planes as oblique and as stretched as they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumbar.errors import GeometryError
from lumbar.imaging import Plane

numbers = st.floats(-300, 300, allow_nan=False)
spacings = st.floats(0.2, 3.0)


@st.composite
def planes(draw: st.DrawFn) -> Plane:
    """Planes turned by any rotation, with pixels up to 15 times as high as wide."""
    quaternion = np.array([draw(st.floats(-1, 1)) for _ in range(4)]) + np.eye(4)[0] * 1.5
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    row = [1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)]
    column = [2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w)]
    position = [draw(numbers) for _ in range(3)]
    return Plane.from_dicom(position, [*row, *column], [draw(spacings), draw(spacings)])


@given(planes(), numbers, numbers)
def test_a_pixel_taken_to_the_patient_and_back_is_the_same_pixel(
    plane: Plane, column: float, row: float
) -> None:
    back = plane.to_pixel(plane.to_world([column, row]))
    assert np.allclose(back, [column, row], atol=1e-6)


@given(planes(), numbers, numbers, st.floats(-50, 50))
def test_a_point_off_the_plane_keeps_its_pixel_and_tells_its_distance(
    plane: Plane, column: float, row: float, off: float
) -> None:
    point = plane.to_world([column, row]) + off * plane.normal
    assert np.allclose(plane.to_pixel(point), [column, row], atol=1e-6)
    assert plane.distance(point) == pytest.approx(off, abs=1e-6)


@given(planes(), numbers, numbers)
def test_mirroring_the_patient_negates_x_and_nothing_else(
    plane: Plane, column: float, row: float
) -> None:
    world = plane.to_world([column, row])
    assert np.allclose(plane.mirrored().to_world([column, row]), world * [-1, 1, 1])


def test_pixel_spacing_counts_rows_first() -> None:
    plane = Plane.from_dicom([0, 0, 0], [1, 0, 0, 0, 1, 0], [2.0, 0.5])
    assert plane.to_world([1, 0]).tolist() == [0.5, 0, 0]
    assert plane.to_world([0, 1]).tolist() == [0, 2.0, 0]


def test_directions_that_are_not_perpendicular_are_refused() -> None:
    with pytest.raises(GeometryError, match="perpendicular"):
        Plane.from_dicom([0, 0, 0], [1, 0, 0, 0.5, 0.8, 0], [1, 1])


@pytest.mark.parametrize(
    "spacing", [[0.0, 1.0], [-1.0, -1.0], [1e-7, 1e-7], [0.0005, 0.0005], [50.0, 1.0]]
)
def test_a_spacing_that_no_mr_picture_has_is_refused(spacing: list[float]) -> None:
    with pytest.raises(GeometryError, match="which no MR picture has"):
        Plane.from_dicom([0, 0, 0], [1, 0, 0, 0, 1, 0], spacing)
