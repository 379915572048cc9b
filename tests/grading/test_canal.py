"""Which T2 series the canal is read off, and what is said where it may not be the canal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.domain import MIDDLE_UNKNOWN, Cell, Condition, Family, Level, LevelNumbering, Side, View
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.locate import locate
from lumbar.grading.networks import MAPS
from lumbar.imaging.study import Series, Study
from lumbar.reports.headline import headline

SETTINGS = LocatorSettings(size_px=128, min_confidence=0)
EDGE = SETTINGS.size_px // 4
CANAL = {level: Cell(Condition.SPINAL_CANAL_STENOSIS, level) for level in Level}
FORAMINA = [Cell(Condition.of(Family.FORAMINAL, side), level) for side in Side for level in Level]


@pytest.fixture(scope="module")
def grader(trained_bundle: Bundle) -> Grader:
    return Grader(trained_bundle)


def part(series: Series, kept: slice) -> Series:
    return replace(series, instances=series.instances[kept], blocks=series.blocks[kept])


def with_t2(study: Study, *t2: Series) -> Study:
    """The study with other T2 series, the best first."""
    others = (one for one in study.series if one.view is not View.SAGITTAL_T2)
    return replace(study, series=(*t2, *others))


def rows_at(first: int, step: int) -> NDArray[np.float64]:
    """Log maps of five discs, a step of map pixels below one another, in every family."""
    maps = np.full((len(MAPS), EDGE, EDGE), -20.0)
    for number in range(len(Level)):
        for which in (number, len(Level) + number):
            maps[which, first + step * number, EDGE // 2] = 0.0
    maps[2 * len(Level) :, EDGE // 2, EDGE // 2] = 0.0
    return maps


def test_where_the_best_series_shows_no_lumbar_row_the_next_one_is_taken(
    located: tuple[Study, Landmarks],
) -> None:
    """As in an examination of neck and back: the neck's discs lie half as far apart."""
    study = located[0]
    (back,) = study.of_view(View.SAGITTAL_T2)
    middle = len(back) // 2
    neck = replace(part(back, slice(middle - 1, middle + 2)), series_id="neck")

    def heat_maps(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        maps = rows_at(8, 2) if len(pictures) == len(neck) else rows_at(5, 4)
        return np.stack(len(pictures) * [maps])

    both = locate(with_t2(study, neck, back), heat_maps, SETTINGS)
    assert {both.points[cell].series.series_id for cell in CANAL.values()} == {back.series_id}
    alone = locate(with_t2(study, neck), heat_maps, SETTINGS)
    assert not set(CANAL.values()) & set(alone.points)
    assert alone.numbering is LevelNumbering.UNCERTAIN
    assert "which is no adult's lumbar spine" in alone.reasons[CANAL[Level.L1_L2]]


def test_foramina_far_from_their_levels_canal_are_not_assessed(
    located: tuple[Study, Landmarks],
) -> None:
    study = located[0]

    def heat_maps(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.stack(len(pictures) * [rows_at(5, 4)])

    def lower(series: Series, by_mm: float) -> Series:
        down = np.array([0.0, 0.0, -by_mm])
        moved = (
            replace(one, plane=replace(one.plane, origin_mm=one.plane.origin_mm + down))
            for one in series
            if one.plane is not None
        )
        return replace(series, instances=tuple(moved))

    for by_mm, kept in ((0.0, True), (70.0, False)):
        series = tuple(
            lower(one, by_mm) if one.view is View.SAGITTAL_T1 else one for one in study.series
        )
        found = locate(replace(study, series=series), heat_maps, SETTINGS)
        assert all((cell in found.points) is kept for cell in FORAMINA)
        if not kept:
            assert all("from where the T2 slices do" in found.reasons[cell] for cell in FORAMINA)


@pytest.mark.parametrize("half", [slice(None, 8), slice(-8, None)])
def test_beside_a_whole_t1_stack_half_of_the_t2_stack_mixes_no_sides(
    grader: Grader, located: tuple[Study, Landmarks], half: slice
) -> None:
    study = located[0]
    (stack,) = study.of_view(View.SAGITTAL_T2)
    whole = grader.locate(study)
    found = grader.locate(with_t2(study, part(stack, half)))
    assert found.middle_known
    for level in Level:
        here, there = (one.points[CANAL[level]].point_mm for one in (found, whole))
        assert here is not None
        assert there is not None
        assert abs(here[0] - there[0]) < 8
    for cell in FORAMINA:
        here, there = (one.points[cell].point_mm for one in (found, whole))
        assert here is not None
        assert there is not None
        assert abs(here[0] - there[0]) < 10


def test_a_lone_t2_slice_is_not_said_to_show_the_canal(
    grader: Grader, located: tuple[Study, Landmarks]
) -> None:
    study = located[0]
    (stack,) = study.of_view(View.SAGITTAL_T2)
    middle = len(stack) // 2
    alone = Study("lone", (part(stack, slice(middle, middle + 1)),))
    for shown, known in ((alone, False), (study, True)):
        grades = grader.grade(shown)
        reasons = [grades[cell].reason for cell in CANAL.values()]
        assert all(reason.endswith(MIDDLE_UNKNOWN) is not known for reason in reasons)
        line = f"5 findings on sagittal T2: {MIDDLE_UNKNOWN}"
        assert (line in headline(grades).lines) is not known


def test_a_lateral_t2_slice_beside_a_t1_stack_shows_no_canal(
    grader: Grader, located: tuple[Study, Landmarks]
) -> None:
    study = located[0]
    (stack,) = study.of_view(View.SAGITTAL_T2)
    found = grader.locate(with_t2(study, part(stack, slice(1))))
    for cell in CANAL.values():
        why = "the sagittal T2 slices do not show the middle of the patient"
        assert found.reasons[cell] == why
