"""A closer look keeps the levels and lies nearer to them; and how a locator learns to take one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lumbar.config import DataSettings, LocatorSettings, Recipe
from lumbar.domain import View
from lumbar.grading.locate_task import LocateTask
from lumbar.grading.looks import ROOM, SliceMaps, agreed, look_at, look_closer
from lumbar.grading.networks import CANAL_MAPS, FORAMINAL_MAPS, MAPS, STRIDE
from lumbar.grading.pictures import whole_square
from lumbar.grading.store import PictureStore
from lumbar.imaging.geometry import Plane
from lumbar.imaging.study import Instance, Series

Stack = tuple[Series, list[SliceMaps]]

POINTS = np.array([(131.3, 66.7), (127.2, 93.4), (124.9, 121.6), (127.8, 148.3), (137.5, 173.9)])
"""Column and row of five levels on a picture of 250 px."""


def slice_with(points: NDArray[np.float64]) -> Series:
    """One slice whose levels are bright spots."""
    rows, columns = np.indices((250, 250))
    pixels = np.full((250, 250), 10.0)
    for column, row in points:
        pixels += 200 * np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / (2 * 2.0**2))
    return Series("1", View.SAGITTAL_T2, "", (Instance("1", "1", "a", pixels.astype(np.float32)),))


def bright(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Every map is the picture's own light: all five levels are as likely at every spot."""
    count, edge = len(pictures), pictures.shape[-1] // STRIDE
    light = pictures.reshape(count, edge, STRIDE, edge, STRIDE).max(axis=(2, 4)).astype(float) ** 2
    light /= light.sum((1, 2), keepdims=True)
    return np.repeat(np.log(light + 1e-6)[:, None], len(MAPS), axis=1)


def distances(points: NDArray[np.float64], closer: float) -> NDArray[np.float64]:
    """How far each level was found from its own point."""
    series, settings = slice_with(points), LocatorSettings(closer=closer)
    first = [look.chain(CANAL_MAPS) for look in look_at(series, [0], bright, settings)]
    (found,) = look_closer(series, first, CANAL_MAPS, bright, settings)
    places = found.look.square.to_picture([spot for spot, _ in found.spots])
    return np.asarray(np.hypot(*(places - points).T))


def test_a_closer_look_lies_nearer_and_keeps_the_names() -> None:
    first, closer = distances(POINTS, closer=0), distances(POINTS, closer=0.5)
    assert first.max() < 13  # half a level
    # a cell of the whole slice's map is 7.8 px; of the closer one's, which five levels fill, 4.5
    assert closer.max() < 2
    assert closer.max() < first.max()


def test_levels_that_fill_the_slice_stay_inside_the_closer_square() -> None:
    tall = (POINTS - POINTS.mean(axis=0)) * (1, 1.9) + 125
    assert np.ptp(tall[:, 1]) > 200
    assert distances(tall, closer=0.5).max() < 8


def test_where_the_closer_square_shows_nothing_the_first_look_stands() -> None:
    series = slice_with(POINTS)
    dark = np.zeros((250, 250), np.float32)
    dark[:8, :8] = 200
    empty = Series("1", View.SAGITTAL_T2, "", (Instance("1", "1", "a", dark),))
    settings = LocatorSettings(closer=0.3)
    first = [look.chain(CANAL_MAPS) for look in look_at(series, [0], bright, settings)]
    assert look_closer(empty, first, CANAL_MAPS, bright, settings) == first


DISCS = tuple(range(3, 29, 5))
"""Rows of six discs on a heat map of 32 rows; a lumbar spine's five are the upper or the lower."""


def stack(*named_low: bool, planes: Sequence[Plane | None] | None = None) -> Stack:
    """Slices one behind another, and what is seen on each: five levels, likely to begin at the
    second disc where a slice is `named_low`, else at the first."""
    where = planes or [None] * len(named_low)
    series = Series(
        "1",
        View.SAGITTAL_T1,
        "",
        tuple(
            Instance("1", str(k), "a", np.zeros((250, 250), np.float32), plane)
            for k, plane in enumerate(where)
        ),
    )
    looks = []
    for index, low in enumerate(named_low):
        maps = np.full((len(MAPS), 32, 32), -14.0)
        for level in range(5):
            maps[FORAMINAL_MAPS][level, DISCS[level], 16] = -2.0 if low else -0.2
            maps[FORAMINAL_MAPS][level, DISCS[level + 1], 16] = -0.2 if low else -3.0
        square = whole_square(series.instances[index], 128)
        looks.append(SliceMaps(index, square, maps))
    return series, looks


