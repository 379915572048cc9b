"""The challenge's score: three weighted log losses and one of any severe canal, their mean.

Source: the metric of the RSNA 2024 Lumbar Spine Degenerative Classification challenge (its
evaluation page and published notebook). A term without one labelled row is None here and left out
of the mean, which the challenge itself never meets.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import CELLS, SEVERITY_WEIGHTS, Cell, Family, Severity
from lumbar.errors import FormatError

__all__ = [
    "ChallengeScore",
    "challenge_score",
    "label_array",
    "weighted_log_loss",
    "weighted_prior",
]

_WEIGHTS = np.array(SEVERITY_WEIGHTS)
_EPSILON = np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class ChallengeScore:
    """The four terms and their mean; lower is better, None where nothing was labelled."""

    canal: float | None
    foraminal: float | None
    subarticular: float | None
    any_severe_canal: float | None

    @property
    def terms(self) -> dict[str, float | None]:
        """The four terms by name, in the challenge's order."""
        return {
            "canal": self.canal,
            "foraminal": self.foraminal,
            "subarticular": self.subarticular,
            "any_severe_canal": self.any_severe_canal,
        }

    @property
    def absent(self) -> tuple[str, ...]:
        """The terms without one labelled row, left out of `score`."""
        return tuple(name for name, loss in self.terms.items() if loss is None)

    @property
    def score(self) -> float | None:
        """Plain mean of the terms that there are."""
        losses = [loss for loss in self.terms.values() if loss is not None]
        return float(np.mean(losses)) if losses else None


def challenge_score(
    probabilities: ArrayLike, labels: ArrayLike, study_ids: Sequence[str] | None = None
) -> ChallengeScore:
    """Score of weighted probabilities `[n_studies, 25, 3]` against labels `[n_studies, 25]`.

    Cells are in the order of `domain.CELLS`; a label is 0, 1, 2 or -1 for blank, and a blank cell
    is never read. Each row is normalised to sum 1. `study_ids` name rows in messages. Warns for
    a term without one labelled row. Raises FormatError for a share that is not finite or < 0.
    """
    truth = _checked_labels(labels)
    shares = _checked_shares(probabilities, truth, study_ids)
    loss = {family: _family_loss(shares, truth, family) for family in Family}
    score = ChallengeScore(
        canal=loss[Family.CANAL],
        foraminal=loss[Family.FORAMINAL],
        subarticular=loss[Family.SUBARTICULAR],
        any_severe_canal=_any_severe_loss(shares, truth),
    )
    if score.absent:
        message = f"no labelled row for {', '.join(score.absent)}: left out of the score"
        warnings.warn(message, stacklevel=2)
    return score


def weighted_log_loss(probabilities: ArrayLike, labels: ArrayLike) -> float | None:
    """Log loss of `[n, 3]` against labels `[n]` (-1 blank), weighted 1, 2, 4 by the label.

    The weights' sum normalises; rows are normalised to sum 1; None where every label is blank.
    """
    truth = np.asarray(labels, dtype=np.int64)
    labelled = truth >= 0
    if not labelled.any():
        return None
    rows = np.asarray(probabilities, dtype=np.float64)[labelled]
    truth = truth[labelled]
    shares = np.clip(rows / rows.sum(axis=1, keepdims=True), _EPSILON, 1 - _EPSILON)
    losses = -np.log(shares[np.arange(len(truth)), truth])
    return float(np.average(losses, weights=_WEIGHTS[truth]))


def weighted_prior(labels: ArrayLike) -> NDArray[np.float64]:
    """Weighted share of the three grades in each column: labels `[n, 25]` -> `[25, 3]`.

    What a submission answers where it knows nothing: the constant that costs least by the weighted
    log loss. A column without one label takes its family's shares, a family without one 1/3 each.
    """
    truth = _checked_labels(labels)
    shares = np.empty((len(CELLS), 3))
    for index, cell in enumerate(CELLS):
        counts = _counts(truth[:, index])
        if not counts.any():
            counts = _counts(truth[:, _columns(cell.condition.family)])
        weighted = counts * _WEIGHTS if counts.any() else np.ones(3)
        shares[index] = weighted / weighted.sum()
    return shares


def label_array(
    labels: Mapping[str, Mapping[Cell, Severity | None]], study_ids: Sequence[str]
) -> NDArray[np.int64]:
    """Labels of `study_ids` as `[n, 25]` in the order of `domain.CELLS`, -1 where blank."""
    array = np.full((len(study_ids), len(CELLS)), -1, dtype=np.int64)
    for row, study_id in enumerate(study_ids):
        for column, cell in enumerate(CELLS):
            severity = labels[study_id].get(cell)
            if severity is not None:
                array[row, column] = severity
    return array


def _columns(family: Family) -> NDArray[np.bool_]:
    return np.array([cell.condition.family is family for cell in CELLS])


def _counts(truth: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.bincount(truth[truth >= 0], minlength=3)


def _checked_labels(labels: ArrayLike) -> NDArray[np.int64]:
    truth = np.asarray(labels, dtype=np.int64)
    if truth.ndim != 2 or truth.shape[1] != len(CELLS):
        raise FormatError(f"labels are {truth.shape}, expected [n_studies, {len(CELLS)}]")
    if truth.size and (truth.min() < -1 or truth.max() > 2):
        raise FormatError("labels must be 0, 1, 2 or -1 for blank")
    return truth


def _checked_shares(
    probabilities: ArrayLike, truth: NDArray[np.int64], study_ids: Sequence[str] | None
) -> NDArray[np.float64]:
    shares = np.asarray(probabilities, dtype=np.float64)
    if shares.shape != (*truth.shape, 3):
        raise FormatError(f"probabilities are {shares.shape}, expected {(*truth.shape, 3)}")
    usable = np.isfinite(shares).all(axis=2) & (shares >= 0).all(axis=2) & (shares.sum(axis=2) > 0)
    wrong = np.argwhere(~usable & (truth >= 0))
    if len(wrong):
        study, cell = wrong[0]
        name = study_ids[study] if study_ids is not None else f"study {study}"
        raise FormatError(
            f"row {CELLS[cell].row_id(name)} holds {shares[study, cell].tolist()}: probabilities "
            "must be finite, at least 0 and not all 0"
        )
    return shares


def _family_loss(
    shares: NDArray[np.float64], truth: NDArray[np.int64], family: Family
) -> float | None:
    columns = _columns(family)
    return weighted_log_loss(shares[:, columns].reshape(-1, 3), truth[:, columns].reshape(-1))


def _any_severe_loss(shares: NDArray[np.float64], truth: NDArray[np.int64]) -> float | None:
    """A study's label is its worst canal cell, its prediction the largest severe share there."""
    truth = truth[:, _columns(Family.CANAL)]
    rows = shares[:, _columns(Family.CANAL)]
    judged = (truth >= 0).any(axis=1)
    if not judged.any():
        return None
    truth, rows = truth[judged], rows[judged]
    rows = np.where((truth >= 0)[..., None], rows, [1.0, 0.0, 0.0])  # a blank cell says nothing
    severe = (rows[..., 2] / rows.sum(axis=2)).max(axis=1).clip(_EPSILON, 1 - _EPSILON)
    worst = truth.max(axis=1)
    losses = -np.log(np.where(worst == Severity.SEVERE, severe, 1 - severe))
    return float(np.average(losses, weights=_WEIGHTS[worst]))
