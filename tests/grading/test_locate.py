"""Points that one view knows keep those of another where the anatomy is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.domain import Cell, Condition, Family, Level, Side, View
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.locate import FORAMEN_MM, locate
from lumbar.grading.midline import middle_of, middle_slices
from lumbar.grading.networks import MAPS
from lumbar.grading.pictures import picture_rows
from lumbar.imaging.study import Series, Study
from lumbar.phantom import PhantomStudy

SETTINGS = LocatorSettings(size_px=128, min_confidence=0)
EDGE = SETTINGS.size_px // 4


def maps_of(canal: list[NDArray[np.float64]], squares_edge: float) -> NDArray[np.float64]:
    """Log maps: the canal's at given rows; the recesses' higher at a square's corner than beside
    its middle, where they belong."""
    maps = np.full((len(MAPS), EDGE, EDGE), -20.0)
    for level, spot in enumerate(canal):
        column, row = np.rint((spot + 0.5) / 4 - 0.5).astype(int)
        maps[level, row, column] = 0.0
    middle, away = EDGE // 2, round(9.0 / squares_edge * EDGE)
    for side in Side:
        which = MAPS.index((Family.SUBARTICULAR, side.value))
        maps[which, 1, 1] = 0.0
        maps[which, middle, middle + (away if side is Side.LEFT else -away)] = -2.0
    return maps


def spots_of(truth: Landmarks) -> list[NDArray[np.float64]]:
    """The canal's true points on the locator's whole square."""
    marks = [truth.points[Cell(Condition.SPINAL_CANAL_STENOSIS, level)] for level in Level]
    rows, columns = marks[0].instance.shape
    longest = max(rows, columns)
    return [
        (np.array(m.point_px) - np.array([columns - 1, rows - 1]) / 2) * SETTINGS.size_px / longest
        + (SETTINGS.size_px - 1) / 2
        for m in marks
    ]


def test_a_slice_that_shows_no_foramen_for_sure_is_no_candidate(
    located: tuple[Study, Landmarks],
) -> None:
    """Every second slice holds a fifth of its map at the peak: a likely place, and too unsure."""
    study, truth = located
    sure = maps_of(spots_of(truth), SETTINGS.axial_field_mm)
    sure[5:10] = sure[:5]
    unsure = sure.copy()
    unsure[5:10] = np.where(sure[5:10] == 0, np.log(0.2), np.log(0.8 / (EDGE**2 - 1)))

    def heat_maps(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.stack([(sure, unsure)[k % 2] for k in range(len(pictures))])

    found, strict = (
        locate(
            study, heat_maps, SETTINGS.model_copy(update={"min_confidence": least}), choosing=True
        )
        for least in (0.0, 0.5)
    )
    worst = [
        min(mark.confidence for marks in one.beside.values() for mark in marks)
        for one in (found, strict)
    ]
    assert worst[0] < 0.5 <= worst[1]


def with_series(study: Study, *changed: Series) -> Study:
    """The study with series of some views in place of its own."""
    views = {series.view for series in changed}
    return replace(
        study, series=(*changed, *(one for one in study.series if one.view not in views))
    )


def bare(study: Study, view: View) -> Series:
    """A study's series of a view without geometry, as PNGs have it."""
    series = study.of_view(view)[0]
    return replace(series, instances=tuple(replace(one, plane=None) for one in series))


def test_a_slice_whose_side_is_not_told_beside_others_whose_is_counts_for_neither(
    located: tuple[Study, Landmarks],
) -> None:
    study, truth = located
    series = bare(study, View.SAGITTAL_T1)
    told = {2: Side.RIGHT, len(series) - 3: Side.LEFT}
    sided = replace(
        series,
        instances=tuple(replace(one, side=told.get(k)) for k, one in enumerate(series)),
    )
    maps = maps_of(spots_of(truth), SETTINGS.axial_field_mm)
    maps[5:10] = maps[:5]
    found = locate(
        with_series(study, sided), lambda pictures: np.stack(len(pictures) * [maps]), SETTINGS
    )
    for side in Side:
        for level in Level:
            cell = Cell(Condition.of(Family.FORAMINAL, side), level)
            for mark in (found.points[cell], *found.beside[cell]):
                assert mark.instance.side is side


