"""From the crop cache to what a bundle holds: both networks, their calibration, the prior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from lumbar.config import Recipe
from lumbar.domain import CELLS, Cell, Family
from lumbar.errors import InputError
from lumbar.grading.calibration import Calibration, calibrated, fit_calibration
from lumbar.grading.fit import Place, Record, fit
from lumbar.grading.grade_task import GradeTask
from lumbar.grading.hog import HogReading, fit_hog
from lumbar.grading.locate_task import LocateTask
from lumbar.grading.metrics import weighted_prior
from lumbar.grading.store import CropStore, Part, PictureStore, part_of

__all__ = ["Learned", "Predictions", "fit_grader", "fit_locator", "held_out"]

OnEpoch = Callable[[Record, Callable[[], dict[str, Any]]], None]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Calibrated probabilities `[n, 3]` of cells of studies, with their labels `[n]` (-1 blank)."""

    study_ids: tuple[str, ...]
    cells: tuple[Cell, ...]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]

    def table(self) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.int64]]:
        """Studies, probabilities `[s, 25, 3]` (NaN where absent) and labels `[s, 25]`."""
        studies = tuple(dict.fromkeys(self.study_ids))
        shares = np.full((len(studies), len(CELLS), 3), np.nan)
        labels = np.full((len(studies), len(CELLS)), -1)
        for number, (study_id, cell) in enumerate(zip(self.study_ids, self.cells, strict=True)):
            at = studies.index(study_id), CELLS.index(cell)
            shares[at], labels[at] = self.probabilities[number], self.labels[number]
        return studies, shares, labels


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What training gives; `calibrations` a family in the order of `Family`, `prior` `[25, 3]`."""

    locator: nn.Module | None
    grader: nn.Module
    calibrations: tuple[Calibration, ...]
    prior: NDArray[np.float64]
    families: tuple[Family, ...]
    """Those with a labelled training row: no other is graded."""
    held_out: Predictions
    hog: HogReading | None = None
    """The second reading of foramina, where the recipe has it."""


def fit_locator(
    recipe: Recipe, pictures: PictureStore, place: Place, on_epoch: OnEpoch
) -> nn.Module:
    """The locator's network; InputError where no training patient has a point."""
    assert recipe.locator is not None
    task = LocateTask(recipe, pictures, place.device)
    _some(task.rows(), "picture with a label point")
    return fit(task, recipe.locator, recipe.seed, place, on_epoch)


def fit_grader(recipe: Recipe, crops: CropStore, place: Place, on_epoch: OnEpoch) -> nn.Module:
    """The grader's network; InputError where no training patient has a labelled crop."""
    task = GradeTask(recipe, crops, place.device)
    _some(task.rows(), "labelled crop")
    return fit(task, recipe.grader, recipe.seed, place, on_epoch)


def finish(
    recipe: Recipe,
    crops: CropStore,
    locator: nn.Module | None,
    grader: nn.Module,
    place: Place,
    foramina: CropStore | None = None,
) -> Learned:
    """Calibrations from the calibration patients, the prior from all but the held-out ones.

    `foramina` are the crops that the regression on gradients is fitted on, where `crops` are one
    worker's share.
    """
    task = GradeTask(recipe, crops, place.device)
    hog = _hog(recipe, foramina or crops)
    calibrations = _calibrations(task, grader, hog)
    seen = crops.where(recipe.data, Part.TRAINING, Part.CALIBRATION)
    families = tuple(f for k, f in enumerate(Family) if bool((crops.family[seen] == k).any()))
    return Learned(
        locator=locator,
        grader=grader,
        calibrations=calibrations,
        prior=weighted_prior(_label_table(crops, recipe)),
        families=families,
        held_out=held_out(task, grader, calibrations, hog),
        hog=hog,
    )


def _hog(recipe: Recipe, crops: CropStore) -> HogReading | None:
    if not recipe.grader.hog:
        return None
    rows = crops.where(recipe.data, Part.TRAINING)
    return fit_hog(crops, rows, recipe.crops.margin, recipe.crops.size_px)


def held_out(
    task: GradeTask,
    grader: nn.Module,
    calibrations: tuple[Calibration, ...],
    hog: HogReading | None = None,
) -> Predictions:
    """Calibrated predictions of the held-out patients' cells, at the points that were given."""
    store = task.store
    findings = store.where(task.recipe.data, Part.HELD_OUT, labelled=False)
    logits = task.logits(grader, findings, hog=hog)
    return Predictions(
        study_ids=tuple(store.study_ids[i] for i in findings.tolist()),
        cells=tuple(store.cells[i] for i in findings.tolist()),
        probabilities=calibrated(logits, store.family[findings], calibrations),
        labels=store.labels[findings].numpy(),
    )


def _calibrations(
    task: GradeTask, grader: nn.Module, hog: HogReading | None
) -> tuple[Calibration, ...]:
    logits = task.logits(grader, task.calibration, hog=hog)
    labels = task.store.labels[task.calibration]
    families = task.store.family[task.calibration]
    return tuple(
        fit_calibration(logits[families == k], labels[families == k]) for k in range(len(Family))
    )


def _label_table(crops: CropStore, recipe: Recipe) -> NDArray[np.int64]:
    """Labels `[studies, 25]` of all patients but the held-out ones."""
    mine = [part_of(s, recipe.data) is not Part.HELD_OUT for s in crops.study_ids]
    studies = {s: k for k, s in enumerate(dict.fromkeys(crops.study_ids))}
    labels = np.full((len(studies), len(CELLS)), -1)
    rows = zip(crops.study_ids, crops.cells, crops.labels.tolist(), mine, strict=True)
    for study_id, cell, label, counted in rows:
        if counted:
            labels[studies[study_id], CELLS.index(cell)] = label
    return labels


def _some(count: int, what: str) -> None:
    if not count:
        raise InputError(
            f"the cache holds no {what} of a training patient: check data.labels, data.held_out "
            "and what jobs/prepare.py reported"
        )
