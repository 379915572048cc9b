"""Crops of one kind are blended in pairs, pictures and labels by the same share."""

from __future__ import annotations

import torch

from lumbar.grading.mixup import Blend

OWNER = torch.tensor([0, 1, 1, 2, 3, 4])
"""Findings 0, 2, 3 and 4 have one picture each, finding 1 has two."""
KIND = torch.tensor([0, 0, 1, 0, 2, 0])


def drawn(limit: float = 0.4) -> Blend:
    return Blend.draw(OWNER, KIND, limit, torch.Generator().manual_seed(3))


def test_partners_are_of_one_kind_and_have_one_picture() -> None:
    blend = drawn()
    assert sorted(blend.partner[[0, 2, 4]].tolist()) == [0, 2, 4]
    assert all(blend.partner[i] != i for i in (0, 2, 4))
    assert blend.partner[1] == 1, "two pictures: blended with none"
    assert blend.partner[3] == 3, "no other of its kind"


def test_pictures_and_labels_are_blended_by_one_share() -> None:
    blend, pictures = drawn(), torch.arange(6.0)[:, None, None, None].expand(6, 1, 2, 2)
    labels = torch.tensor([0, 1, 2, 1, 1])
    seen, shares = blend.pictures(pictures)[:, 0, 0, 0], blend.labels(labels)
    first = torch.tensor([0, 1, 3, 4, 5])
    for finding, partner in enumerate(blend.partner.tolist()):
        share = float(blend.share[finding])
        assert 0 <= share <= 0.4
        mixed = (1 - share) * first[finding] + share * first[partner]
        assert torch.isclose(seen[first[finding]], mixed)
        assert torch.isclose(shares[finding].sum(), torch.tensor(1.0))
        assert shares[finding, labels[finding]] >= 1 - share - 1e-6
    assert seen[2] == 2, "the second picture of finding 1"


def test_no_share_changes_nothing() -> None:
    pictures = torch.rand(6, 1, 4, 4)
    assert torch.equal(drawn(0.0).pictures(pictures), pictures)
