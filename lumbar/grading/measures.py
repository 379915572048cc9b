"""What a table of results says: counts, accuracy, kappa and their like, from a confusion matrix.

Every figure is a function of the 3 x 3 confusion matrix of the cells that have both a label and a
grade; cells that were not assessed lower the coverage and nothing else. A ratio without a case in
its denominator is None, never 0. Definitions: Cohen 1960 for kappa (unweighted); balanced accuracy
is the mean recall of the grades that occur in the truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import CELLS, Condition, Family, Level, Severity

__all__ = ["READER_KAPPA", "Counts", "GradeMeasures", "grouped", "measure", "measure_studies"]

READER_KAPPA: dict[Family, float] = {
    Family.CANAL: 0.70,
    Family.FORAMINAL: 0.54,
    Family.SUBARTICULAR: 0.32,
}
"""How far human readers agree with each other (unweighted kappa): near it the labels limit."""


@dataclass(frozen=True, slots=True)
class Counts:
    """True and false positives and negatives of one yes-or-no question."""

    tp: int
    tn: int
    fp: int
    fn: int

    @classmethod
    def of(cls, truth: ArrayLike, predicted: ArrayLike) -> Counts:
        """Counts of two boolean arrays of one shape."""
        real, told = np.asarray(truth, dtype=bool), np.asarray(predicted, dtype=bool)
        return cls(
            tp=int((real & told).sum()),
            tn=int((~real & ~told).sum()),
            fp=int((~real & told).sum()),
            fn=int((real & ~told).sum()),
        )

    @property
    def n(self) -> int:
        """All that was judged."""
        return self.tp + self.tn + self.fp + self.fn

    @property
    def accuracy(self) -> float | None:
        """(tp + tn) / n."""
        return _ratio(self.tp + self.tn, self.n)

    @property
    def majority(self) -> float | None:
        """Accuracy of always giving the commoner answer."""
        return _ratio(max(self.tp + self.fn, self.tn + self.fp), self.n)

    @property
    def precision(self) -> float | None:
        """tp / (tp + fp)."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Sensitivity, tp / (tp + fn)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def specificity(self) -> float | None:
        """tn / (tn + fp)."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    def as_dict(self) -> dict[str, float | int | None]:
        """The four counts and all ratios by name."""
        names = ("tp", "tn", "fp", "fn", "accuracy", "majority", "precision", "recall")
        return {name: getattr(self, name) for name in (*names, "specificity", "f1")}


@dataclass(frozen=True, slots=True)
class GradeMeasures:
    """Measures of three-class grades.

    `confusion` int `[3, 3]`: rows are the truth, columns the prediction; `labelled` counts the
    cells that have a label, graded or not.
    """

    confusion: NDArray[np.int64]
    labelled: int

    @property
    def n(self) -> int:
        """Cells with both a label and a grade."""
        return int(self.confusion.sum())

    @property
    def coverage(self) -> float | None:
        """Graded share of the labelled cells."""
        return _ratio(self.n, self.labelled)

    @property
    def accuracy(self) -> float | None:
        """Share graded as labelled; read it beside `majority`."""
        return _ratio(int(np.trace(self.confusion)), self.n)

    @property
    def majority(self) -> float | None:
        """Accuracy of always answering the commonest label of the same cells."""
        return _ratio(int(self.confusion.sum(axis=1).max()), self.n)

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean recall over the grades that occur in the truth."""
        recalls = [self.of(severity).recall for severity in Severity]
        known = [recall for recall in recalls if recall is not None]
        return float(np.mean(known)) if known else None

    @property
    def kappa(self) -> float | None:
        """Cohen's unweighted kappa; None where chance alone already agrees everywhere."""
        if not self.n:
            return None
        chance = float(self.confusion.sum(axis=0) @ self.confusion.sum(axis=1)) / self.n**2
        agreed = float(np.trace(self.confusion)) / self.n
        return (agreed - chance) / (1 - chance) if chance < 1 else None

    @property
    def severe_recall(self) -> float | None:
        """Share of the Severe labels graded Severe."""
        return self.of(Severity.SEVERE).recall

    @property
    def degeneration(self) -> Counts:
        """Moderate or Severe against Normal/Mild."""
        return self._one_against_rest([Severity.MODERATE, Severity.SEVERE])

    def of(self, severity: Severity) -> Counts:
        """One grade against the two others."""
        return self._one_against_rest([severity])

    def summary(self) -> dict[str, float | int | None]:
        """The single figures by name."""
        names = ("n", "labelled", "coverage", "accuracy", "majority", "balanced_accuracy")
        return {name: getattr(self, name) for name in (*names, "kappa", "severe_recall")}

    def as_dict(self) -> dict[str, object]:
        """Everything: the single figures, each grade, degeneration and the confusion matrix."""
        return {
            **self.summary(),
            "degeneration": self.degeneration.as_dict(),
            "grades": {severity.label: self.of(severity).as_dict() for severity in Severity},
            "confusion": self.confusion.tolist(),
        }

    def _one_against_rest(self, positive: list[Severity]) -> Counts:
        chosen = np.isin(np.arange(3), positive)
        return Counts(
            tp=int(self.confusion[np.ix_(chosen, chosen)].sum()),
            tn=int(self.confusion[np.ix_(~chosen, ~chosen)].sum()),
            fp=int(self.confusion[np.ix_(~chosen, chosen)].sum()),
            fn=int(self.confusion[np.ix_(chosen, ~chosen)].sum()),
        )


def measure(truth: ArrayLike, predicted: ArrayLike) -> GradeMeasures:
    """Measures of severities of any one shape; -1 is a blank label or a cell not assessed."""
    real, told = np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    scored = (real >= 0) & (told >= 0)
    pairs = np.bincount(3 * real[scored] + told[scored], minlength=9)
    return GradeMeasures(pairs.reshape(3, 3), labelled=int((real >= 0).sum()))


def measure_studies(truth: ArrayLike, predicted: ArrayLike) -> Counts:
    """Degeneration per study: does any of `[n, 25]` cells hold a Moderate or Severe finding?

    Only cells with both a label and a grade are looked at, and only studies that have one.
    """
    real, told = np.asarray(truth, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    scored = (real >= 0) & (told >= 0)
    judged = np.any(scored, axis=1)
    return Counts.of(*(_found(severities, scored)[judged] for severities in (real, told)))


def grouped(
    truth: NDArray[np.int64], predicted: NDArray[np.int64]
) -> dict[str, dict[str, GradeMeasures]]:
    """Measures of `[n, 25]` severities by family, condition, level and cell, by name."""
    blocks: dict[str, dict[str, GradeMeasures]] = {}
    for block, name, columns in _groups():
        blocks.setdefault(block, {})[name] = measure(truth[:, columns], predicted[:, columns])
    return blocks


def _found(severities: NDArray[np.int64], scored: NDArray[np.bool_]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.any((severities > 0) & scored, axis=1)
    return found


def _groups() -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    for family in Family:
        yield "families", family.value, np.array([c.condition.family is family for c in CELLS])
    for condition in Condition:
        yield "conditions", condition.value, np.array([c.condition is condition for c in CELLS])
    for level in Level:
        yield "levels", level.value, np.array([c.level is level for c in CELLS])
    for index, cell in enumerate(CELLS):
        yield "cells", cell.column, np.arange(len(CELLS)) == index


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
