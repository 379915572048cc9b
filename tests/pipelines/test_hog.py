"""The regression on gradients: what it sees, and that it learns what can be seen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmarks.hog import gradients, held_out
from lumbar.config import CropSettings, DataSettings, Recipe
from lumbar.domain import CELLS, Family
from lumbar.errors import ConfigError
from lumbar.grading.store import CropStore

SIZE = 40


def stripes(turned: bool) -> Tensor:
    """A picture whose grey changes along one axis."""
    wave = torch.sin(torch.arange(SIZE) / 2).expand(SIZE, SIZE) * 100 + 128
    return wave.T if turned else wave


def test_stripes_vote_for_the_direction_in_which_they_change() -> None:
    shown = torch.stack([stripes(False), stripes(True)])[:, None]
    shown = torch.nn.functional.interpolate(shown, (56, 56))
    votes = gradients(shown).view(2, 8, 4, 36).sum((2, 3))
    assert votes.argmax(1).tolist() == [0, 4]


@pytest.fixture
def store() -> CropStore:
    """Forty patients' left L4/L5 foramina: Severe ones have stripes turned by a quarter."""
    cell = next(c for c in CELLS if c.condition.family is Family.FORAMINAL)
    severe = torch.arange(40) % 2 == 1
    noise = torch.randn(40, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 20
    shown = torch.stack([stripes(bool(turned)) for turned in severe]) + noise
    return CropStore(
        study_ids=tuple(map(str, range(40))),
        cells=(cell,) * 40,
        pictures=shown.clamp(0, 255).byte()[:, None].expand(40, 3, SIZE, SIZE),
        views=torch.zeros(40).long(),
        starts=torch.arange(41),
        family=torch.full((40,), list(Family).index(Family.FORAMINAL)),
        level=torch.full((40,), cell.level.ordinal),
        labels=severe.long() * 2,
    )


def recipe_with(folds: int) -> Recipe:
    data = DataSettings(folds=folds, held_out=0, calibration_share=0.0)
    return Recipe(name="hog", data=data, crops=CropSettings(size_px=32, margin=1.25))


def test_held_out_cells_are_told_apart_by_their_stripes(store: CropStore) -> None:
    answers = held_out(store, recipe_with(folds=4), Family.FORAMINAL)
    assert 0 < len(answers.labels) < len(store)
    assert (answers.probabilities.argmax(1) == answers.labels).all()
    assert answers.probabilities.sum(1) == pytest.approx(1)


def test_a_cache_without_a_training_crop_is_refused(store: CropStore) -> None:
    with pytest.raises(ConfigError, match="no foraminal crop to learn from"):
        held_out(store, recipe_with(folds=1), Family.FORAMINAL)
