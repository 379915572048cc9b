"""What a grader's figures are read against: a baseline, the prior, the oracle, the locator's error.

All on the held-out patients of a phantom cohort, whose true landmarks and widths are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lumbar.config import Recipe
from lumbar.domain import Cell, Condition, Family, Level, Severity
from lumbar.grading.baseline import CropSet, baseline_balanced_accuracy
from lumbar.grading.measures import measure
from lumbar.grading.metrics import label_array
from lumbar.grading.rules import Rule, apply
from lumbar.grading.store import CropStore, Part, part_of
from lumbar.phantom.oracle import oracle_probabilities, read_truth
from lumbar.pipelines.cache import read_crops, read_table
from lumbar.pipelines.prior import smoothed_prior

__all__ = ["baseline", "locator_error", "oracle", "training_prior"]

Labels = Mapping[str, Mapping[Cell, Severity | None]]


def baseline(recipe: Recipe) -> float | None:
    """Balanced accuracy (tilted) of logistic regression on intensity statistics.

    Fitted on the crops of all but the held-out patients, tested on theirs, both at the points
    that were given.
    """
    store = read_crops(recipe.cache, recipe)
    training = store.where(recipe.data, Part.TRAINING, Part.CALIBRATION).numpy()
    held_out = store.where(recipe.data, Part.HELD_OUT).numpy()
    size = recipe.crops.size_px
    return baseline_balanced_accuracy(
        _crop_set(store, training, size), _crop_set(store, held_out, size)
    )


def training_prior(labels: Labels, recipe: Recipe) -> NDArray[np.float64]:
    """Weighted share of the grades `[25, 3]` among all patients but the held-out ones."""
    seen = [s for s in labels if part_of(s, recipe.data) is not Part.HELD_OUT]
    return smoothed_prior(label_array(labels, seen))


def oracle(cohort: Path, labels: Labels, study_ids: Sequence[str]) -> float | None:
    """Balanced accuracy (tilted) of the Bayes grade from the true widths of some phantoms."""
    truth = read_truth(cohort / "morphology.csv")
    place = {study_id: row for row, study_id in enumerate(truth.study_ids)}
    widths = truth.widths[[place[study_id] for study_id in study_ids]]
    grades = apply(Rule.TILTED, oracle_probabilities(widths))
    return measure(label_array(labels, study_ids), grades).balanced_accuracy


def locator_error(cache: Path, grades: pa.Table) -> dict[str, dict[str, Any]]:
    """Distance in mm from located to given points, a family: n, median, p90, and median a level.

    Only cells with both points count: graded ones of a cache's labelled studies.
    """
    given = {
        (row["study_id"], row["condition"], row["level"]): row["point_mm"]
        for row in read_table(cache, "points").to_pylist()
    }
    distances: dict[Family, list[tuple[str, float]]] = {family: [] for family in Family}
    for row in grades.to_pylist():
        point = given.get((row["study_id"], row["condition"], row["level"]))
        found = row["evidence"] and row["evidence"]["point_mm"]
        if point and found:
            distance = float(np.linalg.norm(np.subtract(found, point)))
            distances[Condition(row["condition"]).family].append((row["level"], distance))
    return {family.value: _spread(found) for family, found in distances.items() if found}


def _spread(distances: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """Figures of (level, mm) pairs."""
    values = [mm for _, mm in distances]
    levels = {level.value: [mm for name, mm in distances if name == level] for level in Level}
    return {
        "n": len(values),
        "median": round(float(np.median(values)), 3),
        "p90": round(float(np.percentile(values, 90)), 3),
        "levels": {name: round(float(np.median(mm)), 3) for name, mm in levels.items() if mm},
    }


def _crop_set(store: CropStore, findings: NDArray[np.int64], size: int) -> CropSet:
    """Findings as the baseline takes them, their pictures cut to the `size` that a network sees."""
    import torch

    chosen = torch.from_numpy(findings)
    rows, pictures = store.pictures_of(chosen)
    edge = (store.pictures.shape[-1] - size) // 2
    centre = slice(edge, edge + size)
    return CropSet(
        pictures=store.pictures[:, :, centre, centre][pictures].numpy(),
        rows=rows.numpy(),
        views=store.views[pictures].numpy(),
        families=store.family[chosen].numpy(),
        levels=store.level[chosen].numpy(),
        labels=store.labels[chosen].numpy(),
    )
