"""The view classifier's recipe at its smallest: trained, written, loaded, asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from lumbar.config import DataSettings, Recipe, ViewSettings
from lumbar.domain import View
from lumbar.errors import BundleError, ConfigError
from lumbar.grading.recognise import CARD, WEIGHTS, Recogniser
from lumbar.grading.view_net import ANSWERS
from lumbar.imaging import Look
from lumbar.pipelines.judge_views import Tally
from lumbar.pipelines.package_pictures import TESTED_ON, TRAINED_ON
from lumbar.pipelines.train_views import gathered, train_views
from lumbar.pipelines.view_pictures import learned_pictures


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return Recipe(
        name="views",
        runs=str(tmp_path_factory.mktemp("runs")),
        data=DataSettings(calibration_share=0.2, held_out=-1),
        views=ViewSettings(phantoms=2, unlike=24, epochs=2, draws=96, batch_size=32, size_px=64),
    )


@pytest.fixture(scope="module")
def trained(recipe: Recipe) -> Path:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train_views(recipe)
    torch.set_rng_state(state)
    torch.set_num_threads(threads)
    return recipe.folder


def test_a_run_leaves_weights_that_tell_four_shares(trained: Path) -> None:
    look = Recogniser.load(trained)(np.random.default_rng(0).random((90, 120), np.float32))
    assert set(look.views) == set(View)
    assert sum(look.views.values()) + look.other == pytest.approx(1)


def test_the_card_says_what_was_learned_from(trained: Path) -> None:
    card = json.loads((trained / CARD).read_text(encoding="utf-8"))
    assert "not a medical device" in card["intended_use"]
    assert {"phantom_sagittal_t1", "phantom_stir", "unlike"} <= set(card["trained_on"]["pictures"])
    assert card["licences"].startswith("Apache")


def test_a_finished_run_is_not_done_again(recipe: Recipe, trained: Path) -> None:
    before = (trained / WEIGHTS).read_bytes()
    assert train_views(recipe)["finished_before"]
    assert (trained / WEIGHTS).read_bytes() == before


def test_a_constant_an_unfinite_and_a_tiny_picture_look_like_no_lumbar_mr(trained: Path) -> None:
    recogniser = Recogniser.load(trained)
    unfinite = np.ones((99, 99), np.float32)
    unfinite[0, 0] = np.nan
    tiny = np.random.default_rng(0).random((99, 40), np.float32)
    for pixels in (np.full((99, 99), 7, np.float32), unfinite, tiny):
        assert recogniser(pixels).other == 1


def test_weights_that_were_changed_are_refused(trained: Path, tmp_path: Path) -> None:
    for name in (WEIGHTS, CARD):
        shutil.copy(trained / name, tmp_path / name)
    data = bytearray((tmp_path / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(data)
    with pytest.raises(BundleError, match="is not the file"):
        Recogniser.load(tmp_path)


def test_an_input_without_real_slices_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    data = recipe.data.model_copy(update={"input": str(tmp_path)})
    with pytest.raises(ConfigError, match="holds none of rsna_t1"):
        learned_pictures(recipe.model_copy(update={"data": data}))


def test_no_package_is_both_trained_and_tested_on() -> None:
    assert not {p.name for p in TRAINED_ON} & {p.name for p in TESTED_ON}


def look(t1: float, t2: float) -> Look:
    views = {View.SAGITTAL_T1: t1, View.SAGITTAL_T2: t2, View.AXIAL_T2: 0.0}
    return Look(views, 1 - t1 - t2)


def test_undecided_and_wrongly_sure_pictures_are_counted_apart() -> None:
    tally = Tally()
    for one in (look(0.97, 0.02), look(0.2, 0.79), look(0.01, 0.98), look(0.3, 0.2)):
        tally.add(ANSWERS.index(View.SAGITTAL_T1), one)
    row = tally.row()
    assert (row["pictures"], row["right"], row["refused"]) == (4, 1, 1)
    assert (row["undecided"], row["wrongly_sure"]) == (1, 1)


@pytest.mark.parametrize("other", [{"size_px": 32}, {"phantoms": 3}])
def test_pictures_made_by_other_settings_are_refused(
    recipe: Recipe, trained: Path, other: dict[str, int]
) -> None:
    assert recipe.views is not None
    cached = recipe.data.model_copy(update={"cache": str(trained / "cache")})
    changed = recipe.model_copy(
        update={"data": cached, "views": recipe.views.model_copy(update=other)}
    )
    with pytest.raises(ConfigError, match=f"another recipe .{next(iter(other))}"):
        gathered(changed)
