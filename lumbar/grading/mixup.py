"""Blending of pairs of crops and of their labels, so that a long training does not learn by heart.

Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Blend"]


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """For each finding of a batch the one that is blended into it: `partner` `[n]`, `share` `[n]`;
    for each picture that of its finding's partner: `picture` `[p]`, `picture_share` `[p]`."""

    partner: Tensor
    share: Tensor
    picture: Tensor
    picture_share: Tensor

    @classmethod
    def draw(cls, owner: Tensor, kind: Tensor, limit: float, generator: torch.Generator) -> Blend:
        """Pairs of the findings that have one picture each, of the same `kind` `[p]`.

        `owner` `[p]` is the finding of each picture, in order and without gaps; shares are even
        from 0 to `limit`. A finding with several pictures is blended with none.
        """
        count = int(owner[-1]) + 1
        partner = torch.arange(count)
        first = torch.searchsorted(owner, partner)
        alone = torch.bincount(owner, minlength=count) == 1
        share = torch.rand(count, generator=generator) * limit * alone
        for one in kind[first[alone]].unique():
            alike = torch.nonzero(alone & (kind[first] == one)).flatten()
            partner[alike] = alike.roll(1)
        picture = torch.where(alone[owner], first[partner[owner]], torch.arange(len(owner)))
        return cls(partner, share, picture, share[owner])

    def pictures(self, pictures: Tensor) -> Tensor:
        """Pictures `[p, c, h, w]`, each with its partner's blended in."""
        share = self.picture_share.to(pictures)[:, None, None, None]
        return torch.lerp(pictures, pictures[self.picture.to(pictures.device)], share)

    def labels(self, labels: Tensor) -> Tensor:
        """Labels `[n]` (0 to 2) as shares `[n, 3]` of the three severities."""
        exact = functional.one_hot(labels, 3).float()
        return torch.lerp(exact, exact[self.partner], self.share[:, None])
