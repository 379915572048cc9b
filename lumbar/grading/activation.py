"""Where in its picture a finding's grade was read: heat maps, checked on phantoms by pointing.

The last feature maps of a crop are two or three pixels wide, and maps of earlier layers weighed by
their gradients (LayerCAM, HiResCAM, Grad-CAM) pointed worse than the mean map of all findings. What
points best of all that was tried is the oldest: the size of the gradient of the grade's log-odds by
each pixel (Simonyan et al., arXiv:1312.6034), as means over small squares. The figures, and how far
they are from good, stand in benchmarks/ABLATIONS.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lumbar.config import CropSettings
from lumbar.domain import Cell, Family, StudyGrades, View
from lumbar.grading.augment import cut, plain_maps
from lumbar.grading.crops import Crops, corners_of
from lumbar.grading.infer import CANAL, mirror
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.grading.networks import GraderNet, standardise

__all__ = ["EDGE", "HeatMap", "HeatOf", "heat_maps", "heat_of"]

HeatOf = Callable[[GraderNet, Tensor, Tensor, Tensor, Tensor], Tensor]
"""A way to make heat maps, called as `heat_of` is."""

EDGE = 28
"""Places of a map each way: each is 2-2.5 mm of the patient."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """What spoke for a finding's grade, on the picture that it was read off.

    `values` float32 `[h, w]` in 0..1, the highest 1 (all 0 where nothing spoke for it);
    `corners_px` float64 `[4, 2]` (column, row) on the slice: top left, top right, bottom right and
    bottom left corner of the picture as the model saw it.
    """

    values: NDArray[np.float32]
    corners_px: NDArray[np.float64]
    series_id: str
    instance: str

    def places_px(self) -> NDArray[np.float64]:
        """Points (column, row) `[h, w, 2]` of the slice under the middle of each value."""
        height, width = self.values.shape
        top_left, top_right, _, bottom_left = self.corners_px
        across = (np.arange(width) + 0.5)[:, None] / width * (top_right - top_left)
        down = (np.arange(height) + 0.5)[:, None, None] / height * (bottom_left - top_left)
        return np.asarray(top_left + across + down)


def heat_maps(
    model: GraderNet,
    crops: Crops,
    landmarks: Landmarks,
    grades: StudyGrades,
    settings: CropSettings,
    how: HeatOf | None = None,
) -> Mapping[Cell, HeatMap]:
    """The heat map of every graded finding, on the slice of its evidence; by `heat_of`, or `how`.

    A finding graded on several pictures is explained on that of its point. A canal is graded as it
    is and mirrored, so its map is the mean of both.
    """
    cells, shown = _own_pictures(crops, grades)
    if not cells:
        return {}
    device = next(model.parameters()).device
    pictures = torch.from_numpy(crops.pictures[shown]).to(device)
    pictures = cut(pictures, plain_maps(len(cells), settings.margin), settings.size_px)
    views = torch.from_numpy(crops.views[shown]).to(device)
    family = torch.tensor([_FAMILIES.index(cell.condition.family) for cell in cells]).to(device)
    chosen = torch.tensor([int(grades[cell].severity or 0) for cell in cells]).to(device)
    how = how or heat_of
    heat = how(model, pictures, views, family, chosen)
    canal = (family == CANAL).nonzero().flatten()
    if len(canal):
        other = (views[canal], family[canal], chosen[canal])
        heat[canal] += how(model, mirror(pictures[canal], views[canal]), *other)
    scales = landmarks.pixel_mm()
    return {
        cell: _placed(values, landmarks.points[cell], settings, scales)
        for cell, values in zip(cells, _unit(heat).cpu().numpy(), strict=True)
    }


_FAMILIES = list(Family)


def _own_pictures(crops: Crops, grades: StudyGrades) -> tuple[list[Cell], list[int]]:
    """The graded cells with a picture of the view that their point lies on, and its number."""
    graded = {finding.cell: finding for finding in grades.graded()}
    cells, shown = [], []
    for number, (row, view) in enumerate(zip(crops.rows, crops.views, strict=True)):
        cell = crops.cells[row]
        evidence = graded[cell].evidence if cell in graded else None
        own = evidence is not None and evidence.view is list(View)[view]
        if own and cell not in cells:  # the slices beside the point's follow it
            cells.append(cell)
            shown.append(number)
    return cells, shown


def _placed(
    values: NDArray[np.float32],
    mark: Landmark,
    settings: CropSettings,
    scales: Mapping[str, float],
) -> HeatMap:
    corners = corners_of(mark, settings, scales[mark.series.series_id])
    return HeatMap(values, corners, mark.series.series_id, mark.instance.instance_id)


def heat_of(
    model: GraderNet, pictures: Tensor, views: Tensor, family: Tensor, grades: Tensor
) -> Tensor:
    """Heat maps `[p, EDGE, EDGE]` in 0..1 of pictures `[p, 3, s, s]` (as the model sees them).

    `views`, `family` and `grades` `[p]`: each picture's view, its finding's kind, and the grade
    that is explained; indices in the order of their enums.
    """
    with torch.enable_grad():
        signal = standardise(pictures).contiguous(memory_format=torch.channels_last)
        signal.requires_grad_(True)
        readings = torch.einsum("pc,pcg->pg", model.pooled(signal), model.reading[family, views])
        chosen = readings.gather(1, grades[:, None]).squeeze(1)
        odds = chosen - (readings.sum(1) - chosen) / (readings.shape[1] - 1)
        (gradient,) = torch.autograd.grad(odds.sum(), signal)
    size = gradient.abs().sum(1, keepdim=True)
    return _unit(functional.adaptive_avg_pool2d(size, EDGE).squeeze(1))


def _unit(maps: Tensor) -> Tensor:
    """Maps `[p, h, w]` divided by their highest value; 0 stays 0."""
    return maps / maps.amax(dim=(1, 2), keepdim=True).clamp_min(1e-12)
