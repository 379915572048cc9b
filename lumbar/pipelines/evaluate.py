"""Predictions against the truth: one dictionary of figures, `metrics.json`, and a table to read.

The challenge's score is made of the weighted probabilities; accuracy, kappa and their like of the
grades that a rule chooses from them. Cells not assessed are in neither: `coverage` says how many
of the labelled cells have a grade.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import CELLS, Cell, Family, Severity
from lumbar.errors import FormatError
from lumbar.grading.measures import READER_KAPPA, grouped, measure, measure_studies
from lumbar.grading.metrics import ChallengeScore, challenge_score, label_array
from lumbar.grading.rules import Rule, apply, untilt
from lumbar.grading.trust import accuracy_interval, all_clear, calibration_error
from lumbar.reports.predictions import Predictions

__all__ = ["Truth", "evaluate", "write_metrics"]

Truth = Mapping[str, Mapping[Cell, Severity | None]]
"""The labels of `train.csv`: a study's cells, None where blank."""

LISTED = 20
"""So many study ids are listed where some have no counterpart; the rest are counted."""


def evaluate(
    predictions: Predictions,
    truth: Truth,
    rule: Rule = Rule.TILTED,
    prior: ArrayLike | None = None,
    families: Collection[Family] = tuple(Family),
) -> dict[str, Any]:
    """Every figure of `predictions` against `truth`, ready for JSON.

    Studies on one side alone are counted, listed and left out. `prior` `[25, 3]` (the weighted
    prior of the training part) adds `score_prior`, what answering it everywhere would cost on the
    same cells. Cells of other `families` are left out. Raises FormatError where no study has a
    truth or a probability is impossible.
    """
    common = np.array([study_id in truth for study_id in predictions.study_ids], dtype=bool)
    study_ids = [s for s, known in zip(predictions.study_ids, common, strict=True) if known]
    if not study_ids:
        raise FormatError("no study of the predictions is in the truth; are they of one cohort?")
    weighted = predictions.weighted[common]
    asked = np.array([cell.condition.family in families for cell in CELLS])
    weighted = np.where(asked[:, None], weighted, np.nan)
    labels = np.where(asked, label_array(truth, study_ids), -1)
    severities = apply(rule, untilt(weighted))
    scored = np.where(severities >= 0, labels, -1)
    return {
        **_score(weighted, scored, study_ids, prior),
        **measure(labels, severities).as_dict(),
        "accuracy_interval": accuracy_interval(labels, severities),
        "calibration_error": calibration_error(untilt(weighted), labels),
        "all_clear": all_clear(labels, severities).as_dict(),
        "rule": Rule(rule).value,
        "n_studies": len(study_ids),
        "study": {"n": measure_studies(labels, severities).n}
        | measure_studies(labels, severities).as_dict(),
        **_blocks(labels, severities),
        "reader_kappa": {family.value: kappa for family, kappa in READER_KAPPA.items()},
        "studies_without_truth": _listed(set(predictions.study_ids) - set(truth)),
        "studies_without_prediction": _listed(set(truth) - set(predictions.study_ids)),
    }


def write_metrics(metrics: Mapping[str, Any], folder: Path) -> Path:
    """Write `metrics.json` into `folder`, which is made where it is missing; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "metrics.json"
    path.write_text(json.dumps(metrics, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _score(
    weighted: NDArray[np.float64],
    labels: NDArray[np.int64],
    study_ids: list[str],
    prior: ArrayLike | None,
) -> dict[str, Any]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        score = challenge_score(weighted, labels, study_ids)
    figures: dict[str, Any] = {"score": score.score, **score.terms}
    if prior is not None:
        figures["score_prior"] = _score_of_prior(prior, labels).score
    return figures | {"warnings": [str(warning.message) for warning in caught]}


def _score_of_prior(prior: ArrayLike, labels: NDArray[np.int64]) -> ChallengeScore:
    constant = np.broadcast_to(np.asarray(prior, dtype=np.float64), (len(labels), len(CELLS), 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the same terms are absent as for the predictions
        return challenge_score(constant, labels)


def _blocks(labels: NDArray[np.int64], severities: NDArray[np.int64]) -> dict[str, Any]:
    blocks = grouped(labels, severities)
    cells = {name: measures.summary() for name, measures in blocks.pop("cells").items()}
    full = {
        block: {name: measures.as_dict() for name, measures in parts.items()}
        for block, parts in blocks.items()
    }
    return full | {"cells": cells}


def _listed(study_ids: set[str]) -> dict[str, Any]:
    return {"n": len(study_ids), "first": sorted(study_ids)[:LISTED]}
