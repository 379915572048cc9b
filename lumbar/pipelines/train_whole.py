"""train, for the network over whole slices that the graders of crops are compared with.

Writes `validation.csv`, the held-out fold in submission's form, which jobs/evaluate.py and
`python -m benchmarks.compare` read; no bundle, since nothing grades with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lumbar.config import Recipe
from lumbar.domain import CELLS, Family
from lumbar.errors import ConfigError, FormatError, InputError, LumbarError
from lumbar.grading.calibration import calibrated, fit_calibration
from lumbar.grading.learn import Predictions
from lumbar.grading.metrics import label_array
from lumbar.grading.pictures import picture, whole_square
from lumbar.grading.recognise import recognise
from lumbar.grading.store import Part
from lumbar.grading.whole_task import WholeStore, WholeTask
from lumbar.imaging.read import read_study
from lumbar.imaging.study import Study
from lumbar.imaging.tables import read_labels
from lumbar.pipelines.failures import Failure, write_failures
from lumbar.pipelines.fit_here import done_once, fit_here, place_of
from lumbar.pipelines.manifest import list_studies
from lumbar.pipelines.output import whole_file
from lumbar.pipelines.results import held_out_figures, write_validation

__all__ = ["gathered", "train_whole"]

SLICES = "slices.npz"

FAMILY = torch.tensor([list(Family).index(cell.condition.family) for cell in CELLS])


def train_whole(recipe: Recipe) -> dict[str, Any]:
    """Train the network as `recipe.whole` says, predict the held-out fold; the job's last line.

    Slices are read once, into the recipe's cache; studies that cannot be read are listed in its
    failures.parquet. Raises ConfigError where `data.input` has no study that `data.labels` knows or
    the cache holds slices of another size, FormatError where no slice could be read, InputError
    where all studies are held out.
    """
    return done_once(recipe, _trained)


def _trained(recipe: Recipe) -> dict[str, Any]:
    assert recipe.whole is not None
    place = place_of(recipe)
    task = WholeTask(recipe, gathered(recipe), place.device)
    if not task.rows():
        raise InputError("no study with labels is in the training part: check data.held_out")
    model = fit_here(recipe, task, recipe.whole)
    seconds = time.monotonic()
    held_out = _held_out(recipe, task, model)
    seconds = time.monotonic() - seconds
    write_validation(recipe.folder, held_out)
    figures = held_out_figures(held_out)
    return {
        "validation": figures,
        "score": figures["score"],
        "seconds_a_study": round(seconds / max(1, figures["studies"]), 4),
    }


def _held_out(recipe: Recipe, task: WholeTask, model: nn.Module) -> Predictions:
    """The held-out studies' cells, calibrated a family on the calibration patients."""
    known = task.store.labels[task.calibration] >= 0
    logits = (
        task.logits(model, task.calibration) if len(task.calibration) else torch.zeros(0, 25, 3)
    )
    calibrations = []
    for index in range(len(Family)):
        mine = known & (index == FAMILY)
        labels = task.store.labels[task.calibration][mine]
        calibrations.append(fit_calibration(logits[mine], labels))
    rows = task.store.where(recipe, Part.HELD_OUT)
    answers = task.logits(model, rows).flatten(0, 1)
    return Predictions(
        study_ids=tuple(task.store.study_ids[row] for row in rows.tolist() for _ in CELLS),
        cells=CELLS * len(rows),
        probabilities=calibrated(answers, FAMILY.repeat(len(rows)), calibrations),
        labels=task.store.labels[rows].flatten().numpy(),
    )


def gathered(recipe: Recipe) -> WholeStore:
    """The slices of a recipe from its cache, where they are put first if it has none."""
    assert recipe.whole is not None
    path = recipe.cache / SLICES
    if not path.is_file():
        failures: list[Failure] = []
        shown = list(_shown(recipe, failures))
        if not shown:
            why = failures[0].reason if failures else "All are empty or without contrast"
            raise FormatError(f"data.input {recipe.data.input}: no slice could be read. {why}")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_failures(failures, path.parent / "failures.parquet")
        if failures:
            print(f"{len(failures)} studies could not be read: {path.parent}/failures.parquet")
        with whole_file(path) as draft, draft.open("wb") as stream:
            np.savez(
                stream,
                slices=np.stack([pixels for _, _, pixels in shown]),
                study_ids=np.array([study_id for study_id, _, _ in shown]),
                channel=np.array([channel for _, channel, _ in shown]),
                channels=recipe.whole.channels,
            )
    labels = read_labels(_labels(recipe) / "train.csv")
    with np.load(path) as kept:
        size_px = kept["slices"].shape[-1]
        if size_px != recipe.whole.size_px:
            raise ConfigError(
                f"{path}: holds slices of {size_px} px, the recipe wants {recipe.whole.size_px}; "
                "name another data.cache"
            )
        held = int(kept["channels"] if "channels" in kept else kept["channel"].max() + 1)
        if held < recipe.whole.channels:
            raise ConfigError(
                f"{path}: holds up to {held} slices of a study, the recipe wants "
                f"{recipe.whole.channels}; name another data.cache"
            )
        study_ids, owner = np.unique(kept["study_ids"], return_inverse=True)
        return WholeStore(
            slices=torch.from_numpy(kept["slices"]),
            owner=torch.from_numpy(owner),
            channel=torch.from_numpy(kept["channel"]),
            study_ids=tuple(study_ids.tolist()),
            labels=torch.from_numpy(label_array(labels, study_ids.tolist())),
        )


def _labels(recipe: Recipe) -> Path:
    return Path(recipe.data.labels or recipe.data.input)


def _shown(recipe: Recipe, failures: list[Failure]) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
    """Study, channel and pixels of each slice, a study's slices in the order of their names.

    Studies that cannot be read are added to `failures`.
    """
    assert recipe.whole is not None
    known = read_labels(_labels(recipe) / "train.csv")
    trusted = recipe.data.trusted
    found = [s for s in list_studies(recipe.data.input, trusted=trusted) if s.study_id in known]
    if not found:
        raise ConfigError(f"data.input {recipe.data.input}: has no study that data.labels knows")
    for files in found:
        try:
            study = read_study(files, recognise=recognise, trusted=trusted)
        except (LumbarError, OSError) as error:
            failures.append(Failure(files.study_id, files.uri, str(error)))
            continue
        pictures = _pictures(study, recipe.whole.size_px)
        for channel, pixels in enumerate(pictures[: recipe.whole.channels]):
            yield study.study_id, channel, pixels


def _pictures(study: Study, size_px: int) -> list[NDArray[np.uint8]]:
    named = sorted(
        (instance for series in study.series for instance in series),
        key=lambda instance: (instance.series_id, len(instance.instance_id), instance.instance_id),
    )
    shown = (picture(instance, whole_square(instance, size_px)) for instance in named)
    return [pixels for pixels in shown if pixels is not None]
