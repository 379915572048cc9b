"""From three probabilities to one grade, and between calibrated and weighted probabilities.

The challenge weighs a Moderate label twice and a Severe one four times, so the answer that costs
least there is not the likeliest grade but the argmax of p x (1, 2, 4): the *tilted* rule. It finds
more of the severe findings and pays with accuracy; the *untilted* rule is the plain argmax of p.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import SEVERITY_WEIGHTS

__all__ = ["Rule", "apply", "tilt", "untilt"]


class Rule(StrEnum):
    """How a grade is chosen from calibrated probabilities."""

    TILTED = "tilted"
    UNTILTED = "untilted"


def apply(rule: Rule, probabilities: ArrayLike) -> NDArray[np.int64]:
    """Severities `[...]` chosen from calibrated, untilted probabilities `[..., 3]`.

    A row with a NaN has no grade and gives -1. Of equal shares the milder grade wins.
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    if Rule(rule) is Rule.TILTED:
        shares = shares * SEVERITY_WEIGHTS
    missing = np.isnan(shares).any(axis=-1)
    return np.where(missing, -1, np.argmax(np.nan_to_num(shares), axis=-1))


def tilt(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Calibrated p `[..., 3]` -> p x (1, 2, 4), normalised: what the weighted log loss wants."""
    return _normalised(np.asarray(probabilities, dtype=np.float64) * SEVERITY_WEIGHTS)


def untilt(probabilities: ArrayLike) -> NDArray[np.float64]:
    """The inverse of `tilt`: weighted shares `[..., 3]` divided by (1, 2, 4), normalised."""
    return _normalised(np.asarray(probabilities, dtype=np.float64) / SEVERITY_WEIGHTS)


def _normalised(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    normalised: NDArray[np.float64] = shares / shares.sum(axis=-1, keepdims=True)
    return normalised
