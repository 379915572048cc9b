"""A training small enough for one process: no Ray, resumed from its last epoch, done once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lumbar.config import Optimisation, Recipe
from lumbar.grading.fit import Place, Task, fit, pick_precision
from lumbar.pipelines.history import progress_line, write_history
from lumbar.pipelines.output import read_json, whole_file, write_json
from lumbar.pipelines.results import RESULT
from lumbar.pipelines.train import claim, with_absolute_paths

__all__ = ["done_once", "fit_here", "place_of"]

STATE = "state.pt"


def done_once(recipe: Recipe, work: Callable[[Recipe], dict[str, Any]]) -> dict[str, Any]:
    """What `work` gives, kept as the run's result; what it gave before where it was done. A job's
    last line.

    `work` gets the recipe with absolute paths. Raises ConfigError where the run's folder holds
    the run of another recipe.
    """
    began = time.monotonic()
    recipe = with_absolute_paths(recipe)
    claim(recipe)
    result = read_json(recipe.folder / RESULT)
    if result is not None:
        return {**result, "finished_before": True}
    done = work(recipe)
    result = {"name": recipe.name, **done, "wall_seconds": round(time.monotonic() - began, 1)}
    write_json(recipe.folder / RESULT, result)
    return {**result, "finished_before": False}


def place_of(recipe: Recipe) -> Place:
    """The device and arithmetic of a recipe; its threads are set."""
    torch.set_num_threads(recipe.workers.threads)
    device = torch.device("cuda" if recipe.workers.gpu else "cpu")
    return Place(device=device, bf16=pick_precision(recipe.workers.precision, device))


def fit_here(recipe: Recipe, task: Task, settings: Optimisation) -> nn.Module:
    """Train a task; its state and `history.jsonl` are kept in the run's folder after each epoch."""
    path = recipe.folder / STATE
    saved = torch.load(path, weights_only=True) if path.is_file() else None
    history: list[dict[str, Any]] = [] if saved is None else saved.pop("history")
    epochs = {task.name: settings.epochs}

    def on_epoch(record: dict[str, Any], state: Callable[[], dict[str, Any]]) -> None:
        history.append(record)
        with whole_file(path) as draft:
            torch.save({**state(), "history": history}, draft)
        write_history(recipe.folder, history)
        print(progress_line(record, epochs), flush=True)

    here = place_of(recipe)
    place = Place(device=here.device, bf16=here.bf16, checkpoint=saved)
    return fit(task, settings, recipe.seed, place, on_epoch)
