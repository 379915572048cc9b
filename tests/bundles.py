"""What tests make bundles of: weights that have learned no grade, and files that agree again.

The locator is the one that ships: random maps are no spine's levels, so nothing would be graded.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from lumbar.config import CropSettings, Recipe, load_recipe
from lumbar.domain import CELLS, Family
from lumbar.grading.bundle import Bundle
from lumbar.grading.calibration import Calibration
from lumbar.grading.learn import Learned, Predictions
from lumbar.grading.networks import GraderNet
from lumbar.grading.shipped import starter_path

CI = Path(__file__).resolve().parents[1] / "jobs" / "configs" / "ci.yaml"


def small_recipe(name: str) -> Recipe:
    """Small pictures, and no level left out for want of confidence."""
    return _locating(Recipe(name=name, crops=CropSettings(size_px=32)))


def smallest_recipe() -> Recipe:
    """That of jobs/configs/ci.yaml, its locator's settings as `untrained` needs them."""
    return _locating(load_recipe(CI))


def _locating(recipe: Recipe) -> Recipe:
    settings = Bundle.load(starter_path()).config.locator
    assert settings is not None
    return recipe.model_copy(
        update={"locator": settings.model_copy(update={"min_confidence": 0.0})}
    )


def untrained(seed: int = 0) -> Learned:
    """The locator that ships, and a grader of random weights for every family."""
    locator = Bundle.load(starter_path()).locator()
    assert locator is not None
    torch.manual_seed(seed)
    return Learned(
        locator=locator.eval(),
        grader=GraderNet().eval(),
        calibrations=(Calibration(), Calibration(1.1), Calibration(1.2)),
        prior=np.full((len(CELLS), 3), 1 / 3),
        families=tuple(Family),
        held_out=Predictions((), (), np.zeros((0, 3)), np.zeros(0, int)),
    )


def reseal(folder: Path) -> None:
    """Make the card agree with the files again, as somebody who tampers would."""
    card = json.loads((folder / "card.json").read_text())
    for name in card["sha256"]:
        card["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))
