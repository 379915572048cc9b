"""Mirrored patients in training: left and right change places, and what has no sides stays."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lumbar.config import (
    Augmentation,
    CropSettings,
    DataSettings,
    GraderSettings,
    LocatorSettings,
    Recipe,
)
from lumbar.domain import CELLS, Family, View
from lumbar.grading.grade_task import GradeTask
from lumbar.grading.locate_task import LocateTask
from lumbar.grading.networks import MAPS, RECESS_MAPS, STRIDE
from lumbar.grading.store import CropStore, PictureStore

STILL = Augmentation(scale=0, rotation_deg=0, shift=0, contrast=0, view_dropout=0)
DATA = DataSettings(calibration_share=0)
CPU = torch.device("cpu")
COUNT, SIZE = 40, 16
IDS = tuple(map(str, range(COUNT)))


class Told(nn.Module):
    """Keeps what it is shown and answers every row alike."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, pictures: Tensor, *about: Tensor) -> Tensor:
        self.shown = pictures.round()
        rows = len(about[-1]) if about else len(pictures)
        return self.answer.expand(rows, *self.answer.shape)


def test_a_locator_learns_on_mirrored_axial_pictures_that_left_is_right() -> None:
    """The network says that left lies in the maps' last column and right in the first."""
    axial = torch.arange(COUNT) % 2 == 0
    points = torch.full((COUNT, len(MAPS), 2), torch.nan)
    points[axial, RECESS_MAPS] = torch.tensor([(13.5, 5.5), (1.5, 5.5)])
    points[~axial, 0] = torch.tensor((13.5, 5.5))
    pictures = torch.zeros(COUNT, SIZE, SIZE).byte()
    pictures[:, :, : SIZE // 2] = 200
    store = PictureStore(IDS, pictures, points, axial)
    settings = LocatorSettings(size_px=SIZE, sigma_px=0.1, augmentation=STILL)
    task = LocateTask(Recipe(name="m", data=DATA, locator=settings), store, CPU)
    says = torch.full((len(MAPS), SIZE // STRIDE, SIZE // STRIDE), -9.0)
    says[[0, RECESS_MAPS.start], :, -1] = says[-1, :, 0] = 0
    network, rows = Told(says), torch.arange(task.rows())
    assert task.loss(network, rows, torch.Generator().manual_seed(1)) < 0.01
    mirrored, axial = network.shown[:, 0, 0, 0] == 0, axial[task.training]
    assert not mirrored[~axial].any()
    assert 0 < mirrored.sum() < axial.sum()


def test_a_grader_learns_on_mirrored_canals_and_on_no_mirrored_sides() -> None:
    """Of each finding a sagittal picture, slices of 0, 100 and 200, and an axial one, half dark."""
    sagittal = torch.tensor([0.0, 100, 200])[:, None, None].expand(3, SIZE, SIZE)
    axial = torch.tensor([0.0, 200]).repeat_interleave(SIZE // 2).expand(3, SIZE, SIZE)
    plain, turned = torch.stack([sagittal, axial]), torch.stack([sagittal.flip(0), axial.flip(2)])
    families = torch.arange(COUNT) % len(Family)
    store = CropStore(
        study_ids=IDS,
        cells=CELLS[:1] * COUNT,
        pictures=plain.byte().repeat(COUNT, 1, 1, 1),
        views=torch.tensor([*map(list(View).index, (View.SAGITTAL_T2, View.AXIAL_T2))] * COUNT),
        starts=torch.arange(COUNT + 1) * 2,
        family=families,
        level=torch.zeros(COUNT).long(),
        labels=torch.zeros(COUNT).long(),
    )
    crops = CropSettings(size_px=SIZE, margin=1)
    recipe = Recipe(name="m", data=DATA, crops=crops, grader=GraderSettings(augmentation=STILL))
    task, network = GradeTask(recipe, store, CPU), Told(torch.zeros(3))
    task.loss(network, torch.arange(task.rows()), torch.Generator().manual_seed(1))
    shown = network.shown.view(-1, *plain.shape)
    mirrored = shown[:, 0, 0, 0, 0] == 200
    expected = torch.where(mirrored[:, None, None, None, None], turned, plain)
    assert torch.equal(shown, expected)  # both pictures of a finding, or none
    canal = families[task.training] == list(Family).index(Family.CANAL)
    assert not mirrored[~canal].any()
    assert 0 < mirrored.sum() < canal.sum()
