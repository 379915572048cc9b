"""What a bare picture shows: a small network with four answers, and what it looks at.

A picture is squashed to a square and stretched between its quantiles, so that neither its matrix,
its window nor its aspect (the challenge's labelled slices are squashed) decides.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lumbar.domain import View
from lumbar.grading.networks import standardise
from lumbar.imaging.resample import Square, sample, to_uint8

__all__ = ["ANSWERS", "OTHER", "ViewNet", "view_picture"]

ANSWERS: tuple[View | None, ...] = (*View, None)
"""The network's outputs in order; None: no lumbar MRI."""

OTHER = ANSWERS.index(None)


def view_picture(pixels: NDArray[np.float32], size: int) -> NDArray[np.uint8] | None:
    """The whole picture `[rows, columns]` as uint8 `[size, size]`; None where nothing can be seen
    (all of one grey, or a value that is not finite).

    Squashed with a kernel as wide as its step, then stretched from the 0.5 to the 99.5 % quantile.
    """
    rows, columns = pixels.shape
    if not np.isfinite(pixels).all() or np.ptp(pixels) == 0:
        return None
    whole = Square(((columns - 1) / 2, (rows - 1) / 2), 1.0, size, (1 / rows, 1 / columns))
    shown = to_uint8(sample(pixels, whole, outside="edge"))
    return shown if shown.any() else None


class ViewNet(nn.Module):
    """Pictures `[n, 1, p, p]` (uint8 or float) -> logits `[n, 4]` in the order of `ANSWERS`."""

    WIDTHS = (16, 32, 64, 96)

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for stage, width in enumerate(self.WIDTHS):
            layers += _convolution(before, width, stride=2)
            if stage >= 2:
                layers += _convolution(width, width, stride=1)
            before = width
        self.trunk = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.2)
        self.read = nn.Linear(2 * before, len(ANSWERS))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits of the four answers, read off the mean and the largest of each feature."""
        features = self.trunk(standardise(pictures))
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], 1)
        logits: Tensor = self.read(self.dropout(pooled.float()))
        return logits


def _convolution(before: int, width: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
