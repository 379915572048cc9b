"""The phantom's spine: where it lies, what its morphology changes, what mirroring does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lumbar.domain import CELLS, Cell, Condition, Family, Level, Severity, Side
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import FIRST_LUMBAR, Habitus
from lumbar.phantom.morphology import RANGES, THRESHOLDS, Morphology

MakeMorphology = Callable[..., Morphology]
MakeAnatomy = Callable[..., Anatomy]


def test_a_morphology_keeps_the_value_of_each_cell() -> None:
    rng = np.random.default_rng(0)
    values = {cell: float(rng.uniform(*RANGES[cell.condition.family])) for cell in CELLS}
    assert {cell: Morphology.from_cells(values).of(cell) for cell in CELLS} == values


def test_a_mirrored_morphology_has_each_value_in_the_mirrored_cell() -> None:
    rng = np.random.default_rng(1)
    values = {cell: float(rng.uniform(*RANGES[cell.condition.family])) for cell in CELLS}
    mirrored = Morphology.from_cells(values).mirrored()
    assert {cell.mirrored: mirrored.of(cell.mirrored) for cell in CELLS} == {
        cell.mirrored: value for cell, value in values.items()
    }


@pytest.mark.parametrize("family", list(Family))
def test_the_thresholds_part_three_grades(family: Family, morphology: MakeMorphology) -> None:
    moderate, severe = THRESHOLDS[family]
    cell = next(cell for cell in CELLS if cell.condition.family is family)
    grades = [
        morphology({cell: value}).severity(cell) for value in (moderate, severe, severe - 0.01)
    ]
    assert grades == [Severity.NORMAL_MILD, Severity.MODERATE, Severity.SEVERE]


def test_a_value_out_of_range_names_the_cell(morphology: MakeMorphology) -> None:
    cell = Cell(Condition.SPINAL_CANAL_STENOSIS, Level.L4_L5)
    with pytest.raises(ValueError, match=r"spinal_canal_stenosis_l4_l5 is 40\.0"):
        morphology({cell: 40.0})


def test_the_same_seed_draws_the_same_patient() -> None:
    one, other, third = (Habitus.draw(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert one == other
    assert one != third


def test_a_habitus_mirrored_twice_is_itself() -> None:
    habitus = Habitus.draw(np.random.default_rng(3))
    assert habitus.mirrored() != habitus
    assert habitus.mirrored().mirrored() == habitus


@pytest.mark.parametrize("seed", range(6))
def test_landmarks_run_from_head_to_foot_on_their_own_sides(
    seed: int, anatomy: MakeAnatomy
) -> None:
    marks = anatomy(seed).landmarks()
    for condition in Condition:
        heights = [marks[Cell(condition, level)][2] for level in Level]
        assert np.all(np.diff(heights) < -15), condition
        canal = [marks[Cell(Condition.SPINAL_CANAL_STENOSIS, level)][0] for level in Level]
        aside = [marks[Cell(condition, level)][0] for level in Level] - np.asarray(canal)
        sign = {None: 0, Side.LEFT: 1, Side.RIGHT: -1}[condition.side]
        assert np.all(np.abs(aside) < 3 if sign == 0 else aside * sign > 4), condition


@pytest.mark.parametrize("seed", range(6))
def test_the_sac_lies_behind_its_disc_by_the_disc_and_half_the_sac(
    seed: int, anatomy: MakeAnatomy
) -> None:
    patient = anatomy(seed)
    for level, frame in patient.level_frames().items():
        sac = patient.landmarks()[Cell(Condition.SPINAL_CANAL_STENOSIS, level)]
        behind = (sac - frame.centre_mm) @ frame.posterior
        depth = patient.profile_at(patient.segments.depth, patient.graded_discs_mm[level.ordinal])
        assert depth / 2 + 5 < behind < depth / 2 + 14
        assert abs((sac - frame.centre_mm) @ frame.normal) < 0.5


def test_the_canal_has_the_morphologys_depth_at_its_disc(anatomy: MakeAnatomy) -> None:
    cell = Cell(Condition.SPINAL_CANAL_STENOSIS, Level.L3_L4)
    patient = anatomy(changes={cell: 6.0})
    at = patient.graded_discs_mm
    depths = [patient.profile_at(patient.passages.sac_ap, s) for s in at]
    assert depths == pytest.approx([13.0, 13.0, 6.0, 13.0, 13.0], abs=0.05)


def test_a_recess_has_the_morphologys_depth_on_its_side_only(anatomy: MakeAnatomy) -> None:
    cell = Cell(Condition.RIGHT_SUBARTICULAR_STENOSIS, Level.L4_L5)
    patient = anatomy(changes={cell: 1.5})
    walls, s = patient.passages, patient.graded_discs_mm[3]
    depths = [patient.profile_at(walls.roof_lateral[i] - walls.front_lateral[i], s) for i in (0, 1)]
    assert depths == pytest.approx([5.5, 1.5], abs=0.05)


def test_mirroring_the_patient_mirrors_every_landmark() -> None:
    rng = np.random.default_rng(2)
    values = {cell: float(rng.uniform(*RANGES[cell.condition.family])) for cell in CELLS}
    one = Anatomy(Morphology.from_cells(values), Habitus.draw(rng))
    other = Anatomy(one.morphology.mirrored(), one.habitus.mirrored())
    for cell, point in one.landmarks().items():
        assert other.landmarks()[cell.mirrored] == pytest.approx(point * [-1, 1, 1])


def test_points_are_found_where_they_were_placed(anatomy: MakeAnatomy) -> None:
    patient = anatomy(4)
    told = [(u, v, s) for u in (-30, 9) for v in (-35, 0, 25) for s in patient.axis.bodies_mm[3:10]]
    placed = np.array([patient.axis.place(*point) for point in told])
    assert np.stack(patient.axis.locate(placed), axis=-1) == pytest.approx(np.array(told), abs=0.02)


def test_a_lumbar_spine_is_hollow_behind_and_stands_in_a_plausible_height(
    morphology: MakeMorphology,
) -> None:
    habitus = Habitus.draw(np.random.default_rng(8))
    patient = Anatomy(morphology(), replace(habitus, roll_deg=0.0))
    frames = [frame.normal for frame in patient.level_frames().values()]
    lordosis = np.degrees(np.arccos(np.clip(frames[0] @ frames[-1], -1, 1)))
    bodies = patient.axis.bodies_mm[FIRST_LUMBAR : FIRST_LUMBAR + 5]
    assert 15 < lordosis < 75
    assert 110 < bodies[-1] - bodies[0] < 180


def test_the_bounds_hold_every_landmark(anatomy: MakeAnatomy) -> None:
    patient = anatomy(9)
    low, high = patient.bounds
    points = np.array(list(patient.landmarks().values()))
    assert np.all(points > low)
    assert np.all(points < high)