@pytest.mark.parametrize("slices", [8, 9])
def test_a_stack_and_its_mirror_image_have_mirrored_middles(
    located: tuple[Study, Landmarks], slices: int
) -> None:
    stack = located[0].of_view(View.SAGITTAL_T1)[0]
    stack = replace(stack, instances=stack.instances[:slices])
    planes = [replace(one, plane=one.plane.mirrored()) for one in stack if one.plane is not None]
    mirrored = replace(stack, instances=tuple(planes[::-1]))
    there, here = middle_of([mirrored]), middle_of([stack])
    assert there is not None
    assert here is not None
    assert there.point_mm == pytest.approx(here.point_mm * [-1, 1, 1])
    middle = middle_slices(stack, here)
    assert middle_slices(mirrored, there) == [slices - 1 - index for index in reversed(middle)]


@pytest.mark.parametrize("view", [View.SAGITTAL_T2, View.AXIAL_T2])
def test_a_recess_whose_place_nothing_tells_is_not_said_to_be_outside_of_cover(
    located: tuple[Study, Landmarks], view: View
) -> None:
    study, truth = located
    maps = maps_of(spots_of(truth), SETTINGS.axial_field_mm)
    unplaced = with_series(study, bare(study, view))
    found = locate(unplaced, lambda pictures: np.stack(len(pictures) * [maps]), SETTINGS)
    for level in Level:
        assert Cell(Condition.SPINAL_CANAL_STENOSIS, level) in found.points
        for side in Side:
            reason = found.reasons[Cell(Condition.of(Family.SUBARTICULAR, side), level)]
            assert reason == "nothing tells where the axial slices lie beside the sagittal ones"


