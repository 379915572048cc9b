"""What the locator learns: heat maps of the points on labelled slices."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lumbar.config import LocatorSettings, Recipe
from lumbar.grading.augment import contrast, cut, move_points, plain_maps, random_maps
from lumbar.grading.heatmaps import targets
from lumbar.grading.looks import ROOM
from lumbar.grading.networks import FORAMINAL_MAPS, MAPS, STRIDE, LocatorNet
from lumbar.grading.store import Part, PictureStore

__all__ = ["LocateTask"]

LEFT, RIGHT = len(MAPS) - 2, len(MAPS) - 1


class LocateTask:
    """Task of `fit`: pictures with their points, turned, scaled and - axial ones - mirrored."""

    name = "locator"

    def __init__(self, recipe: Recipe, store: PictureStore, device: torch.device) -> None:
        assert recipe.locator is not None
        self.settings: LocatorSettings = recipe.locator
        self.store, self.device = store, device
        self.training = store.where(recipe.data, Part.TRAINING)
        self.calibration = store.where(recipe.data, Part.CALIBRATION)

    def network(self) -> nn.Module:
        """A fresh LocatorNet with the recipe's weights."""
        return LocatorNet(self.settings.weights)

    def rows(self) -> int:
        """Pictures of the training part."""
        return len(self.training)

    def loss(self, model: nn.Module, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Cross-entropy between the target's distribution and the map's, over the known maps."""
        chosen = self.training[rows]
        maps = random_maps(len(chosen), 1.0, self.settings.augmentation, generator)
        if self.settings.closer:
            maps = self._closer(maps, chosen, generator)
        flip = (torch.rand(len(chosen), generator=generator) < 0.5) & self.store.axial[chosen]
        maps[flip, :, 0] *= -1
        pictures, points = self._shown(chosen, maps)
        swapped = points[:, [*range(LEFT), RIGHT, LEFT]]
        points = torch.where(flip[:, None, None], swapped, points)
        pictures = contrast(pictures, self.settings.augmentation.contrast, generator)
        return self._loss(model(pictures.expand(-1, 3, -1, -1)), points)

    def _closer(self, maps: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Half of the sagittal pictures as a closer look would show them, round their points."""
        points = self.store.points[chosen][:, : FORAMINAL_MAPS.stop]
        points = (points + 0.5) * (2 / self.store.pictures.shape[-1]) - 1
        first = points.nan_to_num(torch.inf).amin(1)
        last = points.nan_to_num(-torch.inf).amax(1)
        close = (torch.rand(len(chosen), generator=generator) < 0.5) & first.isfinite().all(1)
        needed = ROOM / 2 * (last - first).amax(1)  # coordinates run from -1 to 1
        share = needed.clamp(self.settings.closer, 1)
        nearer = maps * share[:, None, None]
        nearer[:, :, 2] += (first + last) / 2
        return torch.where(close[:, None, None], nearer, maps)

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Loss and the median distance to the points, in pixels, on the calibration patients'
        whole pictures: what a first look sees."""
        if not len(self.calibration):
            return {}
        losses, errors = [], []
        for chosen in self.calibration.split(32):
            pictures, points = self._shown(chosen, plain_maps(len(chosen), 1.0))
            maps = model(pictures.expand(-1, 3, -1, -1))
            losses.append(float(self._loss(maps, points)) * len(chosen))
            flat = maps.flatten(2).argmax(-1).cpu()
            side = maps.shape[-1]
            found = torch.stack([flat % side, flat // side], -1)
            distance = ((found + 0.5) * STRIDE - 0.5 - points).norm(dim=-1)
            errors.append(distance[distance.isfinite()])
        return {
            "validation_loss": sum(losses) / len(self.calibration),
            "median_error_px": float(torch.cat(errors).median()),
        }

    def _shown(self, chosen: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
        size = self.settings.size_px
        pictures = self.store.pictures[chosen][:, None].to(self.device)
        points = move_points(self.store.points[chosen], maps, pictures.shape[-1], size)
        return cut(pictures, maps, size), points

    def _loss(self, maps: Tensor, points: Tensor) -> Tensor:
        blobs, known = targets(points.to(maps.device), maps.shape[-1], self.settings.sigma_px)
        each = -(blobs * maps).sum((-2, -1))
        return (each * known).sum() / known.sum().clamp_min(1)
