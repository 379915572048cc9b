"""Training and inference share one affine map; points move with their pictures."""

from __future__ import annotations

import torch

from lumbar.config import Augmentation
from lumbar.grading.augment import cut, move_points, plain_maps, random_maps


def test_the_plain_map_cuts_the_centre_without_blurring() -> None:
    pictures = torch.randint(0, 255, (2, 3, 104, 104), dtype=torch.uint8)
    seen = cut(pictures, plain_maps(2, 104 / 80), 80)
    assert torch.allclose(seen, pictures[:, :, 12:92, 12:92].float(), atol=0.02)


def test_points_move_with_the_picture() -> None:
    pictures = torch.zeros(4, 1, 64, 64)
    points = torch.tensor([[[20.0, 40.0]]]).expand(4, 1, 2)
    pictures[:, :, 38:43, 18:23] = 1
    maps = random_maps(4, 1.0, Augmentation(), torch.Generator().manual_seed(1))
    seen, moved = cut(pictures, maps, 64), move_points(points, maps, 64, 64)
    steps = torch.arange(64.0)
    for picture, point in zip(seen[:, 0], moved[:, 0], strict=True):
        mass = picture.sum()
        centre = torch.stack([(picture.sum(0) * steps).sum(), (picture.sum(1) * steps).sum()])
        assert torch.allclose(centre / mass, point, atol=0.3)


def test_one_seed_gives_one_augmentation() -> None:
    maps = [random_maps(3, 1.3, Augmentation(), torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*maps)