def test_a_slice_too_unsure_to_be_graded_hides_no_surer_one(
    located: tuple[Study, Landmarks],
) -> None:
    """The slices where foramina are looked for first are unsure, those far beside them sure."""
    study, truth = located
    sure = maps_of(spots_of(truth), SETTINGS.axial_field_mm)
    sure[5:10] = sure[:5]
    spread = {
        share: np.where(sure[:5] == 0, np.log(share), np.log((1 - share) / (EDGE**2 - 1)))
        for share in (0.14, 0.5)
    }
    alike = locate(study, lambda pictures: np.stack(len(pictures) * [sure]), SETTINGS)
    middle = alike.points[Cell(Condition.SPINAL_CANAL_STENOSIS, Level.L3_L4)].point_mm
    series = study.of_view(View.SAGITTAL_T1)[0]
    lateral = [abs(float(one.plane.distance(middle))) for one in series if one.plane is not None]

    def heat_maps(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        maps = np.stack(len(pictures) * [sure])
        if len(pictures) == len(series):
            for k, away in enumerate(lateral):
                maps[k, 5:10] = spread[0.5 if abs(away - FORAMEN_MM) > 8 else 0.14]
        return maps

    found, strict = (
        locate(study, heat_maps, SETTINGS.model_copy(update={"min_confidence": least}))
        for least in (0.2, 0.9)
    )
    for side in Side:
        for level in Level:
            cell = Cell(Condition.of(Family.FORAMINAL, side), level)
            assert found.points[cell].confidence > 0.5
            assert all(mark.confidence > 0.5 for mark in found.beside[cell])
            assert cell not in strict.points
            said = f"({found.points[cell].confidence:.2f} of at least 0.90)"
            assert said in strict.reasons[cell]


def test_a_recess_is_looked_for_beside_the_canal_of_its_level(
    located: tuple[Study, Landmarks],
) -> None:
    study, truth = located
    maps = maps_of(spots_of(truth), SETTINGS.axial_field_mm)
    found = locate(study, lambda pictures: np.stack(len(pictures) * [maps]), SETTINGS)
    placed = 0
    for side in Side:
        for level in Level:
            recess = found.points.get(Cell(Condition.of(Family.SUBARTICULAR, side), level))
            canal = found.points[Cell(Condition.SPINAL_CANAL_STENOSIS, level)]
            if recess is None:
                continue
            assert recess.point_mm is not None
            assert canal.point_mm is not None
            lateral = recess.point_mm[0] - canal.point_mm[0]
            assert 3 < (lateral if side is Side.LEFT else -lateral) < 15, (side, level, lateral)
            placed += 1
    assert placed >= 6


def test_a_mirrored_patient_has_mirrored_recesses(
    phantom: PhantomStudy,
    located: tuple[Study, Landmarks],
    written: Callable[[PhantomStudy, Path], tuple[Study, Landmarks]],
    tmp_path: Path,
) -> None:
    """The map of a left recess is an axial picture's light, that of a right one its darkness."""
    study, truth = located
    maps = maps_of(spots_of(truth), SETTINGS.axial_field_mm)
    left, right = (MAPS.index((Family.SUBARTICULAR, side.value)) for side in Side)

    def heat_maps(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        found = np.stack(len(pictures) * [maps])
        found[np.arange(len(found)) != len(found) // 2, :5] -= 1.0  # the middle slice is surest
        light = pictures.reshape(-1, EDGE, 4, EDGE, 4).mean(axis=(2, 4)) / 20
        for which, sign in ((left, 1), (right, -1)):
            shares = np.exp(sign * light)
            found[:, which] = np.log(shares / shares.sum((1, 2), keepdims=True))
        return found

    here = locate(study, heat_maps, SETTINGS)
    there = locate(written(phantom.mirrored(), tmp_path)[0], heat_maps, SETTINGS)
    recesses = {c for c in here.points if c.condition.family is Family.SUBARTICULAR}
    assert len(recesses) >= 6
    for cell in recesses:
        mark, twin = here.points[cell], there.points[cell.mirrored]
        assert twin.point_mm == pytest.approx(np.multiply(mark.point_mm, [-1, 1, 1]), abs=0.01)
        assert twin.confidence == pytest.approx(mark.confidence, abs=1e-4)


def test_a_closer_look_puts_the_canal_nearer_to_its_discs(located: tuple[Study, Landmarks]) -> None:
    """One slice is dark but for its levels, and a map is its picture's light."""
    study, truth = located
    marks = [truth.points[Cell(Condition.SPINAL_CANAL_STENOSIS, level)] for level in Level]
    rows, columns = np.indices(marks[0].instance.shape)
    pixels = np.full(rows.shape, 10.0, np.float32)
    for mark in marks:
        away = (columns - mark.point_px[0]) ** 2 + (rows - mark.point_px[1]) ** 2
        pixels += 200 * np.exp(-away / 8.0, dtype=np.float32)
    shown = marks[0].series
    instances = list(shown.instances)
    instances[marks[0].index] = replace(marks[0].instance, pixels=pixels)
    lit = replace(shown, instances=tuple(instances))
    series = tuple(lit if one is shown else one for one in study.series)
    alone = replace(study, series=series)

    def heat_maps(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
        light = pictures.reshape(-1, EDGE, 4, EDGE, 4).max(axis=(2, 4)).astype(float) ** 2
        light /= light.sum((1, 2), keepdims=True)
        return np.repeat(np.log(light + 1e-6)[:, None], len(MAPS), axis=1)

    first, closer = (
        [
            float(np.linalg.norm(np.subtract(found.points[mark.cell].point_mm, mark.point_mm)[1:]))
            for mark in marks
            if mark.cell in found.points
        ]
        for share in (0.0, 0.6)
        for found in [locate(alone, heat_maps, SETTINGS.model_copy(update={"closer": share}))]
    )
    assert max(closer) < 2.0 < max(first)
    assert len(closer) > len(first)  # of which some lay too unevenly to have a name


def test_foramina_named_a_level_apart_teach_no_names(located: tuple[Study, Landmarks]) -> None:
    study, truth = located
    left = Condition.of(Family.FORAMINAL, Side.LEFT)
    below = {
        Cell(left, level): replace(truth.points[Cell(left, lower)], cell=Cell(left, level))
        for level, lower in pairwise(Level)
    }
    named = {c: mark for c, mark in truth.points.items() if c.condition is not left} | below
    views = [
        {row["view"] for row in picture_rows(study, marks, SETTINGS)}
        for marks in (truth, Landmarks(named))
    ]
    assert not truth.sides_apart()
    assert views[0] - views[1] == {View.SAGITTAL_T1.value}
