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
    assert len(moved.round().unique(dim=0)) == 4  # each its own way
    steps = torch.arange(64.0)
    for picture, point in zip(seen[:, 0], moved[:, 0], strict=True):
        mass = picture.sum()
        centre = torch.stack([(picture.sum(0) * steps).sum(), (picture.sum(1) * steps).sum()])
        assert torch.allclose(centre / mass, point, atol=0.3)


def test_random_maps_go_as_far_as_the_settings_let_them_and_no_farther() -> None:
    settings = Augmentation(scale=0.25, rotation_deg=20, shift=0.1)
    maps = random_maps(1000, 1.0, settings, torch.Generator().manual_seed(2))
    scale, angle = maps[:, :, :2].det().sqrt(), torch.atan2(maps[:, 1, 0], maps[:, 0, 0]).rad2deg()
    for found, limit in ((scale, 1.25), (1 / scale, 1.25), (angle, 20), (-angle, 20)):
        assert 0.98 * limit < found.max() < 1.001 * limit
    for found in (maps[:, :, 2], -maps[:, :, 2]):  # in halves of an edge
        assert torch.allclose(found.amax(0), torch.tensor(0.2), atol=0.002)


def test_one_seed_gives_one_augmentation_and_another_seed_another() -> None:
    first, again, other = (
        random_maps(3, 1.3, Augmentation(), torch.Generator().manual_seed(seed))
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.isclose(first, other).any()
