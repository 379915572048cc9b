"""The usual first attempt, for comparison: one DenseNet-121 over whole slices, 25 answers at once.

No level is looked for and no crop is cut. A study is one picture whose channels are its slices in
the order of their names; flips do not swap the sides of the answers. Nothing here serves grades.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lumbar.config import Recipe, WholeSettings
from lumbar.domain import CELLS, Severity
from lumbar.grading.densenet import FEATURES, densenet_trunk
from lumbar.grading.store import Part, part_of

__all__ = ["WholeNet", "WholeStore", "WholeTask"]


class WholeNet(nn.Module):
    """Studies `[n, channels, p, p]`, grey values 0 to 255 -> logits `[n, 25, 3]` of their cells."""

    def __init__(self, settings: WholeSettings) -> None:
        super().__init__()
        self.trunk = densenet_trunk(settings.weights)
        stem = nn.Conv2d(settings.channels, 64, 7, stride=2, padding=3, bias=False)
        self.trunk.conv0 = stem  # of other weights the rest is kept
        self.dropout = nn.Dropout(settings.dropout)
        self.answer = nn.Linear(FEATURES, len(CELLS) * len(Severity))

    def forward(self, studies: Tensor) -> Tensor:
        """Logits in the order of `domain.CELLS`."""
        signal = (studies / 255).contiguous(memory_format=torch.channels_last)
        pooled = torch.relu(self.trunk(signal)).mean(dim=(2, 3)).float()
        answers: Tensor = self.answer(self.dropout(pooled))
        return answers.view(-1, len(CELLS), len(Severity))


@dataclass(frozen=True, slots=True, eq=False)
class WholeStore:
    """Slices uint8 `[m, p, p]` of studies, each with its study `[m]` and channel `[m]`; the
    studies' names and labels `[n, 25]` (-1 blank)."""

    slices: Tensor
    owner: Tensor
    channel: Tensor
    study_ids: tuple[str, ...]
    labels: Tensor

    def studies(self, rows: Tensor, channels: int) -> Tensor:
        """Pictures float32 `[len(rows), channels, p, p]`; a channel without a slice is black."""
        size = self.slices.shape[-1]
        shown = torch.zeros(len(rows), channels, size, size)
        for place, row in enumerate(rows.tolist()):
            mine = (self.owner == row) & (self.channel < channels)
            shown[place, self.channel[mine]] = self.slices[mine].float()
        return shown

    def where(self, recipe: Recipe, part: Part) -> Tensor:
        """Indices `[k]` of the studies of a part."""
        parts = [part_of(study_id, recipe.data) for study_id in self.study_ids]
        return torch.tensor([one is part for one in parts]).nonzero().flatten()


class WholeTask:
    """Task of `fit`: cross-entropy over a study's labelled cells."""

    name = "whole"

    def __init__(self, recipe: Recipe, store: WholeStore, device: torch.device) -> None:
        assert recipe.whole is not None
        self.settings, self.store, self.device = recipe.whole, store, device
        self.training = store.where(recipe, Part.TRAINING)
        self.calibration = store.where(recipe, Part.CALIBRATION)

    def network(self) -> nn.Module:
        """A fresh WholeNet."""
        return WholeNet(self.settings)

    def rows(self) -> int:
        """Studies of the training part."""
        return len(self.training)

    def loss(self, model: nn.Module, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Mean cross-entropy of studies flipped at random, each way for itself."""
        chosen = self.training[rows]
        shown = self.store.studies(chosen, self.settings.channels).to(self.device)
        for axis in (2, 3):
            flip = torch.rand(len(rows), generator=generator) < 0.5
            flipped = flip[:, None, None, None].to(self.device)
            shown = torch.where(flipped, shown.flip(axis), shown)
        return self._cost(model(shown), chosen)

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Loss and accuracy on the calibration patients."""
        if not len(self.calibration):
            return {}
        logits = self.logits(model, self.calibration)
        labels = self.store.labels[self.calibration]
        known = labels >= 0
        right = logits.argmax(-1)[known] == labels[known]
        return {
            "validation_loss": float(self._cost(logits, self.calibration)),
            "accuracy": float(right.float().mean()),
        }

    def logits(self, model: nn.Module, studies: Tensor, batch: int = 32) -> Tensor:
        """Logits `[n, 25, 3]` of studies as they are."""
        with torch.inference_mode():
            parts = [
                model(self.store.studies(part, self.settings.channels).to(self.device)).cpu()
                for part in studies.split(batch)
            ]
        return torch.cat(parts)

    def _cost(self, logits: Tensor, studies: Tensor) -> Tensor:
        labels = self.store.labels[studies].to(logits.device)
        return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1)
