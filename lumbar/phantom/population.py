"""The population that phantoms are drawn from: 25 passages' widths and how they go together.

A Gaussian copula: 25 correlated normal variables, each mapped by its own increasing function to
the width of a passage (mm, share, mm). A cell's function has a location and a scale, solved so
that after the reader's error its three grades are as frequent as the column of `train.csv`, and
bends over to the range of what can be drawn. The thresholds are common to a family.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import CELLS, Cell, Family
from lumbar.phantom.copula import Statistics, load_statistics
from lumbar.phantom.gaussian import nearest_correlation, quadrature, quantile
from lumbar.phantom.morphology import RANGES, THRESHOLDS, Morphology
from lumbar.phantom.readers import (
    KAPPAS,
    NOISE_SD,
    cohen_kappa,
    grade_probabilities,
    noise_correlations,
)

__all__ = ["Passage", "Population", "calibrate_noise", "expected_kappa", "population"]

Values = NDArray[np.float64]

LEAST_SCALE = 0.05
"""Least true spread of a passage, in units of its family's distance between thresholds."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One cell's increasing function from a standard normal variable to a width."""

    family: Family
    location: float
    scale: float

    def widths(self, latent: ArrayLike) -> Values:
        """Widths `[...]` of latent values `[...]`; linear in the middle, bent at the range's ends.

        Half-way between a threshold and the end of the range the line turns into a hyperbolic
        tangent, so that no two latents share a width and none lies outside of RANGES.
        """
        low, high = RANGES[self.family]
        moderate, severe = THRESHOLDS[self.family]
        line = self.location + self.scale * np.asarray(latent, np.float64)
        top, bottom = (moderate + high) / 2, (low + severe) / 2
        bent = np.minimum(line, top) + (high - top) * np.tanh(
            np.maximum(line - top, 0) / (high - top)
        )
        return np.asarray(
            np.maximum(bent, bottom)
            - (bottom - low) * np.tanh(np.maximum(bottom - bent, 0) / (bottom - low))
        )

    def grade_frequencies(self, noise_sd: float) -> Values:
        """Expected frequencies `[3]` of the grades that a reader gives."""
        nodes, weights = quadrature()
        return weights @ grade_probabilities(self.widths(nodes), self.family, noise_sd)

    def agreement(self, noise_sd: float) -> Values:
        """Expected frequencies `[3, 3]` of the pairs of grades of two readers."""
        nodes, weights = quadrature()
        graded = grade_probabilities(self.widths(nodes), self.family, noise_sd)
        return (graded * weights[:, None]).T @ graded

    @classmethod
    def fitted(cls, family: Family, frequencies: Values, noise_sd: float) -> Passage:
        """The passage whose grades come out at `frequencies` `[3]` after the reader's error.

        The start is exact for an unbent line; then Newton's method on the two thresholds'
        normal quantiles, where the problem is nearly linear.
        """
        moderate, severe = THRESHOLDS[family]
        target = _quantiles(frequencies)
        total = (moderate - severe) / (target[0] - target[1])
        least = LEAST_SCALE * (moderate - severe)
        scale = float(np.sqrt(max(total**2 - noise_sd**2, least**2)))
        state = np.array([moderate - total * target[0], np.log(scale)])
        for _ in range(12):
            state = state - _newton_step(family, state, target, noise_sd, np.log(least))
            state[1] = max(state[1], np.log(least))
        return cls(family, float(state[0]), float(np.exp(state[1])))


def _quantiles(frequencies: Values) -> Values:
    return np.array([quantile(frequencies[1] + frequencies[2]), quantile(frequencies[2])])


def _newton_step(
    family: Family, state: Values, target: Values, noise_sd: float, least: float
) -> Values:
    def residual(at: Values) -> Values:
        passage = Passage(family, float(at[0]), float(np.exp(at[1])))
        return _quantiles(passage.grade_frequencies(noise_sd)) - target

    here, width = residual(state), 1e-4
    columns = [(residual(state + width * unit) - here) / width for unit in np.eye(2)]
    step = np.linalg.lstsq(np.stack(columns, axis=1), here, rcond=None)[0]
    return np.clip(step, -0.5, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """The 25 passages, in the order of `CELLS`, and their latents' correlations `[25, 25]`."""

    passages: tuple[Passage, ...]
    correlations: Values

    def draw(self, studies: int, rng: np.random.Generator) -> Values:
        """True widths `[studies, 25]` in the order of `CELLS` (mm, share, mm)."""
        root = np.linalg.cholesky(self.correlations)
        latent = rng.standard_normal((studies, len(CELLS))) @ root.T
        return np.stack(
            [passage.widths(latent[:, i]) for i, passage in enumerate(self.passages)], axis=1
        )

    def draw_morphology(self, rng: np.random.Generator) -> Morphology:
        """One spine's passages."""
        widths = self.draw(1, rng)[0]
        return Morphology.from_cells(dict(zip(CELLS, map(float, widths), strict=True)))


@cache
def population() -> Population:
    """The population that the package's statistics describe."""
    return fit_population(load_statistics())


def fit_population(statistics: Statistics) -> Population:
    """The population whose labels have these frequencies and correlations."""
    passages = tuple(
        Passage.fitted(cell.condition.family, statistics.frequencies[i], _noise(cell))
        for i, cell in enumerate(CELLS)
    )
    spread = np.array([passage.scale for passage in passages])
    noise = np.array([_noise(cell) for cell in CELLS])
    return Population(passages, _true_correlations(statistics.correlations, spread, noise))


def _noise(cell: Cell) -> float:
    return NOISE_SD[cell.condition.family]


def _true_correlations(of_labels: Values, spread: Values, noise: Values) -> Values:
    """Correlations of the truths, given those of the labels: the reader's error taken out.

    Covariance of labels = that of truths + that of errors (Spearman 1904's correction for
    attenuation, with errors that are correlated); the nearest correlation matrix of what is left.
    """
    total = np.sqrt(spread**2 + noise**2)
    covariance = of_labels * np.outer(total, total)
    truths = (covariance - noise_correlations() * np.outer(noise, noise)) / np.outer(spread, spread)
    np.fill_diagonal(truths, 1.0)
    return nearest_correlation(truths)


def expected_kappa(family: Family, noise_sd: float, statistics: Statistics) -> float:
    """Kappa of two readers over all cells of a family when both err by `noise_sd`."""
    table = np.zeros((3, 3))
    for i, cell in enumerate(CELLS):
        if cell.condition.family is family:
            passage = Passage.fitted(family, statistics.frequencies[i], noise_sd)
            table += passage.agreement(noise_sd)
    return cohen_kappa(table)


def calibrate_noise(family: Family, statistics: Statistics, rounds: int = 24) -> float:
    """The readers' error at which their kappa is KAPPAS[family]: the origin of NOISE_SD."""
    moderate, severe = THRESHOLDS[family]
    low, high = 0.05 * (moderate - severe), 1.5 * (moderate - severe)
    for _ in range(rounds):
        middle = (low + high) / 2
        if expected_kappa(family, middle, statistics) > KAPPAS[family]:
            low = middle
        else:
            high = middle
    return (low + high) / 2
