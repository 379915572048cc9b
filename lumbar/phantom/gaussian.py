"""The normal distribution, as far as grades and copulas need it, in plain numpy."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["cdf", "cdf2", "nearest_correlation", "quadrature", "quantile"]

Values = NDArray[np.float64]

_ERF = np.frompyfunc(math.erf, 1, 1)
_LEGENDRE = np.polynomial.legendre.leggauss(24)


def cdf(x: ArrayLike) -> Values:
    """P(Z <= x) of the standard normal, elementwise; infinities are welcome."""
    scaled = np.asarray(x, np.float64) / math.sqrt(2.0)
    return 0.5 * (1.0 + np.asarray(_ERF(scaled), np.float64))


def quantile(p: float) -> float:
    """The x with P(Z <= x) = p; p is kept within 1e-9 of 0 and 1."""
    return NormalDist().inv_cdf(min(max(p, 1e-9), 1 - 1e-9))


def cdf2(x: ArrayLike, y: ArrayLike, correlation: float) -> Values:
    """P(X <= x, Y <= y) of two standard normals, elementwise, |correlation| < 1.

    Integrates the density over the correlation from 0 (Plackett 1954), substituted by its
    arcsine as in Drezner and Wesolowsky (1990); 24-point Gauss-Legendre, error below 1e-7 for
    |correlation| <= 0.95. Infinite limits are taken at 9 standard deviations.
    """
    a, b = (np.clip(np.asarray(v, np.float64), -9.0, 9.0)[..., None] for v in (x, y))
    nodes, weights = _LEGENDRE
    half = math.asin(correlation) / 2
    sine = np.sin(half * (nodes + 1))
    exponent = -(a * a - 2 * sine * a * b + b * b) / (2 * (1 - sine**2))
    integral = half * (weights * np.exp(exponent)).sum(axis=-1) / (2 * math.pi)
    product = cdf(a[..., 0]) * cdf(b[..., 0])
    return np.asarray(product + integral)


def quadrature(points: int = 401, reach: float = 6.0) -> tuple[Values, Values]:
    """Nodes and weights that average a function over a standard normal (weights sum to 1)."""
    nodes = np.linspace(-reach, reach, points)
    weights = np.exp(-(nodes**2) / 2)
    return nodes, weights / weights.sum()


def nearest_correlation(matrix: Values, floor: float = 0.02, rounds: int = 500) -> Values:
    """The correlation matrix `[n, n]` nearest to a symmetric one, eigenvalues >= `floor` nearly.

    Alternating projections with Dykstra's correction (Higham 2002, IMA J. Numer. Anal. 22).
    """
    current, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(rounds):
        target = current - correction
        values, vectors = np.linalg.eigh(target)
        positive = (vectors * np.maximum(values, floor)) @ vectors.T
        correction = positive - target
        current = positive.copy()
        np.fill_diagonal(current, 1.0)
    scale = np.sqrt(np.diag(positive))
    return np.asarray(positive / np.outer(scale, scale))
