"""What one training worker does: its share of the cache, both networks, checkpoints, the results.

The networks and their loop are grading's; here they get data from Ray Data, data-parallel
wrapping and checkpoints from Ray Train. Worker 0 calibrates, tests and writes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray.train
import torch
from ray.train import Checkpoint
from ray.train.torch import get_device, prepare_model
from torch import nn

from lumbar.config import Recipe
from lumbar.grading.fit import Place, pick_precision
from lumbar.grading.learn import finish, fit_grader, fit_locator
from lumbar.grading.networks import LocatorNet
from lumbar.grading.store import CropStore, Part, PictureStore
from lumbar.pipelines.cache_stream import CROPS, PICTURES
from lumbar.pipelines.history import write_history
from lumbar.pipelines.prior import smoothed_prior
from lumbar.pipelines.results import write_results
from lumbar.pipelines.shards import Foramina, LabelTally, share_of

__all__ = ["train_worker"]

STATE = "state.pt"

State = dict[str, Any]


def train_worker(config: Mapping[str, Any]) -> None:
    """Entry point of Ray Train's workers; `config["recipe"]` has absolute paths."""
    recipe = Recipe.model_validate(config["recipe"])
    torch.set_num_threads(recipe.workers.threads)
    context = ray.train.get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    tally, foramina = LabelTally(recipe.data), Foramina(recipe.data)
    shard = ray.train.get_dataset_shard(CROPS)
    apart = recipe.grader.hog and rank == 0 and world > 1

    def watch(table: pa.Table) -> None:
        tally.add(table)
        if apart:
            foramina.add(table)

    tables = share_of(shard, recipe.data, rank, world, watch)
    crops = CropStore.of(tables, recipe.crops.cached_px)
    device = get_device()
    place = Place(
        device=device,
        bf16=pick_precision(recipe.workers.precision, device),
        rank=rank,
        world=world,
        wrap=prepare_model if world > 1 else _unwrapped,
    )
    run = _Run(recipe, place)
    pictures = _pictures(recipe, rank, world)
    locator = run.locator(pictures)
    grader = run.grader(crops)
    if rank == 0:
        everyones = foramina.store(recipe.crops.cached_px) if apart else crops
        learned = finish(recipe, crops, locator, grader, place, everyones)
        learned = replace(learned, prior=smoothed_prior(tally.labels()))
        write_results(recipe, learned, run.history, _seen(recipe, crops, pictures, world))


def _pictures(recipe: Recipe, rank: int, world: int) -> PictureStore | None:
    if recipe.locator is None:
        return None
    tables = share_of(ray.train.get_dataset_shard(PICTURES), recipe.data, rank, world)
    return PictureStore.of(tables, recipe.locator.cached_px)


def _seen(
    recipe: Recipe, crops: CropStore, pictures: PictureStore | None, world: int
) -> dict[str, int]:
    """Samples that all workers together have trained on: pictures and findings."""
    seen = {"findings": len(crops.where(recipe.data, Part.TRAINING)) * recipe.grader.epochs * world}
    if pictures is not None and recipe.locator is not None:
        rows = len(pictures.where(recipe.data, Part.TRAINING))
        seen["pictures"] = rows * recipe.locator.epochs * world
    return seen


def _unwrapped(model: nn.Module) -> nn.Module:
    return model


@dataclass(slots=True)
class _Run:
    """The two fits of one run, each resumed from the last checkpoint of the run's name."""

    recipe: Recipe
    place: Place
    history: list[dict[str, Any]] = field(default_factory=list)
    _saved: State | None = None
    _located: State | None = None

    def __post_init__(self) -> None:
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                path = Path(folder) / STATE
                self._saved = torch.load(path, map_location="cpu", weights_only=True)
            self.history = self._saved["history"]

    def locator(self, pictures: PictureStore | None) -> nn.Module | None:
        if pictures is None:
            return None
        model: nn.Module
        if self._saved is not None and self._saved["located"] is not None:
            model = LocatorNet()
            model.load_state_dict(self._saved["located"])
            model.to(self.place.device).eval()
        else:
            model = fit_locator(self.recipe, pictures, self._place("locator"), self._epoch)
        self._located = model.state_dict()
        return model

    def grader(self, crops: CropStore) -> nn.Module:
        return fit_grader(self.recipe, crops, self._place("grader"), self._epoch)

    def _place(self, model: str) -> Place:
        """The place, with the state to go on from where the checkpoint is of this model."""
        if self._saved is None or self._saved["model"] != model:
            return self.place
        return replace(self.place, checkpoint=self._saved["fit"])

    def _epoch(self, record: dict[str, Any], fit_state: Callable[[], State]) -> None:
        """Report an epoch; worker 0 adds the checkpoint and the line of history."""
        self.history.append(record)
        if self.place.rank:
            ray.train.report(record)
            return
        state = {
            "model": record["model"],
            "fit": fit_state(),
            "located": self._located,
            "history": self.history,
        }
        with tempfile.TemporaryDirectory() as folder:
            torch.save(state, Path(folder) / STATE)
            ray.train.report(record, checkpoint=Checkpoint.from_directory(folder))
        write_history(self.recipe.folder, self.history)
