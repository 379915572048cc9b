"""What is answered where nothing is known: the weighted share of the grades in a training part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import Severity
from lumbar.grading.metrics import weighted_prior

__all__ = ["smoothed_prior"]


def smoothed_prior(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weighted share of the three grades a column `[25, 3]` of labels `[studies, 25]` (-1 blank).

    Each grade counts once more in each column (Laplace's rule): a small training part lacks some
    grade in some column, and a share of nothing costs without bound in the log loss.
    """
    once = np.array([[grade] * labels.shape[1] for grade in Severity], dtype=np.int64)
    return weighted_prior(np.concatenate([labels, once]))
