"""The two networks: where the levels are, and how narrow each is. One DenseNet-121 trunk each."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lumbar.domain import Family, Level, Severity, View
from lumbar.grading.densenet import FEATURES, PYRAMID, densenet_trunk, pyramid

__all__ = [
    "CANAL_MAPS",
    "FORAMINAL_MAPS",
    "MAPS",
    "RECESS_MAPS",
    "STRIDE",
    "GraderNet",
    "LocatorNet",
    "standardise",
]

MAPS: tuple[tuple[Family, str], ...] = (
    *((Family.CANAL, level.value) for level in Level),
    *((Family.FORAMINAL, level.value) for level in Level),
    (Family.SUBARTICULAR, "left"),
    (Family.SUBARTICULAR, "right"),
)
"""Heat maps of the locator: the canal and one foramen a level on sagittal pictures, both
recesses of the one level that an axial picture shows."""

CANAL_MAPS, FORAMINAL_MAPS, RECESS_MAPS = slice(0, 5), slice(5, 10), slice(10, 12)

STRIDE = 4
"""Pixels of a picture to one of its heat map."""


def standardise(pictures: Tensor) -> Tensor:
    """Each picture `[n, c, h, w]` (uint8 or float) as float32 with mean 0 and deviation 1."""
    pictures = pictures.float()
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    deviation = pictures.std(dim=(1, 2, 3), keepdim=True)
    return (pictures - mean) / deviation.clamp_min(1e-3)


class LocatorNet(nn.Module):
    """Pictures `[n, 3, p, p]` -> log-probabilities of position `[n, 12, p/4, p/4]`, one a map.

    The trunk's four resolutions are brought to 48 channels each, added from coarse to fine, and
    read by one convolution: a feature pyramid (Lin et al., CVPR 2017).
    """

    WIDTH = 48

    def __init__(self, weights: str = "none") -> None:
        super().__init__()
        self.trunk = densenet_trunk(weights)
        self.lateral = nn.ModuleList(nn.Conv2d(c, self.WIDTH, 1) for c in PYRAMID.values())
        self.smooth = nn.Sequential(
            nn.Conv2d(self.WIDTH, self.WIDTH, 3, padding=1),
            nn.BatchNorm2d(self.WIDTH),
            nn.ReLU(),
        )
        self.read = nn.Conv2d(self.WIDTH, len(MAPS), 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Log-probabilities `[n, 12, p/4, p/4]`; each map sums to 1 over its pixels."""
        return self.distribution(self.maps(standardise(pictures)))

    @staticmethod
    def distribution(maps: Tensor) -> Tensor:
        """Maps `[n, 12, h, w]` as log-probabilities."""
        return maps.flatten(2).log_softmax(-1).view_as(maps)

    def maps(self, pictures: Tensor) -> Tensor:
        """The maps `[n, 12, p/4, p/4]` of standardised pictures, not yet made to sum to 1."""
        outputs = pyramid(self.trunk, pictures)
        signals = [lateral(out) for lateral, out in zip(self.lateral, outputs, strict=True)]
        merged = signals.pop()
        while signals:
            finer = signals.pop()
            merged = finer + functional.interpolate(
                merged, finer.shape[-2:], mode="bilinear", align_corners=False
            )
        read: Tensor = self.read(self.smooth(merged)).float()
        return read


class GraderNet(nn.Module):
    """Pictures of findings' views -> logits of the three severities.

    Every picture goes through the shared trunk; each family has a linear reading of each view,
    the readings of the views that are there are averaged (an absent one is simply not among
    them), and a level adds its own bias. With one view this is a linear layer over the pooled
    features and the level as one-hot.
    """

    def __init__(self, weights: str = "none", dropout: float = 0.2) -> None:
        super().__init__()
        self.trunk = densenet_trunk(weights)
        self.dropout = nn.Dropout(dropout)
        families, views, grades = len(Family), len(View), len(Severity)
        self.reading = nn.Parameter(torch.randn(families, views, FEATURES, grades) * 0.01)
        self.level_bias = nn.Parameter(torch.zeros(families, len(Level), grades))

    def forward(
        self, pictures: Tensor, rows: Tensor, views: Tensor, family: Tensor, level: Tensor
    ) -> Tensor:
        """Logits `[n, 3]` of the findings that pictures `[p, 3, s, s]` belong to.

        `rows` and `views` `[p]` name each picture's finding and view; `family` and `level` `[n]`
        each finding's kind, all as indices in the order of their enums. A finding without any
        picture gets its level's bias alone.
        """
        pooled = self.dropout(self.features(pictures))
        return self.grade(pooled, rows, views, family, level, even_shares(rows, len(family)))

    def features(self, pictures: Tensor) -> Tensor:
        """Features `[p, 1024]` of pictures as they are."""
        return self.pooled(standardise(pictures).contiguous(memory_format=torch.channels_last))

    def pooled(self, pictures: Tensor) -> Tensor:
        """Features `[p, 1024]` of standardised pictures."""
        return torch.relu(self.trunk(pictures)).mean(dim=(2, 3)).float()

    def grade(
        self,
        pooled: Tensor,
        rows: Tensor,
        views: Tensor,
        family: Tensor,
        level: Tensor,
        shares: Tensor,
    ) -> Tensor:
        """Logits `[n, 3]` of the findings that features `[p, 1024]` belong to, as `forward`.

        `shares` `[p]` is how much each picture counts within its finding.
        """
        readings = torch.einsum("pc,pcg->pg", pooled, self.reading[family[rows], views])
        read = readings.new_zeros(len(family), len(Severity))
        read = read.index_add(0, rows, readings * shares[:, None])
        return read + self.level_bias[family, level]


def even_shares(rows: Tensor, count: int) -> Tensor:
    """The same share `[p]` of each picture of a finding; `rows` `[p]` are below `count`."""
    return 1.0 / torch.bincount(rows, minlength=count)[rows]
