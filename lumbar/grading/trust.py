"""How far figures and answers can be trusted: intervals by patient, calibration, the all-clear."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["AllClear", "accuracy_interval", "all_clear", "calibration_error", "wilson"]

RESAMPLES, SEED = 2000, 7


@dataclass(frozen=True, slots=True)
class AllClear:
    """How often "nothing found" is said of a study, and how often it is wrong.

    `share_wrong_interval` is the 95 % interval of `share_wrong`; None where it was never said.
    """

    studies: int
    said: int
    share_said: float | None
    wrong: int
    share_wrong: float | None
    share_wrong_interval: tuple[float, float] | None

    def as_dict(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


def all_clear(labels: NDArray[np.int64], severities: NDArray[np.int64]) -> AllClear:
    """Studies `[n, 25]` of which every graded cell is Normal/Mild: what their readers saw.

    It is wrong where a reader saw a Moderate or Severe cell, graded or not; -1 is blank or not
    assessed. Studies without a label or without a grade are left out.
    """
    judged = (labels >= 0).any(1) & (severities >= 0).any(1)
    said = judged & ~(severities > 0).any(1)
    wrong = said & (labels > 0).any(1)
    n, k, bad = int(judged.sum()), int(said.sum()), int(wrong.sum())
    share_said = k / n if n else None
    if not k:
        return AllClear(n, k, share_said, bad, None, None)
    return AllClear(n, k, share_said, bad, bad / k, wilson(bad, k))


def wilson(count: int, of: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, J Am Stat Assoc 22:209, 1927); `of` is at least 1."""
    z = 1.959964
    share, scale = count / of, 1 + z * z / of
    middle = (share + z * z / (2 * of)) / scale
    reach = z * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of))) / scale
    return max(0.0, middle - reach), min(1.0, middle + reach)


def accuracy_interval(
    labels: NDArray[np.int64], severities: NDArray[np.int64]
) -> tuple[float, float] | None:
    """95 % bootstrap interval of the accuracy over studies `[n, 25]`, drawn whole: a patient's
    cells are not independent. None where no cell has both a label and a grade."""
    scored = (labels >= 0) & (severities >= 0)
    cells = scored.sum(1)
    right = (scored & (labels == severities)).sum(1)[cells > 0]
    cells = cells[cells > 0]
    if not len(cells):
        return None
    drawn = np.random.default_rng(SEED).integers(0, len(cells), (RESAMPLES, len(cells)))
    low, high = np.percentile(right[drawn].sum(1) / cells[drawn].sum(1), [2.5, 97.5])
    return float(low), float(high)


def calibration_error(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], bins: int = 15
) -> float | None:
    """Expected calibration error of calibrated p `[n, 25, 3]`: over bins of the largest p, the
    mean distance from it to the share that is right (Guo et al., ICML 2017).

    Cells without a label (-1) or with NaN are left out; None where none is left.
    """
    kept = (labels >= 0) & np.isfinite(probabilities).all(-1)
    shares, truth = probabilities[kept], labels[kept]
    if not len(truth):
        return None
    sure, right = shares.max(1), shares.argmax(1) == truth
    box = np.minimum((sure * bins).astype(int), bins - 1)
    gap = np.bincount(box, weights=sure - right, minlength=bins)
    return float(np.abs(gap).sum() / len(truth))
