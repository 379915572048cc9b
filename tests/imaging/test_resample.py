"""Squares on pictures: aspect, canonical direction, mirror symmetry, nearest slices."""

from __future__ import annotations

import numpy as np
import pytest
from directions import AXIAL, SAGITTAL
from hypothesis import given
from hypothesis import strategies as st

from lumbar.domain import Side, View
from lumbar.imaging import (
    Instance,
    Plane,
    Series,
    nearest_slice,
    neighbours,
    sample,
    sample_plane,
    square_on,
    to_uint8,
)

NOISE = np.random.default_rng(3).random((40, 60), np.float32)


def instance(orientation=AXIAL, pixels=NOISE, spacing=(0.5, 0.5), origin=(0.0, 0.0, 0.0)):
    return Instance("s", "i", "f", pixels, Plane.from_dicom(origin, orientation, spacing))


def world_of(made: Instance, axis: int) -> np.ndarray:
    """A picture whose grey value is one patient coordinate of each pixel's centre."""
    rows, columns = made.pixels.shape
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1)
    return made.plane.to_world(grid)[..., axis].astype(np.float32)


def test_at_the_pictures_own_spacing_the_square_is_a_cut_out() -> None:
    patch = sample_plane(instance(), (29.5, 19.5), 5.0, 10)
    assert np.allclose(patch, NOISE[15:25, 25:35], atol=1e-6)


@pytest.mark.parametrize(
    "orientation",
    [AXIAL, (-1, 0, 0, 0, 1, 0), (0, 1, 0, 1, 0, 0), (0, -1, 0, -1, 0, 0), (1, 0, 0, 0, -1, 0)],
)
def test_axial_squares_run_to_the_patients_left_and_back_whatever_the_file_does(
    orientation,
) -> None:
    made = instance(orientation, spacing=(0.7, 0.5))
    for axis, along in ((0, 1), (1, 0)):
        shown = Instance("s", "i", "f", world_of(made, axis), made.plane)
        patch = sample_plane(shown, (30, 20), 6.0, 12)
        assert np.allclose(np.diff(patch, axis=along), 0.5, atol=1e-3)


@pytest.mark.parametrize(
    "orientation",
    [SAGITTAL, (0, -1, 0, 0, 0, -1), (0, 1, 0, 0, 0, 1), (0, 0, -1, 0, 1, 0), (0, 0, 1, 0, -1, 0)],
)
def test_sagittal_squares_run_to_the_back_and_the_feet_whatever_the_file_does(
    orientation,
) -> None:
    made = instance(orientation, spacing=(0.7, 0.5))
    for axis, along, step in ((1, 1, 0.5), (2, 0, -0.5)):
        shown = Instance("s", "i", "f", world_of(made, axis), made.plane)
        patch = sample_plane(shown, (30, 20), 6.0, 12)
        assert np.allclose(np.diff(patch, axis=along), step, atol=1e-3)


def test_a_mirrored_patient_gives_the_mirrored_axial_and_the_same_sagittal_square() -> None:
    for orientation, mirrored in ((AXIAL, slice(None, None, -1)), (SAGITTAL, slice(None))):
        made = instance(orientation)
        other = Instance("s", "i", "f", NOISE, made.plane.mirrored())
        patch = sample_plane(made, (31.3, 18.2), 11.0, 16)
        assert np.array_equal(sample_plane(other, (31.3, 18.2), 11.0, 16), patch[:, mirrored])


def test_flipping_columns_shows_a_right_side_as_a_left_one() -> None:
    patch = sample_plane(instance(), (31.3, 18.2), 11.0, 16)
    flipped = sample_plane(instance(), (31.3, 18.2), 11.0, 16, flip_columns=True)
    assert np.array_equal(flipped, patch[:, ::-1])


@given(
    st.floats(0, 60), st.floats(0, 40), st.floats(5, 80), st.floats(0.3, 2), st.floats(0.3, 2),
    st.sampled_from([AXIAL, SAGITTAL, (0, 0, -1, 0, 1, 0), (0, -1, 0, 0, 0, 1)]), st.booleans(),
)  # fmt: skip
def test_a_squares_pixel_taken_to_the_picture_and_back_is_the_same(
    column, row, field, height, width, orientation, flip
) -> None:
    made = instance(orientation, spacing=(height, width))
    square = square_on(made, (column, row), field, 32, flip_columns=flip)
    points = np.array([[0.0, 0.0], [31.0, 4.5], [15.5, 15.5]])
    assert np.allclose(square.from_picture(square.to_picture(points)), points, atol=1e-6)
    assert np.allclose(square.to_picture([15.5, 15.5]), [column, row])


def test_the_grey_value_of_a_squares_pixel_is_that_of_its_place_in_the_picture() -> None:
    made = instance((0, 0, -1, 0, 1, 0), spacing=(0.6, 0.9))
    shown = Instance("s", "i", "f", world_of(made, 2), made.plane)
    square = square_on(shown, (33.0, 22.0), 8.0, 16)
    place = square.to_picture([4.0, 11.0])
    assert sample(shown.pixels, square)[11, 4] == pytest.approx(
        made.plane.to_world(place)[2], abs=1e-3
    )


def test_a_squashed_png_is_cut_at_true_aspect() -> None:
    squashed = Instance("s", "i", "f", NOISE, None, aspect=(2.0, 0.5))
    square = square_on(squashed, (30, 20), 20.0, 10)
    width, height = square.to_picture([10, 10]) - square.to_picture([0, 0])
    assert width / height == pytest.approx(4.0)


