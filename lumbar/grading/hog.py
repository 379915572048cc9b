"""A second reading of a foramen: histograms of oriented gradients and a logistic regression.

The network learns what to look at; this one looks at edges and coarse grey values alone, fits in
seconds, and errs elsewhere. The mean of both logits is better than either (figures:
benchmarks/ABLATIONS.md). Dalal and Triggs, Histograms of oriented gradients, CVPR 2005.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lumbar.domain import Family, Level, Severity
from lumbar.errors import InputError
from lumbar.grading.augment import cut, shifted_maps
from lumbar.grading.networks import standardise
from lumbar.grading.store import CropStore

__all__ = ["FORAMINAL", "HOG_FEATURES", "HogReading", "fit_hog", "gradients", "hog_features"]

FORAMINAL = list(Family).index(Family.FORAMINAL)

EDGE, CELL, DIRECTIONS, GREY = 56, 8, 8, 14
"""Pixels along a crop and along a cell, directions of a half turn, grey values along a crop."""

BLOCKS = (EDGE // CELL - 1) ** 2
HOG_FEATURES = BLOCKS * 4 * DIRECTIONS + GREY**2

LOOKS, LOOK_SHIFT = 5, 0.04
"""Each crop is learned from at its point and moved each way: a located point lies beside it."""

RIDGE = 333.0
"""Of half the squared weights on features of deviation 1, against a sum over crops."""
STEPS = 300


@dataclass(frozen=True, slots=True, eq=False)
class HogReading:
    """`features @ weight + level`: `weight` float32 `[1348, 3]`, `level` `[5, 3]`."""

    weight: Tensor
    level: Tensor

    def logits(self, crops: Tensor, levels: Tensor) -> Tensor:
        """Logits `[p, 3]` of crops `[p, 3, s, s]` at levels `[p]` (0 to 4)."""
        features = hog_features(crops)
        # summed so, and not as a product of matrices, which may go through bf16
        read = (features[:, :, None] * self.weight.to(features)).sum(1)
        return read + self.level.to(features)[levels]


def hog_features(crops: Tensor) -> Tensor:
    """Features float32 `[p, 1348]` of crops `[p, 3, s, s]`: of the slice itself, the middle one."""
    seen = functional.interpolate(
        crops[:, 1:2].float(), (EDGE, EDGE), mode="bilinear", antialias=True
    )
    seen = standardise(seen)
    grey = functional.adaptive_avg_pool2d(seen, GREY).flatten(1)
    return torch.cat([gradients(seen), grey], 1)


def gradients(pictures: Tensor) -> Tensor:
    """Histograms `[p, 1152]` of pictures `[p, 1, 56, 56]`, each block of four cells of length 1."""
    across = functional.pad(pictures, (1, 1, 0, 0), mode="replicate")
    down = functional.pad(pictures, (0, 0, 1, 1), mode="replicate")
    dx = across[:, 0, :, 2:] - across[:, 0, :, :-2]
    dy = down[:, 0, 2:] - down[:, 0, :-2]
    angle = torch.atan2(dy, dx) % torch.pi * (DIRECTIONS / torch.pi)
    strength = torch.hypot(dx, dy)
    votes = [
        strength * (1 - _turn(angle - direction).abs()).clamp_min(0)
        for direction in range(DIRECTIONS)
    ]
    cells = functional.avg_pool2d(torch.stack(votes, 1), CELL)
    return functional.normalize(functional.unfold(cells, 2), dim=1).flatten(1)


def _turn(angle: Tensor) -> Tensor:
    """An angle in directions, brought to within half of all of them round 0."""
    return (angle + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2


def fit_hog(store: CropStore, findings: Tensor, margin: float, size_px: int) -> HogReading:
    """The reading with the largest likelihood of labelled foraminal findings `[n]` of a store.

    Less a ridge on its weights. InputError where they do not show two grades.
    """
    findings = findings[(store.family[findings] == FORAMINAL) & (store.labels[findings] >= 0)]
    labels, levels = store.labels[findings], store.level[findings]
    if len(labels.unique()) < 2:
        raise InputError("grader.hog: the foraminal crops to learn from do not show two grades")
    pictures = store.pictures[store.starts[findings]]
    looks = [
        _seen(pictures, maps, size_px)
        for maps in shifted_maps(len(pictures), margin, LOOKS, LOOK_SHIFT)
    ]
    features, levels = torch.cat(looks), functional.one_hot(levels.repeat(LOOKS), len(Level))
    mean, spread = features.mean(0), features.std(0).clamp_min(1e-3)
    weight, level = _fit((features - mean) / spread, levels.float(), labels.repeat(LOOKS))
    weight = weight / spread[:, None]
    return HogReading(weight.contiguous(), (level - mean @ weight).contiguous())


def _seen(pictures: Tensor, maps: Tensor, size_px: int) -> Tensor:
    parts = zip(pictures.split(256), maps.split(256), strict=True)
    return torch.cat([hog_features(cut(part, mine, size_px)) for part, mine in parts])


def _fit(features: Tensor, levels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Weights `[f, 3]` of features and biases `[5, 3]` of levels."""
    with torch.inference_mode(False), torch.enable_grad():
        signal = torch.cat([features, levels], 1).clone()
        weight = torch.zeros(signal.shape[1], len(Severity), requires_grad=True)
        optimiser = torch.optim.LBFGS([weight], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            cost = functional.cross_entropy(signal @ weight, labels, reduction="sum") / LOOKS
            total = cost + RIDGE / 2 * weight[: features.shape[1]].square().sum()
            total.backward()
            return total

        optimiser.step(loss)
    learned = weight.detach()
    return learned[: features.shape[1]], learned[features.shape[1] :]
