"""The evaluation over the challenge's fourth place's own out-of-fold answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lumbar.grading.rules import Rule
from lumbar.imaging.tables import read_labels
from lumbar.pipelines.evaluate import evaluate
from lumbar.reports.predictions import Predictions
from lumbar.reports.submission import read_submission

FILES = ("sagittal1_s1_swint", "sagittal2_swint", "axial_baseline")

# n, majority, weighted log loss, then accuracy, balanced accuracy, kappa, severe recall by the
# tilted and by the untilted rule, as published notes and an independent count have them.
EXPECTED = {
    "foraminal": (16465, 0.778, 0.487, (0.839, 0.708, 0.562, 0.617), (0.853, 0.641, 0.547, 0.477)),
    "canal": (8250, 0.874, 0.281, (0.925, 0.768, 0.678, 0.785), (0.932, 0.729, 0.682, 0.689)),
    "subarticular": (
        16050,
        0.710,
        0.554,
        (0.796, 0.713, 0.563, 0.759),
        (0.810, 0.662, 0.551, 0.614),
    ),
}


@pytest.fixture(scope="module")
def metrics(lumbar_data: Path) -> dict[Rule, dict[str, Any]]:
    truth = read_labels(lumbar_data / "rsna" / "train.csv")
    shares = {study_id: np.full((25, 3), np.nan) for study_id in truth}
    for name in FILES:
        path = lumbar_data / "results" / f"challenge_4th_oof_{name}.csv"
        for study_id, weighted in zip(*read_submission(path, partial=True), strict=True):
            shares[study_id] = np.where(np.isnan(weighted), shares[study_id], weighted)
    predictions = Predictions(tuple(shares), np.array(list(shares.values())))
    return {rule: evaluate(predictions, truth, rule) for rule in Rule}


@pytest.mark.real
@pytest.mark.parametrize("family", EXPECTED)
def test_its_losses_are_the_published_ones(
    metrics: dict[Rule, dict[str, Any]], family: str
) -> None:
    n, majority, loss, _, _ = EXPECTED[family]
    part = metrics[Rule.TILTED]["families"][family]
    assert part["n"] == n
    assert part["majority"] == pytest.approx(majority, abs=0.001)
    assert metrics[Rule.TILTED][family] == pytest.approx(loss, abs=0.001)


@pytest.mark.real
@pytest.mark.parametrize("family", EXPECTED)
@pytest.mark.parametrize("rule", list(Rule))
def test_its_grades_measure_as_published(
    metrics: dict[Rule, dict[str, Any]], family: str, rule: Rule
) -> None:
    expected = EXPECTED[family][3 if rule is Rule.TILTED else 4]
    part = metrics[rule]["families"][family]
    names = ("accuracy", "balanced_accuracy", "kappa", "severe_recall")
    assert [part[name] for name in names] == pytest.approx(expected, abs=0.001)
