"""Simulated readers: a grade is a threshold on a passage's true width plus the reader's error.

The errors' sizes are constants, set before any network was trained and not to be tuned: they are
those at which two readers of the same cohort agree as real ones do (unweighted kappa .70 for the
canal, .54 for the foramen, .32 for the lateral recess). `population.calibrate_noise` derives them
from the frequencies of the grades alone, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import CELLS, Family, Level, Severity
from lumbar.phantom.gaussian import cdf
from lumbar.phantom.morphology import THRESHOLDS

__all__ = [
    "KAPPAS",
    "NOISE_SD",
    "NOISE_SHARES",
    "agreement",
    "cohen_kappa",
    "grade_probabilities",
    "noise_correlations",
    "read",
]

Values = NDArray[np.float64]
Grades = NDArray[np.int8]

KAPPAS: Mapping[Family, float] = MappingProxyType(
    {Family.CANAL: 0.70, Family.FORAMINAL: 0.54, Family.SUBARTICULAR: 0.32}
)
"""Unweighted kappa of two readers, all levels and sides of a family together."""

NOISE_SD: Mapping[Family, float] = MappingProxyType(
    {Family.CANAL: 1.175, Family.FORAMINAL: 0.117, Family.SUBARTICULAR: 1.221}
)
"""Standard deviation of a reader's error (mm, share of fat, mm)."""

NOISE_SHARES: tuple[float, float, float] = (0.3, 0.2, 0.5)
"""Shares of the error's variance common to a study, to a level of it, and of a cell alone.

One reader grades all of a study, leniently or strictly, and looks at a level as a whole. Without
the common parts the correlations between the real labels cannot be had at these kappas: the
lateral recesses' labels correlate at up to .75, which at their reliability of about .53 would
need truths correlated at 1.4. With them the labels' correlations are met to .02 (root mean
square over the 300 pairs; .05 with errors of the cells alone).
"""

_SD = np.array([NOISE_SD[cell.condition.family] for cell in CELLS])
_THRESHOLDS = np.array([THRESHOLDS[cell.condition.family] for cell in CELLS])
_LEVELS = np.array([cell.level.ordinal for cell in CELLS])


def read(values: ArrayLike, rng: np.random.Generator) -> Grades:
    """One reader's grades `[studies, 25]` of true widths `[studies, 25]` (mm, share, mm)."""
    truth = np.asarray(values, np.float64)
    noisy = truth + _SD * _errors(len(truth), rng)
    return np.asarray((noisy[..., None] < _THRESHOLDS).sum(axis=-1), np.int8)


def _errors(studies: int, rng: np.random.Generator) -> Values:
    of_study, of_level, of_cell = np.sqrt(NOISE_SHARES)
    level = rng.standard_normal((studies, len(Level)))[:, _LEVELS]
    return np.asarray(
        of_study * rng.standard_normal((studies, 1))
        + of_level * level
        + of_cell * rng.standard_normal((studies, len(CELLS)))
    )


def noise_correlations() -> Values:
    """Correlations `[25, 25]` of one reader's errors within a study."""
    of_study, of_level, of_cell = NOISE_SHARES
    same_level = _LEVELS[:, None] == _LEVELS
    return np.asarray(of_study + of_level * same_level + of_cell * np.eye(len(CELLS)))


def grade_probabilities(values: ArrayLike, family: Family, noise_sd: float | None = None) -> Values:
    """P(Normal/Mild, Moderate, Severe) `[..., 3]` that a reader gives widths `[...]` of a family.

    `noise_sd` defaults to the family's own.
    """
    sd = NOISE_SD[family] if noise_sd is None else noise_sd
    moderate, severe = (
        cdf((limit - np.asarray(values, np.float64)) / sd) for limit in THRESHOLDS[family]
    )
    return np.stack([1 - moderate, moderate - severe, severe], axis=-1)


def cohen_kappa(table: ArrayLike) -> float:
    """Unweighted kappa of a table `[3, 3]` of counts or probabilities (Cohen 1960)."""
    joint = np.asarray(table, np.float64)
    joint = joint / joint.sum()
    by_chance = float(joint.sum(axis=0) @ joint.sum(axis=1))
    return (float(np.trace(joint)) - by_chance) / (1 - by_chance)


def agreement(first: Grades, second: Grades) -> Values:
    """How often two readers gave each pair of grades: counts `[3, 3]`."""
    table = np.zeros((len(Severity), len(Severity)))
    np.add.at(table, (first.ravel(), second.ravel()), 1)
    return table
