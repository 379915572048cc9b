"""The ruler of pictures without spacing: the distance of a series' own levels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lumbar.config import CropSettings
from lumbar.domain import Cell, Condition, Family, Level, Side, View
from lumbar.grading.crops import cut_crops
from lumbar.grading.landmarks import LEVEL_DISTANCE_MM, Landmark, Landmarks
from lumbar.imaging.study import Series, Study


def bare(study: Study, zoom: float = 1.0) -> Study:
    """A study as PNGs have it; its sagittal T2 has `zoom` times as many pixels to the mm."""
    series = []
    for one in study.series:
        size = zoom if one.view is View.SAGITTAL_T2 else 1.0
        instances = tuple(replace(i, plane=None) for i in one)
        if size != 1:
            grow = np.ones((int(size), int(size)), np.float32)
            instances = tuple(replace(i, pixels=np.kron(i.pixels, grow)) for i in instances)
        series.append(replace(one, instances=instances))
    return replace(study, series=tuple(series))


def marked(study: Study, truth: Landmarks, *views: View, zoom: float = 1.0) -> Landmarks:
    """The true points on series of these views, in the pixels of a bare study."""
    by_id: dict[str, Series] = {one.series_id: one for one in study.series}
    points = {}
    for cell, mark in truth.points.items():
        view = mark.series.view
        if view in views:
            size = zoom if view is View.SAGITTAL_T2 else 1.0
            point = (np.array(mark.point_px) + 0.5) * size - 0.5
            points[cell] = Landmark.at(cell, by_id[mark.series.series_id], mark.index, point)
    return Landmarks(points)


def neighbours_px(marks: Landmarks, condition: Condition) -> list[float]:
    cells = [Cell(condition, level) for level in Level]
    points = np.array([marks.points[cell].point_px for cell in cells])
    return np.linalg.norm(np.diff(points, axis=0), axis=1).tolist()


def test_a_lone_t1_series_is_measured_by_all_neighbours_of_both_sides(
    located: tuple[Study, Landmarks],
) -> None:
    study, truth = bare(located[0]), located[1]
    marks = marked(study, truth, View.SAGITTAL_T1)
    distances = [
        px for side in Side for px in neighbours_px(marks, Condition.of(Family.FORAMINAL, side))
    ]
    (size,) = marks.pixel_mm().values()
    assert size == pytest.approx(LEVEL_DISTANCE_MM / np.mean(distances))


def test_every_series_has_its_own_ruler_and_axial_slices_the_mean_of_them(
    located: tuple[Study, Landmarks],
) -> None:
    study, truth = bare(located[0], zoom=3), located[1]
    alone = {
        view: next(iter(marked(study, truth, view, zoom=3).pixel_mm().values()))
        for view in (View.SAGITTAL_T1, View.SAGITTAL_T2)
    }
    together = marked(study, truth, *View, zoom=3)
    sizes = {view: together.pixel_mm()[study.of_view(view)[0].series_id] for view in View}
    assert sizes == {**alone, View.AXIAL_T2: pytest.approx(np.mean(list(alone.values())))}
    assert sizes[View.SAGITTAL_T1] == pytest.approx(3 * sizes[View.SAGITTAL_T2], rel=0.15)
    axial = marked(study, truth, View.AXIAL_T2)
    assert set(axial.pixel_mm().values()) == {1.0}


def test_a_series_with_spacing_is_no_ruler_of_one_without(
    located: tuple[Study, Landmarks],
) -> None:
    study, truth = bare(located[0]), located[1]
    foramina = marked(study, truth, View.SAGITTAL_T1)
    canal = {c: m for c, m in truth.points.items() if c.condition.family is Family.CANAL}
    series_id = study.of_view(View.SAGITTAL_T1)[0].series_id
    both = Landmarks({**canal, **foramina.points})
    assert both.pixel_mm()[series_id] == foramina.pixel_mm()[series_id]


def test_levels_further_apart_measure_where_no_neighbours_are_there(
    located: tuple[Study, Landmarks],
) -> None:
    study, truth = bare(located[0]), located[1]
    whole = marked(study, truth, View.SAGITTAL_T2)
    ends = {c: m for c, m in whole.points.items() if c.level in (Level.L1_L2, Level.L4_L5)}
    first, last = (np.array(mark.point_px) for mark in ends.values())
    (size,) = Landmarks(ends).pixel_mm().values()
    assert size == pytest.approx(3 * LEVEL_DISTANCE_MM / np.linalg.norm(last - first))
    (lone,) = Landmarks(dict(list(ends.items())[:1])).pixel_mm().values()
    assert lone == 1.0


def test_crops_of_a_series_do_not_depend_on_the_pixels_of_another(
    located: tuple[Study, Landmarks],
) -> None:
    study, truth = bare(located[0], zoom=3), located[1]
    views = (View.SAGITTAL_T1, View.SAGITTAL_T2)
    alone, together = (
        cut_crops(study, marked(study, truth, *shown, zoom=3), CropSettings())
        for shown in (views[:1], views)
    )
    for row, cell in enumerate(alone.cells):
        mine = together.pictures[together.rows == together.cells.index(cell)]
        assert np.array_equal(alone.pictures[alone.rows == row], mine)
