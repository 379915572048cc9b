"""The canal is looked for where the patient's middle is, whatever part of a stack is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lumbar.domain import View
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.midline import MIDDLE_SLICES, OFF_MM, middle_of, middle_slices
from lumbar.imaging.study import Series, Study


@pytest.fixture(scope="module")
def stacks(located: tuple[Study, Landmarks]) -> tuple[Series, Series]:
    """A phantom's sagittal T1 and T2 stacks."""
    t1, t2 = (located[0].of_view(view)[0] for view in (View.SAGITTAL_T1, View.SAGITTAL_T2))
    return t1, t2


def part(series: Series, kept: slice) -> Series:
    return replace(series, instances=series.instances[kept], blocks=series.blocks[kept])


def bare(series: Series, slices: int) -> Series:
    """So many slices without geometry."""
    one = replace(series.instances[0], plane=None)
    return replace(series, instances=(one,) * slices, blocks=())


@pytest.mark.parametrize(
    ("slices", "searched"), [(1, [0]), (4, [0, 1, 2, 3]), (13, [4, 5, 6, 7, 8])]
)
def test_the_canal_is_searched_on_the_middle_slices(
    stacks: tuple[Series, Series], slices: int, searched: list[int]
) -> None:
    assert middle_slices(bare(stacks[1], slices), None) == searched


@pytest.mark.parametrize("slices", range(1, 30))
def test_a_mirrored_stack_has_the_same_middle(stacks: tuple[Series, Series], slices: int) -> None:
    middle = middle_slices(bare(stacks[1], slices), None)
    assert sorted(slices - 1 - index for index in middle) == middle


def test_one_half_of_a_stack_is_searched_near_the_middle_of_the_whole_one(
    stacks: tuple[Series, Series],
) -> None:
    t1, t2 = stacks
    middle = middle_of([t1, t2])
    assert middle is not None
    for half in (part(t2, slice(len(t2) // 2 + 1)), part(t2, slice(len(t2) // 2, None))):
        found = middle_slices(half, middle_of([t1, half]))
        assert 1 <= len(found) < MIDDLE_SLICES
        for index in found:
            plane = half.instances[index].plane
            assert plane is not None
            assert abs(plane.distance(middle.point_mm)) <= OFF_MM


def test_a_stack_stored_as_two_series_has_its_middle_where_they_meet(
    stacks: tuple[Series, Series],
) -> None:
    t2 = stacks[1]
    first, second = part(t2, slice(len(t2) // 2)), part(t2, slice(len(t2) // 2, None))
    whole, joined = middle_of([t2]), middle_of([second, first])
    assert whole is not None
    assert joined is not None
    assert joined.point_mm == pytest.approx(whole.point_mm)
    assert joined.width_mm == pytest.approx(whole.width_mm)
    assert middle_slices(first, joined)
    assert max(middle_slices(first, joined)) == len(first) - 1


def test_slices_of_one_side_alone_are_not_searched_for_the_canal(
    stacks: tuple[Series, Series],
) -> None:
    t1, t2 = stacks
    lateral = part(t2, slice(2))
    assert middle_slices(lateral, middle_of([t1, lateral])) == []
    assert middle_slices(lateral, middle_of([lateral])) == [0, 1]


def test_without_geometry_there_is_no_middle(stacks: tuple[Series, Series]) -> None:
    assert middle_of([bare(stacks[0], 5)]) is None