def rows_of(look: SliceMaps, prior: NDArray[np.float64] | None) -> list[int]:
    """Heat map rows of the five foramina."""
    spots = [spot for spot, _ in look.chain(FORAMINAL_MAPS, prior).spots]
    return [round((spot[1] + 0.5) / STRIDE - 0.5) for spot in spots]


def test_a_slice_that_counts_from_another_disc_is_outvoted() -> None:
    series, looks = stack(False, True, False)
    assert rows_of(looks[1], None) == list(DISCS[1:])
    prior = agreed(series, looks, FORAMINAL_MAPS)
    assert [rows_of(look, prior) for look in looks] == [list(DISCS[:5])] * 3


def test_a_slice_keeps_its_own_places_within_the_vote() -> None:
    series, looks = stack(False, False, False)
    looks[2].maps[FORAMINAL_MAPS][:] = np.roll(looks[2].maps[FORAMINAL_MAPS], 1, axis=1)
    prior = agreed(series, looks, FORAMINAL_MAPS)
    assert rows_of(looks[0], prior) == list(DISCS[:5])
    assert rows_of(looks[2], prior) == [row + 1 for row in DISCS[:5]]


def test_slices_that_do_not_lie_behind_one_another_do_not_vote() -> None:
    series, looks = stack(False)
    assert agreed(series, looks, FORAMINAL_MAPS) is None
    series, looks = stack(False, True, False)
    other = replace(looks[1].square, field_mm=looks[1].square.field_mm * 0.9)
    assert agreed(series, [looks[0], replace(looks[1], square=other)], FORAMINAL_MAPS) is None
    straight = [sagittal(x) for x in (0.0, 4.0, 8.0)]
    series, looks = stack(False, True, False, planes=straight)
    assert agreed(series, looks, FORAMINAL_MAPS) is not None
    for planes in ([*straight[:2], sagittal(8.0, z=20.0)], [*straight[:2], None]):
        series, looks = stack(False, True, False, planes=planes)
        assert agreed(series, looks, FORAMINAL_MAPS) is None


def sagittal(x: float, z: float = 0.0) -> Plane:
    """A plane at a patient's x whose picture begins at z; pixels of 1 mm."""
    return Plane.from_dicom([x, 0.0, z], [0, 1, 0, 0, 0, -1], [1.0, 1.0])


def task(closer: float) -> LocateTask:
    """200 pictures, every fourth axial, each a spot of light at the middle of its points."""
    settings = LocatorSettings(closer=closer)
    edge, count = settings.cached_px, 200
    recipe = Recipe(name="x", data=DataSettings(folds=5, held_out=0), locator=settings)
    axial = torch.arange(count) % 4 == 0
    points = torch.full((count, len(MAPS), 2), torch.nan)
    points[~axial, :5] = torch.tensor(POINTS, dtype=torch.float32) * edge / 250
    points[axial, -2:] = edge / 2
    pictures = torch.zeros(count, edge, edge, dtype=torch.uint8)
    ids = tuple(str(number) for number in range(count))
    return LocateTask(recipe, PictureStore(ids, pictures, points, axial), torch.device("cpu"))


@pytest.mark.parametrize(("least", "share"), [(0.7, 0.7), (0.5, ROOM * 107.2 / 250)])
def test_half_of_the_sagittal_pictures_are_learned_from_closer(least: float, share: float) -> None:
    one = task(least)
    rows = torch.arange(200)
    generator = torch.Generator().manual_seed(0)
    plain = torch.eye(2, 3).expand(200, 2, 3)
    maps = one._closer(plain, rows, generator)
    close = maps[:, 0, 0] < 1
    axial = one.store.axial
    assert not close[axial].any()
    assert 0.35 < close[~axial].float().mean() < 0.65
    assert maps[close, 0, 0].numpy() == pytest.approx(share, rel=1e-4)
    assert torch.equal(maps[~close], plain[~close])
    _, points = one._shown(rows, maps)
    seen = points[close][:, :5]
    middle = (seen.amin(1) + seen.amax(1)) / 2
    assert torch.allclose(middle, torch.tensor(63.5), atol=1e-3)  # of 128 px
    heights = points[:, 4, 1] - points[:, 0, 1]
    near, far = float(heights[close].mean()), float(heights[~close & ~axial].mean())
    assert near * share == pytest.approx(far, rel=0.01)
