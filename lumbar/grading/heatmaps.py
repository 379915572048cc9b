"""Points to heat maps and back. A map is a distribution over positions and sums to 1."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lumbar.grading.networks import STRIDE

__all__ = ["chain", "peak", "targets"]

Array = NDArray[np.float64]


def targets(points: Tensor, size: int, sigma: float) -> tuple[Tensor, Tensor]:
    """Gaussian targets `[n, k, size, size]` of points `[n, k, 2]` in picture pixels, and which
    maps `[n, k]` have one (known and inside)."""
    spots = (points + 0.5) / STRIDE - 0.5
    known = ((spots > -0.5) & (spots < size - 0.5)).all(-1)
    spots = torch.where(known[..., None], spots, 0.0)
    steps = torch.arange(size, device=points.device)
    square = (steps - spots[..., :1]) ** 2, (steps - spots[..., 1:]) ** 2
    blob = torch.exp(-(square[1][..., :, None] + square[0][..., None, :]) / (2 * sigma**2))
    return blob / blob.sum((-2, -1), keepdim=True), known


def chain(log_maps: Array, gap: int) -> NDArray[np.int64]:
    """Rows and columns `[k, 2]` of the likeliest peaks of maps `[k, h, w]` that run head to foot.

    Dynamic programming over rows: each peak lies at least `gap` rows below the one before it.
    """
    best = log_maps.max(axis=2)
    levels, height = best.shape
    total, back = best[0], np.zeros((levels, height), np.int64)
    for level in range(1, levels):
        reach = np.full(height, -np.inf)
        reach[gap:] = np.maximum.accumulate(total)[: height - gap]
        source = np.zeros(height, np.int64)
        source[gap:] = _running_argmax(total)[: height - gap]
        total, back[level] = reach + best[level], source
    rows = [int(total.argmax())]
    for level in range(levels - 1, 0, -1):
        rows.append(int(back[level, rows[-1]]))
    rows.reverse()
    return np.array([(row, log_maps[k, row].argmax()) for k, row in enumerate(rows)])


def peak(log_map: Array, row: int, column: int, reach: int = 2) -> tuple[Array, float]:
    """Point (column, row) in picture pixels round a peak of a map `[h, w]`, and its confidence.

    The point is the mean position within `reach` map pixels of the peak; the confidence the share
    of the map that lies there.
    """
    top, left = max(row - reach, 0), max(column - reach, 0)
    window = np.exp(log_map[top : row + reach + 1, left : column + reach + 1])
    mass = float(window.sum())
    rows, columns = np.indices(window.shape)
    spot = np.array([left + (window * columns).sum() / mass, top + (window * rows).sum() / mass])
    return (spot + 0.5) * STRIDE - 0.5, min(mass, 1.0)


def _running_argmax(values: Array) -> NDArray[np.int64]:
    highest = np.maximum.accumulate(values)
    fresh = np.r_[True, values[1:] > highest[:-1]]
    return np.maximum.accumulate(np.where(fresh, np.arange(len(values)), 0))
