"""The bar that a network has to clear: logistic regression on intensity statistics of crops.

No shape, no texture: each slice of each view is told by its mean, deviation and five percentiles.
One model a family, the level as one-hot, fitted without class weights; grades by the tilted rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import Family, Level, View
from lumbar.errors import InputError
from lumbar.grading.measures import GradeMeasures, measure
from lumbar.grading.rules import Rule, apply

__all__ = ["CropSet", "baseline_balanced_accuracy", "baseline_measures", "baseline_probabilities"]

PERCENTILES = (5, 25, 50, 75, 95)
STATISTICS = 2 + len(PERCENTILES)
FAMILIES = tuple(Family)


@dataclass(frozen=True, slots=True, eq=False)
class CropSet:
    """Crops of `n` findings, at true or given points, in `p` pictures.

    `pictures` uint8 `[p, slices, s, s]`; `rows` `[p]` is the finding that a picture belongs to,
    `views` `[p]` what it shows (index in `domain.View`, at most one picture a finding and view).
    `families` `[n]` index `domain.Family`, `levels` `[n]` are 0 (L1/L2) to 4 (L5/S1), `labels`
    `[n]` are severities or -1 for a blank cell.
    """

    pictures: NDArray[np.uint8]
    rows: NDArray[np.int64]
    views: NDArray[np.int64]
    families: NDArray[np.int64]
    levels: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def baseline_balanced_accuracy(train: CropSet, test: CropSet) -> float | None:
    """Balanced accuracy on `test` by the tilted rule, pooled over all cells of all families."""
    return baseline_measures(train, test).balanced_accuracy


def baseline_measures(train: CropSet, test: CropSet) -> GradeMeasures:
    """Every measure of the baseline on `test` by the tilted rule."""
    return measure(test.labels, apply(Rule.TILTED, baseline_probabilities(train, test)))


def baseline_probabilities(train: CropSet, test: CropSet) -> NDArray[np.float64]:
    """Untilted probabilities `[n_test, 3]` of models fitted on the labelled crops of `train`.

    Deterministic. A family without one training label answers NaN (not assessed).
    """
    if not len(train) or not len(test):
        raise InputError("the baseline needs crops to train on and crops to test on; one is empty")
    known, asked = _features(train), _features(test)
    shares = np.full((len(test), 3), np.nan)
    for index in range(len(FAMILIES)):
        taught = (train.families == index) & (train.labels >= 0)
        rows = test.families == index
        if taught.any() and rows.any():
            shares[rows] = _fit_and_ask(known[taught], train.labels[taught], asked[rows])
    return shares


def _fit_and_ask(
    features: NDArray[np.float64], labels: NDArray[np.int64], asked: NDArray[np.float64]
) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    shares = np.zeros((len(asked), 3))
    grades = np.unique(labels)
    if len(grades) == 1:  # nothing to tell apart
        shares[:, grades[0]] = 1.0
        return shares
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(features, labels)
    shares[:, grades] = model.predict_proba(asked)
    return shares


def _features(crops: CropSet) -> NDArray[np.float64]:
    """`[n, views * slices * 7 + views + 5]`; an absent view's statistics are 0."""
    slices = crops.pictures.shape[1]
    statistics = np.zeros((len(crops), len(View), slices * STATISTICS))
    there = np.zeros((len(crops), len(View)))
    statistics[crops.rows, crops.views] = _statistics(crops.pictures)
    there[crops.rows, crops.views] = 1
    levels = np.eye(len(Level))[crops.levels]
    return np.concatenate([statistics.reshape(len(crops), -1), there, levels], axis=1)


def _statistics(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """`[p, slices * 7]` in 0..1; made in chunks because percentiles need floats."""
    chunk = 512
    parts = [np.zeros((0, pictures.shape[1] * STATISTICS))]
    for start in range(0, len(pictures), chunk):
        part = pictures[start : start + chunk].astype(np.float32) / 255
        pixels = part.reshape(*part.shape[:2], -1)
        columns = [pixels.mean(axis=-1), pixels.std(axis=-1)]
        columns += list(np.percentile(pixels, PERCENTILES, axis=-1))
        parts.append(np.stack(columns, axis=-1).reshape(len(part), -1).astype(np.float64))
    return np.concatenate(parts)
