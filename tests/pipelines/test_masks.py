"""Masks of discs and canal: levels are counted from the sacrum, points lie in the canal."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lumbar.config import LocatorSettings, load_recipe
from lumbar.domain import Level
from lumbar.grading.networks import MAPS
from lumbar.grading.store import PictureStore
from lumbar.pipelines.cache import check_cache, read_table
from lumbar.pipelines.masks import CANAL, DISC, VERTEBRA, discs_of, has_masks, mask_rows
from lumbar.pipelines.prepare import prepare_if_missing

RECIPES = Path(__file__).parents[2] / "jobs" / "configs"
SIDE = 640


def spine(discs: int = 7, *, sacral: bool = True) -> np.ndarray:
    """A straight spine: vertebra above each disc, the sacrum without a mask, a canal behind."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[20:600, 330:360] = CANAL
    for number in range(discs):
        top = 30 + 70 * number
        mask[top : top + 55, 230:310] = VERTEBRA
        mask[top + 55 : top + 70, 230:310] = DISC
    if sacral:  # S1/S2, under a body that has no mask
        mask[30 + 70 * discs + 50 : 30 + 70 * discs + 56, 250:290] = DISC
    return mask


def test_the_lowest_disc_under_a_vertebra_is_l5_s1() -> None:
    discs = discs_of(spine())
    assert [disc.level for disc in discs] == list(Level)
    rows = [disc.centre_px[1] for disc in discs]
    np.testing.assert_allclose(rows, [30 + 70 * n + 62 for n in range(2, 7)], atol=1)


def test_a_disc_thicker_than_its_vertebra_is_looked_for_counts_too() -> None:
    mask = spine()
    lowest = 30 + 70 * 6 + 55
    mask[lowest : lowest + 45, 230:310] = DISC
    mask[lowest + 45 :, 230:310] = 0
    assert discs_of(mask)[-1].centre_px[1] == pytest.approx(lowest + 22, abs=1)


def test_a_disc_has_its_thickness_and_its_point_in_the_canal() -> None:
    disc = discs_of(spine())[-1]
    assert disc.height_px == pytest.approx(15, abs=1)
    assert disc.canal_px is not None
    np.testing.assert_allclose(disc.canal_px, (344.5, disc.centre_px[1]), atol=1)


def test_a_level_whose_canal_is_not_on_the_slice_has_no_point() -> None:
    mask = spine()
    mask[400:, 320:] = 0
    assert [disc.canal_px is not None for disc in discs_of(mask)] == [True] * 3 + [False] * 2


def test_rows_are_what_the_locator_trains_on(tmp_path: Path) -> None:
    folder = written(tmp_path, spine())
    (row,) = mask_rows(folder, LocatorSettings())
    assert row["study_id"] == "107"
    points = np.array(row["points"]).reshape(len(MAPS), 2)
    assert np.isfinite(points[:5]).all()
    assert np.isnan(points[5:]).all()
    np.testing.assert_allclose(points[4], np.array([344.5, 512]) / SIDE * 128, atol=0.6)


def test_a_slice_with_too_few_discs_is_left_out(tmp_path: Path) -> None:
    assert list(mask_rows(written(tmp_path, spine(discs=4)), LocatorSettings())) == []


def test_a_root_with_masks_becomes_a_cache_of_pictures(tmp_path: Path) -> None:
    folder = written(tmp_path, spine())
    more = f"[{{input: {folder}, cache: {tmp_path / 'cache'}, families: []}}]"
    recipe = load_recipe(RECIPES / "ci.yaml", {"data.more": more})
    prepare_if_missing(recipe)
    check_cache(tmp_path / "cache", recipe)
    table = read_table(tmp_path / "cache", "pictures")
    assert recipe.locator is not None
    assert len(PictureStore.of([table], recipe.locator.size_px).pictures) == 1
    assert len(read_table(tmp_path / "cache", "crops")) == 0


def written(folder: Path, mask: np.ndarray) -> Path:
    for name in ("images", "masks"):
        (folder / "slices" / name).mkdir(parents=True)
        Image.fromarray(mask).save(folder / "slices" / name / "107_t2_a.png")
    assert has_masks(folder / "slices")
    return folder / "slices"
