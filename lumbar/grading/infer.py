"""From pictures to logits: the one way that validation, jobs and Grader take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lumbar.config import CropSettings
from lumbar.domain import Family, View
from lumbar.grading.augment import cut, plain_maps, shifted_maps
from lumbar.grading.choice import Choice
from lumbar.grading.densenet import FEATURES
from lumbar.grading.engine_networks import EngineGrader
from lumbar.grading.fit import autocast
from lumbar.grading.hog import FORAMINAL, HogReading
from lumbar.grading.networks import GraderNet, even_shares

__all__ = ["Read", "Reader", "crop_features", "mirror", "read_crops"]

CANAL = list(Family).index(Family.CANAL)
AXIAL = list(View).index(View.AXIAL_T2)


def mirror(pictures: Tensor, views: Tensor) -> Tensor:
    """Pictures `[p, 3, s, s]` of the mirrored patient: axial columns, sagittal slices reversed."""
    axial = (views == AXIAL)[:, None, None, None].to(pictures.device)
    return torch.where(axial, pictures.flip(3), pictures.flip(1))


Reader = GraderNet | EngineGrader


class Read(NamedTuple):
    """Logits `[n, 3]` of findings, and how much each picture `[p]` counted within its finding."""

    logits: Tensor
    shares: Tensor


def read_crops(
    model: Reader,
    pictures: Tensor,
    rows: Tensor,
    views: Tensor,
    family: Tensor,
    level: Tensor,
    settings: CropSettings,
    *,
    choice: Choice | None = None,
    worth: Tensor | None = None,
    hog: HogReading | None = None,
    bf16: bool = False,
    batch: int = 64,
) -> Read:
    """What is read, on the CPU, off cached pictures `[p, 3, s, s]` of findings.

    Arguments as of GraderNet, with `rows` ascending. With a `choice`, candidate slices count by it
    and their `worth` `[p]`, else alike. With `hog` a foramen's logits are the mean of the model's
    and of that reading's. A canal is read as it is and mirrored, and the two averaged, so that
    mirroring a patient cannot change its grade; so are the looks of `settings.looks`, whose pattern
    a mirror does not change either.
    """
    device = next(model.parameters()).device
    logits, shares = [torch.zeros(0, 3)], [torch.zeros(0)]
    with torch.inference_mode(), autocast(device, bf16):
        for findings in torch.arange(len(family)).split(batch) if len(family) else ():
            mine = (rows >= findings[0]) & (rows <= findings[-1])
            cached = pictures[mine].to(device)
            arguments = (
                (rows[mine] - findings[0]).to(device),
                views[mine].to(device),
                family[findings].to(device),
                level[findings].to(device),
            )
            chosen = None if choice is None or worth is None else (choice, worth[mine].to(device))
            seen = [
                _read(model, cut(cached, maps, settings.size_px), arguments, chosen, hog)
                for maps in shifted_maps(
                    len(cached), settings.margin, settings.looks, settings.look_shift
                )
            ]
            logits.append(torch.stack([look.logits for look in seen]).mean(0).cpu())
            shares.append(torch.stack([look.shares for look in seen]).mean(0).cpu())
    return Read(torch.cat(logits), torch.cat(shares))


def crop_features(
    model: Reader, pictures: NDArray[np.uint8], settings: CropSettings
) -> NDArray[np.float32]:
    """Features `[p, 1024]` of cached pictures `[p, 3, s, s]`, one look at each."""
    if not len(pictures):
        return np.zeros((0, FEATURES), np.float32)
    device = next(model.parameters()).device
    shown = torch.from_numpy(pictures).to(device)
    with torch.inference_mode():
        maps = plain_maps(len(shown), settings.margin)
        pooled = model.features(cut(shown, maps, settings.size_px))
    return np.asarray(pooled.float().cpu().numpy())


Arguments = tuple[Tensor, Tensor, Tensor, Tensor]


def _read(
    model: Reader,
    shown: Tensor,
    arguments: Arguments,
    chosen: tuple[Choice, Tensor] | None,
    hog: HogReading | None,
) -> Read:
    """One look at pictures; a canal's logits are averaged with those of its mirror image."""
    rows, _, family, level = arguments
    pooled = model.features(shown)
    if chosen is None:
        shares = even_shares(rows, len(family))
    else:
        shares = chosen[0].shares(pooled, rows, family, chosen[1])
    logits = model.grade(pooled, *arguments, shares).float()
    if hog is not None:
        read = hog.logits(shown, level[rows]) * shares[:, None]
        edges = torch.zeros_like(logits).index_add(0, rows, read)
        logits = torch.where((family == FORAMINAL)[:, None], (logits + edges) / 2, logits)
    canal = (family == CANAL).nonzero().flatten()
    if len(canal):
        logits[canal] = (logits[canal] + _mirrored(model, shown, arguments, canal)) / 2
    return Read(logits, shares)


def _mirrored(model: Reader, shown: Tensor, arguments: Arguments, canal: Tensor) -> Tensor:
    rows, views, family, level = arguments
    mine = torch.isin(rows, canal)
    among = torch.searchsorted(canal, rows[mine])
    pooled = model.features(mirror(shown[mine], views[mine]))
    shares = even_shares(among, len(canal))
    return model.grade(pooled, among, views[mine], family[canal], level[canal], shares).float()
