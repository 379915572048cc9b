"""One affine map from network input to cached picture: random in training, plain in inference."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from lumbar.config import Augmentation

__all__ = ["contrast", "cut", "move_points", "plain_maps", "random_maps", "shifted_maps"]


def plain_maps(count: int, margin: float) -> Tensor:
    """Affine maps `[count, 2, 3]` that cut the centre: output -1..1 to input -1/m..1/m."""
    return torch.eye(2, 3).div(margin).expand(count, 2, 3).clone()


def shifted_maps(count: int, margin: float, looks: int, shift: float) -> list[Tensor]:
    """The first `looks` of nine maps `[count, 2, 3]`: the centre, then shifted by `shift` of the
    edge along the axes, then along both."""
    steps = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]
    maps = []
    for across, down in steps[:looks]:
        moved = plain_maps(count, margin)
        moved[:, :, 2] = torch.tensor([across, down]) * (2 * shift / margin)
        maps.append(moved)
    return maps


def random_maps(
    count: int, margin: float, settings: Augmentation, generator: torch.Generator
) -> Tensor:
    """Affine maps `[count, 2, 3]` with random scale, rotation and shift round the centre."""

    def uniform(limit: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    scale = torch.exp(uniform(math.log1p(settings.scale))) / margin
    angle = uniform(math.radians(settings.rotation_deg))
    shift = torch.stack([uniform(2 * settings.shift), uniform(2 * settings.shift)], 1) / margin
    cosine, sine = scale * angle.cos(), scale * angle.sin()
    turned = torch.stack([cosine, -sine, sine, cosine], 1).view(count, 2, 2)
    return torch.cat([turned, shift[:, :, None]], 2)


def cut(pictures: Tensor, maps: Tensor, size: int) -> Tensor:
    """Pictures `[n, c, s, s]` (any dtype) sampled through `maps` as float32 `[n, c, size, size]`.

    Bilinear; outside is 0, as beyond the edge of a slice.
    """
    shape = [len(pictures), pictures.shape[1], size, size]
    grid = functional.affine_grid(maps.to(pictures.device), shape, align_corners=False)
    return functional.grid_sample(pictures.float(), grid, align_corners=False)


def move_points(points: Tensor, maps: Tensor, size_in: int, size_out: int) -> Tensor:
    """Where `cut` puts points `[n, k, 2]` (column, row in input pixels), in output pixels."""
    unit = (points + 0.5) * (2 / size_in) - 1
    back = torch.linalg.inv(maps[:, :, :2])
    moved = torch.einsum("nij,nkj->nki", back, unit - maps[:, None, :, 2])
    return (moved + 1) * (size_out / 2) - 0.5


def contrast(pictures: Tensor, limit: float, generator: torch.Generator) -> Tensor:
    """Pictures `[n, ...]` with a random gain and gamma each (uint8 range kept roughly)."""
    shape = [len(pictures)] + [1] * (pictures.dim() - 1)
    gamma = torch.exp((torch.rand(shape, generator=generator) * 2 - 1) * limit)
    return (pictures / 255).clamp_min(0).pow(gamma.to(pictures.device)) * 255
