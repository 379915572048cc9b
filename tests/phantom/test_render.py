"""The phantom's pictures: contrast, the grades' visibility, mirroring, noise, speed."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lumbar.domain import CELLS, Cell, Condition, Family, Level
from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import Habitus
from lumbar.phantom.morphology import RANGES, THRESHOLDS, Morphology
from lumbar.phantom.render import acquire, render

MakeAnatomy = Callable[..., Anatomy]


def sagittal(at: NDArray[np.float64], spacing: float = 0.7, size: int = 96) -> Plane:
    """A sagittal plane of `size` pixels squared centred on a point."""
    half = spacing * (size - 1) / 2
    return Plane.from_dicom(
        at + np.array([0, -half, half]), [0, 1, 0, 0, 0, -1], (spacing, spacing)
    )


def axial(patient: Anatomy, level: Level, spacing: float = 0.7, size: int = 96) -> Plane:
    """An axial plane along a disc, centred on the canal."""
    frame = patient.level_frames()[level]
    at = patient.landmarks()[Cell(Condition.SPINAL_CANAL_STENOSIS, level)]
    right = np.cross(frame.posterior, -frame.normal)
    right = right if right[0] > 0 else -right
    half = spacing * (size - 1) / 2
    origin = at - half * right - half * frame.posterior
    return Plane.from_dicom(origin, [*right, *frame.posterior], (spacing, spacing))


def view(patient: Anatomy, cell: Cell) -> NDArray[np.float32]:
    """The picture on which a reader would grade a cell, 96 pixels squared."""
    at = patient.landmarks()[cell]
    family = cell.condition.family
    plane = axial(patient, cell.level) if family is Family.SUBARTICULAR else sagittal(at)
    return render(patient, plane, (96, 96), "t1" if family is Family.FORAMINAL else "t2", 4.0)


def disc(image: NDArray[np.float32], plane: Plane, at: NDArray[np.float64], radius: float) -> float:
    """Mean brightness within `radius` mm of a point."""
    column, row = plane.to_pixel(at)
    rows, columns = np.indices(image.shape)
    near = np.hypot(rows - row, columns - column) * plane.spacing_mm[0] < radius
    return float(image[near].mean())


def random_patient(seed: int) -> Anatomy:
    rng = np.random.default_rng(seed)
    values = {cell: float(rng.uniform(*RANGES[cell.condition.family])) for cell in CELLS}
    return Anatomy(Morphology.from_cells(values), Habitus.draw(rng))


def test_a_picture_is_float32_of_the_shape_asked_for_and_within_its_scale(
    anatomy: MakeAnatomy,
) -> None:
    patient = anatomy()
    image = render(patient, sagittal(patient.habitus.centre_mm, 3.0), (96, 80), "t2", 4.0)
    assert image.dtype == np.float32
    assert image.shape == (96, 80)
    assert image.min() >= 0
    assert 0.8 < image.max() <= 1.1


@pytest.mark.parametrize("seed", range(4))
def test_fluid_is_bright_on_t2_and_dark_on_t1_fat_bright_on_both(
    seed: int, anatomy: MakeAnatomy
) -> None:
    patient = anatomy(seed)
    sac = patient.axis.place(0.0, 6.0, float(patient.axis.bodies_mm[6]))
    behind = 57.0 * patient.habitus.muscle_bulk + 0.4 * patient.habitus.skin_fat_mm
    fat = patient.axis.place(12.0, behind, float(patient.axis.bodies_mm[6]))
    body = patient.axis.place(0.0, -16.0, float(patient.axis.bodies_mm[6]))
    bright = {
        (name, contrast): disc(
            render(patient, sagittal(at), (96, 96), contrast, 4.0), sagittal(at), at, 2.0
        )
        for name, at in (("sac", sac), ("fat", fat), ("body", body))
        for contrast in ("t1", "t2")
    }
    assert bright["sac", "t2"] > bright["body", "t2"]
    assert bright["fat", "t1"] > bright["body", "t1"] > bright["sac", "t1"]


@pytest.mark.parametrize("seed", range(3))
def test_a_mirrored_patient_on_a_mirrored_plane_gives_the_same_picture(seed: int) -> None:
    patient = random_patient(seed)
    mirrored = Anatomy(patient.morphology.mirrored(), patient.habitus.mirrored())
    centre = np.asarray(patient.habitus.centre_mm)
    planes = [sagittal(centre + np.array([12, 0, 0]), 2.5), axial(patient, Level.L4_L5, 1.5)]
    for plane in planes:
        one = render(patient, plane, (96, 96), "t2", 4.0)
        other = render(mirrored, plane.mirrored(), (96, 96), "t2", 4.0)
        assert np.abs(one - other).max() < 1e-5


def test_the_same_patient_gives_the_same_picture() -> None:
    one, other = (random_patient(3) for _ in range(2))
    plane = axial(one, Level.L3_L4)
    pictures = [render(p, plane, (96, 96), "t2", 4.0) for p in (one, other)]
    assert np.array_equal(*pictures)


@pytest.mark.parametrize("condition", list(Condition))
@pytest.mark.parametrize("level", [Level.L1_L2, Level.L3_L4, Level.L5_S1])
def test_a_narrower_passage_is_darker_in_its_own_view(
    condition: Condition, level: Level, anatomy: MakeAnatomy
) -> None:
    cell = Cell(condition, level)
    _, severe = THRESHOLDS[condition.family]
    wide, narrow = anatomy(2), anatomy(2, {cell: severe * 0.5})
    at = wide.landmarks()[cell]
    axial_view = condition.family is Family.SUBARTICULAR
    plane = axial(wide, level) if axial_view else sagittal(at)
    radius = {Family.CANAL: 6.0, Family.FORAMINAL: 6.0, Family.SUBARTICULAR: 3.0}
    contrast = "t1" if condition.family is Family.FORAMINAL else "t2"
    pictures = [render(p, plane, (96, 96), contrast, 4.0) for p in (wide, narrow)]
    before, after = (disc(image, plane, at, radius[condition.family]) for image in pictures)
    assert after < 0.8 * before


def test_darkness_grows_step_by_step_with_narrowing(anatomy: MakeAnatomy) -> None:
    cell = Cell(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Level.L4_L5)
    at = anatomy(2).landmarks()[cell]
    plane = sagittal(at)
    steps = [
        disc(render(anatomy(2, {cell: share}), plane, (96, 96), "t1", 4.0), plane, at, 7.0)
        for share in (0.9, 0.7, 0.5, 0.3, 0.1)
    ]
    assert np.all(np.diff(steps) < -0.005)


@pytest.mark.parametrize("changed", CELLS[::6], ids=lambda cell: cell.column)
def test_a_grade_changes_its_own_place_and_no_other_level(
    changed: Cell, anatomy: MakeAnatomy
) -> None:
    _, severe = THRESHOLDS[changed.condition.family]
    one, other = anatomy(4), anatomy(4, {changed: severe * 0.5})
    for level in Level:
        if level is changed.level:
            continue
        cell = Cell(changed.condition, level)
        assert np.abs(view(one, cell)[32:64, 32:64] - view(other, cell)[32:64, 32:64]).max() < 0.02
    assert np.abs(view(one, changed) - view(other, changed)).max() > 0.1


def test_left_narrowing_leaves_the_right_foramen_as_it_is(anatomy: MakeAnatomy) -> None:
    left = Cell(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Level.L3_L4)
    one, other = anatomy(4), anatomy(4, {left: 0.05})
    assert np.array_equal(view(one, left.mirrored), view(other, left.mirrored))


def test_noise_depends_on_its_seed_alone(anatomy: MakeAnatomy) -> None:
    patient = anatomy()
    plane = axial(patient, Level.L3_L4)
    image = render(patient, plane, (96, 96), "t2", 4.0)
    one, same, other = (
        acquire(image, np.random.default_rng(seed), patient.habitus, plane=plane)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_stored_picture_is_twelve_bits_and_never_negative(anatomy: MakeAnatomy) -> None:
    patient = anatomy()
    stored = acquire(np.full((64, 64), 9.0, np.float32), np.random.default_rng(0), patient.habitus)
    assert stored.dtype == np.uint16
    assert stored.max() == 4095


def test_air_has_the_mean_of_rician_noise(anatomy: MakeAnatomy) -> None:
    patient = anatomy()
    air = acquire(np.zeros((256, 256), np.float32), np.random.default_rng(0), patient.habitus)
    sigma = patient.habitus.noise * patient.habitus.gain
    assert air.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.08)


def test_the_coil_lights_the_back_more_than_the_belly(anatomy: MakeAnatomy) -> None:
    patient = anatomy()
    plane = sagittal(np.asarray(patient.habitus.centre_mm), 3.0)
    even = np.ones((96, 96), np.float32)
    lit = acquire(even, np.random.default_rng(0), patient.habitus, plane=plane).astype(float)
    assert lit[:, -12:].mean() > 1.5 * lit[:, :12].mean()


def test_a_small_slice_is_rendered_in_tens_of_milliseconds(anatomy: MakeAnatomy) -> None:
    patient = anatomy()
    plane = sagittal(np.asarray(patient.habitus.centre_mm), 1.4, 192)
    render(patient, plane, (192, 192), "t2", 4.0)
    times = []
    for _ in range(5):
        start = time.process_time()
        render(patient, plane, (192, 192), "t2", 4.0)
        times.append(time.process_time() - start)
    assert min(times) < 0.08
