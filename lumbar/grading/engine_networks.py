"""Both networks on an engine: called as GraderNet and LocatorNet are, with the same answers."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from lumbar.domain import Family, View
from lumbar.grading.engine import Engine, torch_engine
from lumbar.grading.engine_file import Part
from lumbar.grading.networks import GraderNet, LocatorNet, standardise

__all__ = ["PARITY", "EngineGrader", "EngineLocator"]

Build = Callable[[Part], Engine]

PARITY = 1e-4
"""Largest difference of a probability that counts as the same grade in fp32."""


class Pooled(nn.Module):
    """Standardised pictures -> pooled features: the part of a grader that an engine runs."""

    def __init__(self, network: GraderNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Features `[p, 1024]`."""
        return self.network.pooled(pictures)


class Maps(nn.Module):
    """Standardised pictures -> maps: the part of a locator that an engine runs."""

    def __init__(self, network: LocatorNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        """Maps `[n, 12, p/4, p/4]`."""
        return self.network.maps(pictures)


class EngineGrader(nn.Module):
    """A GraderNet whose trunk an engine runs; `network` is the whole of it in torch.

    `difference` is the largest of a probability from that of `network`, on drawn pictures.
    """

    def __init__(self, network: GraderNet, size_px: int, digest: str, build: Build) -> None:
        super().__init__()
        self.network, self.grade = network, network.grade
        part = Part("grader", Pooled(network), size_px, digest)
        pictures = _drawn(size_px, len(Family) * len(View), network.level_bias.device)
        self.engine, self.difference = _checked(part, build, pictures, self._probabilities)

    def features(self, pictures: Tensor) -> Tensor:
        """Features `[p, 1024]`, as GraderNet's."""
        return self.engine(standardise(pictures))

    def _probabilities(self, pooled: Tensor) -> Tensor:
        """What every family would read on every view."""
        rows = torch.arange(len(pooled), device=pooled.device)
        family, views = rows // len(View), rows % len(View)
        level, shares = torch.zeros_like(rows), torch.ones_like(rows)
        grades = self.network.grade(pooled, rows, views, family, level, shares)
        return grades.softmax(1)


class EngineLocator(nn.Module):
    """A LocatorNet whose trunk and pyramid an engine runs; `network` is all of it in torch.

    `difference` is the largest of a map's pixel from that of `network`, on drawn pictures.
    """

    def __init__(self, network: LocatorNet, size_px: int, digest: str, build: Build) -> None:
        super().__init__()
        self.network = network
        part = Part("locator", Maps(network), size_px, digest)
        pictures = _drawn(size_px, 2, network.read.weight.device)
        self.engine, self.difference = _checked(part, build, pictures, self._shares)

    def forward(self, pictures: Tensor) -> Tensor:
        """Log-probabilities `[n, 12, p/4, p/4]`, as LocatorNet's."""
        return self.network.distribution(self.engine(standardise(pictures)))

    def _shares(self, maps: Tensor) -> Tensor:
        return self.network.distribution(maps).exp()


def _checked(
    part: Part, build: Build, pictures: Tensor, probabilities: Callable[[Tensor], Tensor]
) -> tuple[Engine, float]:
    """The part's engine and its difference from torch; torch where an engine computes wrongly."""
    engine = build(part)
    if engine.name == "torch" and engine.precision == "fp32":
        return engine, 0.0
    with torch.inference_mode():
        found = probabilities(engine(pictures))
        expected = probabilities(part.module(pictures))
    difference = float((found - expected).abs().max())
    if engine.precision == "fp32" and not difference <= PARITY:
        note = f"{engine.name} differs by {difference:.2g} here, more than {PARITY:g}"
        logging.getLogger(__name__).warning("%s: %s; torch computes", part.name, note)
        return torch_engine(part, pictures.device, False, note), 0.0
    return engine, difference


def _drawn(size_px: int, count: int, device: torch.device) -> Tensor:
    """Smooth noise as pictures `[count, 3, size_px, size_px]`, always the same."""
    coarse = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    wide = functional.interpolate(coarse, (size_px, size_px), mode="bilinear")
    return standardise(wide).to(device)
