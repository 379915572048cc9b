"""What the grader learns: the severity of labelled crops, by cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from lumbar.config import Recipe
from lumbar.domain import SEVERITY_WEIGHTS
from lumbar.grading.augment import contrast, cut, random_maps
from lumbar.grading.hog import HogReading
from lumbar.grading.infer import CANAL, Reader, mirror, read_crops
from lumbar.grading.networks import GraderNet
from lumbar.grading.store import CropStore, Part

__all__ = ["GradeTask"]


class GradeTask:
    """Task of `fit`: batches of labelled findings, augmented; blank cells are never drawn."""

    name = "grader"

    def __init__(self, recipe: Recipe, store: CropStore, device: torch.device) -> None:
        self.recipe, self.store, self.device = recipe, store, device
        self.training = store.where(recipe.data, Part.TRAINING)
        self.calibration = store.where(recipe.data, Part.CALIBRATION)
        self.weights = torch.tensor(recipe.grader.class_weights, device=device)

    def network(self) -> nn.Module:
        """A fresh GraderNet with the recipe's weights."""
        return GraderNet(self.recipe.grader.weights, self.recipe.grader.dropout)

    def rows(self) -> int:
        """Labelled findings of the training part."""
        return len(self.training)

    def loss(self, model: nn.Module, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Mean class-weighted cross-entropy of augmented pictures."""
        findings = self.training[rows]
        owner, picture = self._shown(findings, generator)
        views = self.store.views[picture]
        pictures = self._augmented(self.store.pictures[picture], generator)
        flip = torch.rand(len(findings), generator=generator) < 0.5
        flip &= self.store.family[findings] == CANAL
        flipped = flip[owner][:, None, None, None].to(self.device)
        pictures = torch.where(flipped, mirror(pictures, views), pictures)
        logits = model(
            pictures,
            owner.to(self.device),
            views.to(self.device),
            self.store.family[findings].to(self.device),
            self.store.level[findings].to(self.device),
        )
        labels = self.store.labels[findings].to(self.device)
        return functional.cross_entropy(logits.float(), labels, weight=self.weights)

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Loss (weights 1, 2, 4 and none) and accuracy on the calibration patients."""
        if not len(self.calibration):
            return {}
        labels = self.store.labels[self.calibration]
        logits = self.logits(model, self.calibration, looks=1)  # every epoch: nine would cost more
        weights = torch.tensor(SEVERITY_WEIGHTS)
        right = logits.argmax(1) == labels
        return {
            "validation_loss": float(functional.cross_entropy(logits, labels)),
            "validation_weighted_loss": float(functional.cross_entropy(logits, labels, weights)),
            "accuracy": float(right.float().mean()),
        }

    def logits(
        self,
        model: nn.Module,
        findings: Tensor,
        looks: Literal[1] | None = None,
        hog: HogReading | None = None,
    ) -> Tensor:
        """Logits `[n, 3]` of findings as inference reads them, or with fewer looks."""
        owner, picture = self.store.pictures_of(findings)
        return read_crops(
            cast(Reader, model),
            self.store.pictures[picture],
            owner,
            self.store.views[picture],
            self.store.family[findings],
            self.store.level[findings],
            self.recipe.crops.model_copy(update={"looks": looks or self.recipe.crops.looks}),
            hog=hog,
            bf16=torch.is_autocast_enabled(self.device.type),
        ).logits

    def _shown(self, findings: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Owners and pictures, where one of several views of a finding is sometimes hidden."""
        owner, picture = self.store.pictures_of(findings)
        several = torch.bincount(owner, minlength=len(findings))[owner] > 1
        first = torch.cat([torch.tensor([True]), owner[1:] != owner[:-1]])
        hide = torch.rand(len(findings), generator=generator)
        rate = self.recipe.grader.augmentation.view_dropout
        hidden = several & torch.where(first, hide[owner] < rate / 2, hide[owner] > 1 - rate / 2)
        return owner[~hidden], picture[~hidden]

    def _augmented(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        crops, settings = self.recipe.crops, self.recipe.grader.augmentation
        maps = random_maps(len(pictures), crops.margin, settings, generator)
        seen = cut(pictures.to(self.device), maps, crops.size_px)
        return contrast(seen, settings.contrast, generator)
