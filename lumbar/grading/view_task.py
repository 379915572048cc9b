"""Learning a picture's view: the pictures in memory, how often each is drawn, their changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lumbar.config import Augmentation, Recipe
from lumbar.grading.augment import contrast, cut, random_maps
from lumbar.grading.store import Part, part_of
from lumbar.grading.view_net import ANSWERS, OTHER, ViewNet

__all__ = ["SHARES", "ShownPicture", "ViewStore", "ViewTask", "answer_logits"]

SHARES: Mapping[str, float] = {
    "rsna_t1": 0.6,
    "spider_t1": 0.15,
    "full_sagittal_t1": 0.1,
    "phantom_sagittal_t1": 0.15,
    "spider_t2": 0.25,
    "spider_space": 0.15,
    "full_sagittal_t2": 0.2,
    "phantom_sagittal_t2": 0.15,
    "phantom_stir": 0.1,
    "stir_of_t1": 0.15,
    "full_axial_t2": 0.55,
    "phantom_axial_t2": 0.45,
    "unlike": 0.5,
    "package": 0.3,
    "phantom_coronal": 0.1,
    "phantom_ct": 0.1,
}
"""How often a source is drawn among those of its answer."""

ANSWER_SHARES = (0.36, 0.3, 0.12, 0.22)
"""How often each of `ANSWERS` is drawn: sagittal T1 and T2 are the hardest to tell apart."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownPicture:
    """A picture uint8 `[p, p]`, its answer (index of `ANSWERS`), its source and its patient.

    A picture without a patient ("") is trained on in every fold.
    """

    pixels: NDArray[np.uint8]
    answer: int
    source: str
    patient: str


@dataclass(frozen=True, slots=True, eq=False)
class ViewStore:
    """Pictures uint8 `[n, p, p]` with their answers `[n]`, sources and patients."""

    pictures: Tensor
    answers: Tensor
    sources: tuple[str, ...]
    patients: tuple[str, ...]

    @classmethod
    def of(cls, shown: Sequence[ShownPicture]) -> ViewStore:
        """The pictures in the order given, which is the order that a seed draws them by."""
        return cls(
            torch.from_numpy(np.stack([one.pixels for one in shown])),
            torch.tensor([one.answer for one in shown]),
            tuple(one.source for one in shown),
            tuple(one.patient for one in shown),
        )

    def where(self, recipe: Recipe, part: Part) -> Tensor:
        """Indices `[m]` of the pictures of a part."""
        parts = [part_of(p, recipe.data) if p else Part.TRAINING for p in self.patients]
        return torch.tensor([one is part for one in parts]).nonzero().flatten()

    def weights(self, rows: Tensor) -> Tensor:
        """How often each of `rows` `[m]` is to be drawn, by `SHARES`; they sum to 1."""
        sources = [self.sources[row] for row in rows.tolist()]
        counts = {source: sources.count(source) for source in set(sources)}
        each = torch.tensor([SHARES[source] / counts[source] for source in sources])
        answers = self.answers[rows]
        totals = torch.zeros(len(ANSWERS)).index_add(0, answers, each)
        shares = torch.tensor(ANSWER_SHARES) * (totals > 0)
        return each / totals[answers] * (shares / shares.sum())[answers]


class ViewTask:
    """The classifier: cross-entropy over the four answers."""

    name = "views"

    def __init__(self, recipe: Recipe, store: ViewStore) -> None:
        assert recipe.views is not None
        self.settings = recipe.views
        self.store = store
        self.training = store.where(recipe, Part.TRAINING)
        self.calibration = store.where(recipe, Part.CALIBRATION)
        self._weights = store.weights(self.training)
        self._sources = sorted({store.sources[row] for row in self.calibration.tolist()})

    def network(self) -> nn.Module:
        """A fresh ViewNet."""
        return ViewNet()

    def rows(self) -> int:
        """Pictures drawn an epoch."""
        return self.settings.draws

    def loss(self, model: nn.Module, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Mean cross-entropy of as many drawn pictures as there are `rows`."""
        drawn = torch.multinomial(self._weights, len(rows), True, generator=generator)
        chosen = self.training[drawn]
        answers = self.store.answers[chosen]
        shown = changed(
            self.store.pictures[chosen][:, None], answers, self.settings.augmentation, generator
        )
        return functional.cross_entropy(model(shown), answers, label_smoothing=0.02)

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Loss, and the share of right answers of each source, on the calibration patients."""
        if not len(self.calibration):
            return {}
        logits = answer_logits(model, self.store.pictures[self.calibration])
        answers = self.store.answers[self.calibration]
        right = (logits.argmax(1) == answers).double()
        figures = {"validation_loss": float(functional.cross_entropy(logits, answers))}
        for source in self._sources:
            own = [self.store.sources[row] == source for row in self.calibration.tolist()]
            figures[source] = float(right[torch.tensor(own)].mean())
        return figures


def answer_logits(model: nn.Module, pictures: Tensor, batch: int = 256) -> Tensor:
    """Logits `[n, 4]` of pictures uint8 `[n, p, p]`."""
    with torch.inference_mode():
        parts = [model(part[:, None]).float() for part in pictures.split(batch)]
    return torch.cat(parts) if parts else torch.zeros(0, len(ANSWERS))


def changed(
    pictures: Tensor, answers: Tensor, settings: Augmentation, generator: torch.Generator
) -> Tensor:
    """Pictures `[n, 1, p, p]` as another scanner, window or hand would have given them.

    Moved, scaled, turned a little, squashed, mirrored; axial and other pictures now and then
    turned by quarters; brightness bent; sharpness, shading, clipping and noise of all degrees.
    """
    count, size = len(pictures), pictures.shape[-1]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    def often(share: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator) < share

    maps = random_maps(count, 1.0, settings, generator)
    maps[:, 0, :2] *= torch.exp(uniform(-0.15, 0.15, 1))
    maps[:, :, 0] *= torch.where(uniform(0, 1, 1) < 0.5, -1.0, 1.0)
    turned = ((answers == OTHER) | (answers == OTHER - 1)) & (uniform(0, 1) < 0.15)
    maps[turned] = maps[turned][:, [1, 0]]
    shown = cut(pictures, maps, size)
    shown = contrast(shown, settings.contrast, generator)
    coarse = functional.interpolate(
        functional.avg_pool2d(shown, 2), (size, size), mode="bilinear", align_corners=False
    )
    shown = torch.where(often(0.2), coarse, shown)
    ramp = torch.linspace(-1, 1, size)
    shade = uniform(-0.4, 0.4, 1, 1, 1) * ramp + uniform(-0.4, 0.4, 1, 1, 1) * ramp[:, None]
    shown = torch.where(often(0.3), shown * torch.exp(shade), shown)
    shown = torch.where(often(0.3), shown * uniform(0.9, 1.6, 1, 1, 1), shown)
    shown = shown.clamp(0, 255)
    noise = torch.randn(shown.shape, generator=generator) * uniform(0, 10, 1, 1, 1)
    return torch.where(often(0.3), (shown + noise).clamp(0, 255), shown)
