"""Where the slices of an examination lie."""

from __future__ import annotations

import numpy as np
import pytest

from lumbar.domain import CELLS, Family, View
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import Habitus
from lumbar.phantom.population import population
from lumbar.phantom.protocol import SeriesPlan, plan_study
from lumbar.phantom.sampling import SAMPLINGS, Size


def anatomy_of(index: int) -> Anatomy:
    rng = np.random.default_rng([21, index])
    return Anatomy(population().draw_morphology(rng), Habitus.draw(rng))


def plans_of(
    index: int, size: Size = Size.SMALL, parallel: bool | None = None
) -> tuple[SeriesPlan, ...]:
    anatomy = anatomy_of(index)
    foramina = [p for c, p in anatomy.landmarks().items() if c.condition.family is Family.FORAMINAL]
    discs = tuple(anatomy.level_frames().values())
    rng = np.random.default_rng([22, index])
    return plan_study(discs, np.array(foramina), size, rng, parallel)


def blocks_of(plan: SeriesPlan) -> int:
    return len({tuple(np.round(plane.normal, 9)) for plane in plan.planes})


def test_axial_slices_are_five_angled_blocks_or_one() -> None:
    found = [blocks_of(plans_of(index)[2]) for index in range(24)]
    assert set(found) == {1, 5}
    assert found.count(5) > found.count(1)


@pytest.mark.parametrize("parallel", [False, True])
def test_every_landmark_lies_in_a_picture_of_its_view(parallel: bool) -> None:
    for index in range(6):
        plans = {plan.view: plan for plan in plans_of(index, parallel=parallel)}
        for cell, point in anatomy_of(index).landmarks().items():
            plan = plans[cell.condition.family.view]
            nearest = min(plan.planes, key=lambda plane: abs(float(plane.distance(point))))
            assert abs(float(nearest.distance(point))) < plan.spacing_mm / 2 + 1.5, cell.column
            assert (nearest.to_pixel(point) > 8).all()
            assert (nearest.to_pixel(point) < np.array(plan.shape[::-1]) - 8).all()


def test_sagittal_numbers_run_from_either_side() -> None:
    steps = {
        bool(planes[1].origin_mm[0] > planes[0].origin_mm[0])
        for planes in (plans_of(index)[0].planes for index in range(8))
    }
    assert steps == {True, False}


def test_both_sagittal_series_have_the_same_slices_in_fields_of_their_own() -> None:
    first, second, _ = plans_of(0)
    assert (first.view, second.view) == (View.SAGITTAL_T1, View.SAGITTAL_T2)
    for one, other in zip(first.planes, second.planes, strict=True):
        assert float(one.distance(other.origin_mm)) == pytest.approx(0.0, abs=1e-9)
        assert not np.allclose(one.origin_mm, other.origin_mm)


def test_choosing_the_axial_blocks_leaves_the_sagittal_plan_alone() -> None:
    for one, other in zip(
        plans_of(3, parallel=True)[:2], plans_of(3, parallel=False)[:2], strict=True
    ):
        for first, second in zip(one.planes, other.planes, strict=True):
            assert np.array_equal(first.origin_mm, second.origin_mm)


@pytest.mark.parametrize("size", Size)
def test_matrices_and_counts_stay_in_the_sizes_ranges(size: Size) -> None:
    sampling = SAMPLINGS[size]
    shapes = set()
    for index in range(12):
        sagittal, _, axial = plans_of(index, size)
        low, high = sampling.sagittal_slices
        assert low <= len(sagittal.planes) <= high
        assert sagittal.shape[1] in sampling.sagittal_px
        assert axial.shape[1] in sampling.axial_px
        shapes |= {sagittal.shape, axial.shape}
    assert any(rows != columns for rows, columns in shapes)


def test_the_full_size_has_as_many_axial_slices_as_the_real_files() -> None:
    counts = [len(plans_of(index, Size.FULL)[2].planes) for index in range(8)]
    assert min(counts) >= 40
    assert max(counts) <= 62


def test_all_cells_have_a_landmark() -> None:
    assert tuple(anatomy_of(0).landmarks()) == CELLS
