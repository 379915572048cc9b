"""Bundles that come to the same grades of every scan, told by level.

The locator is the one that ships. A level's bias in the grader, which is random, outweighs all that
it sees, so that a test knows what the page has to show.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from starter_locator import starter_locator

from lumbar.config import CropSettings, Recipe
from lumbar.domain import CELLS, Family, Level, Severity
from lumbar.grading.bundle import Bundle, write_bundle
from lumbar.grading.calibration import Calibration
from lumbar.grading.learn import Learned, Predictions
from lumbar.grading.networks import GraderNet
from lumbar.pipelines.selftest import make_selftest


def bundle_saying(folder: Path, said: dict[Level, Severity]) -> Bundle:
    """A bundle that gives every finding of a level the severity `said`, else Normal/Mild."""
    torch.manual_seed(0)
    grader = GraderNet().eval()
    with torch.no_grad():
        for level in Level:
            severity = said.get(level, Severity.NORMAL_MILD)
            grader.level_bias[:, level.ordinal, severity] = 8.0
    locator, settings = starter_locator()
    learned = Learned(
        locator=locator,
        grader=grader,
        calibrations=(Calibration(), Calibration(), Calibration()),
        prior=np.full((len(CELLS), 3), 1 / 3),
        families=tuple(Family),
        held_out=Predictions((), (), np.zeros((0, 3)), np.zeros(0, int)),
    )
    recipe = Recipe(
        name="said",
        crops=CropSettings(size_px=32),
        locator=settings,
    )
    return write_bundle(
        folder / "bundle",
        recipe,
        learned,
        {"trained_on": "nothing"},
        lambda draft: make_selftest(draft, given_points=False),
    )
