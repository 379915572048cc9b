"""From pictures to logits: the one way that validation, jobs and Grader take."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lumbar.config import CropSettings
from lumbar.domain import Family, View
from lumbar.grading.augment import cut, shifted_maps
from lumbar.grading.fit import autocast

__all__ = ["crop_logits", "mirror"]

CANAL = list(Family).index(Family.CANAL)
AXIAL = list(View).index(View.AXIAL_T2)


def mirror(pictures: Tensor, views: Tensor) -> Tensor:
    """Pictures `[p, 3, s, s]` of the mirrored patient: axial columns, sagittal slices reversed."""
    axial = (views == AXIAL)[:, None, None, None].to(pictures.device)
    return torch.where(axial, pictures.flip(3), pictures.flip(1))


def crop_logits(
    model: nn.Module,
    pictures: Tensor,
    rows: Tensor,
    views: Tensor,
    family: Tensor,
    level: Tensor,
    settings: CropSettings,
    *,
    bf16: bool = False,
    batch: int = 64,
) -> Tensor:
    """Logits `[n, 3]` on the CPU of the findings that cached pictures `[p, 3, s, s]` show.

    Arguments as of GraderNet, with `rows` ascending. A canal is read as it is and mirrored, and
    the two averaged, so that mirroring a patient cannot change its grade; so are the looks of
    `settings.looks`, whose pattern a mirror does not change either.
    """
    device = next(model.parameters()).device
    parts = []
    if not len(family):
        return torch.zeros(0, 3)
    with torch.inference_mode(), autocast(device, bf16):
        for findings in torch.arange(len(family)).split(batch):
            mine = (rows >= findings[0]) & (rows <= findings[-1])
            cached = pictures[mine].to(device)
            arguments = (
                (rows[mine] - findings[0]).to(device),
                views[mine].to(device),
                family[findings].to(device),
                level[findings].to(device),
            )
            seen = [
                _read(model, cut(cached, maps, settings.size_px), arguments)
                for maps in shifted_maps(
                    len(cached), settings.margin, settings.looks, settings.look_shift
                )
            ]
            parts.append(torch.stack(seen).mean(0).cpu())
    return torch.cat(parts)


def _read(model: nn.Module, shown: Tensor, arguments: tuple[Tensor, ...]) -> Tensor:
    """Logits of pictures as they are, a canal's averaged with those of its mirror image."""
    logits: Tensor = model(shown, *arguments).float()
    canal = (arguments[2] == CANAL).nonzero().flatten()
    if len(canal):
        logits[canal] = (logits[canal] + _mirrored(model, shown, arguments, canal)) / 2
    return logits


def _mirrored(
    model: nn.Module, shown: Tensor, arguments: tuple[Tensor, ...], canal: Tensor
) -> Tensor:
    rows, views, family, level = arguments
    mine = torch.isin(rows, canal)
    among = torch.searchsorted(canal, rows[mine])
    flipped = mirror(shown[mine], views[mine])
    logits: Tensor = model(flipped, among, views[mine], family[canal], level[canal])
    return logits.float()