def test_outside_the_picture_is_zero_or_the_edge_continued() -> None:
    bright = instance(pixels=np.full((40, 60), 7, np.float32))
    assert sample_plane(bright, (0, 0), 10.0, 20)[0, 0] == 0
    assert np.allclose(sample_plane(bright, (0, 0), 10.0, 20, outside="edge"), 7)
    assert not sample_plane(bright, (500, 500), 10.0, 20).any()


def test_a_coarse_square_averages_instead_of_skipping() -> None:
    chequered = np.indices((200, 200)).sum(0) % 2 * np.float32(100)
    patch = sample_plane(instance(pixels=chequered.astype(np.float32)), (100, 100), 60.0, 20)
    assert np.allclose(patch, 50, atol=1.0)


def series(*positions: float, blocks: tuple[int, ...] = ()) -> Series:
    made = tuple(instance(origin=(0.0, 0.0, z)) for z in positions)
    return Series("s", None, "", made, blocks or (0,) * len(made))


def test_the_nearest_slice_is_the_one_whose_plane_is_nearest() -> None:
    assert nearest_slice(series(8, 4, 0, -4), (10, 10, 1.5)) == 2


def test_neighbours_repeat_the_outermost_slice_and_stay_in_their_block() -> None:
    stack = series(8, 4, 0, -4, blocks=(0, 0, 1, 1))
    a, b, c, d = stack.instances
    assert neighbours(stack, 1, 2) == (a, a, b, b, b)
    assert neighbours(stack, 2, 1) == (c, c, d)


def test_neighbours_are_of_the_same_station_where_two_lie_side_by_side() -> None:
    made = series(8, 8, 4, 4, 0, 0, blocks=(0, 1, 0, 1, 0, 1))
    assert neighbours(made, 3, 1) == made.instances[1::2]


def test_a_stack_stored_in_two_series_goes_on_in_the_other() -> None:
    upper, lower = series(8, 4), series(0, -4, -8)
    assert neighbours(upper, 1, 1, [lower]) == (*upper.instances, lower.instances[0])
    assert neighbours(lower, 0, 1, [upper]) == (upper.instances[1], *lower.instances[:2])
    assert neighbours(lower, 2, 1, [upper]) == (*lower.instances[1:], lower.instances[2])


@pytest.mark.parametrize(
    "other",
    [
        series(-4, -8),
        series(4, 0),
        Series("s", None, "", (instance(origin=(0, 0, 0), pixels=NOISE[:, :30]),), (0,)),
        Series("s", None, "", (instance(origin=(80, 0, 0)),), (0,)),
        Series("s", None, "", (instance((1, 0, 0, 0, 0.99, 0.1411)),), (0,)),
    ],
    ids=["behind a gap", "overlapping", "of another matrix", "beside it", "at another angle"],
)
def test_a_series_that_is_no_more_of_the_same_stack_is_no_neighbour(other: Series) -> None:
    stack = series(8, 4)
    assert neighbours(stack, 1, 1, [other]) == (*stack.instances, stack.instances[1])


def test_a_picture_is_scaled_between_its_percentiles() -> None:
    ramp = np.linspace(0, 1000, 10000, dtype=np.float32).reshape(100, 100)
    scaled = to_uint8(ramp)
    assert (scaled.min(), scaled.max()) == (0, 255)
    assert abs(int(scaled[50, 0]) - 128) <= 1


def test_a_constant_or_broken_picture_is_scaled_to_nothing_wild() -> None:
    assert not to_uint8(np.full((8, 8), 5, np.float32)).any()
    assert not to_uint8(np.full((8, 8), np.nan, np.float32)).any()


def test_without_planes_slices_of_one_side_with_successive_numbers_are_neighbours() -> None:
    left, right = Side.LEFT, Side.RIGHT
    sides = {3: right, 4: right, 5: right, 7: right, 11: left, 12: left, 14: None}
    stack = plain(sides)
    three, four, five, seven, eleven, twelve, fourteen = stack
    assert neighbours(stack, 1, 1) == (three, four, five)
    assert neighbours(stack, 0, 1) == (three, three, four)
    assert neighbours(stack, 3, 1) == (seven, seven, seven)
    assert neighbours(stack, 5, 2) == (eleven, eleven, twelve, twelve, twelve)
    assert neighbours(stack, 6, 1) == (fourteen,) * 3
    mirrored = plain({n: side and side.other for n, side in sides.items()})
    assert neighbours(mirrored, 1, 1) == mirrored.instances[2::-1]


def test_without_planes_no_slice_from_beyond_a_missing_number_is_a_neighbour() -> None:
    left, right = Side.LEFT, Side.RIGHT
    stack = plain({3: right, 4: right, 6: right, 7: right, 11: left})
    three, four, six, seven, _ = stack
    assert neighbours(stack, 1, 3) == (three, three, three, four, four, four, four)
    assert neighbours(stack, 2, 2) == (six, six, six, seven, seven)


def test_slices_of_one_side_alone_have_no_neighbours_without_planes() -> None:
    stack = plain({3: Side.LEFT, 4: Side.LEFT})
    assert neighbours(stack, 0, 1) == (stack.instances[0],) * 3


def plain(sides: dict[int, Side | None]) -> Series:
    """A sagittal series without planes, of slices with these numbers and sides."""
    pixels = np.zeros((8, 8), np.float32)
    shown = (
        Instance("s", str(n), f"{n}.png", pixels, number=n, side=side) for n, side in sides.items()
    )
    return Series("s", View.SAGITTAL_T1, "told", tuple(shown))
