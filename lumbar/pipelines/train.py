"""train: the crop cache -> a bundle, through Ray Train.

One TorchTrainer run trains the locator and then the grader (its start-up costs more than an epoch
of the demo), data-parallel over the recipe's workers, with a checkpoint an epoch. A run that was
killed and is started again under its name goes on from its last checkpoint.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ray.data import DataContext
from ray.train import CheckpointConfig, DataConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from lumbar.config import Recipe
from lumbar.errors import ConfigError, InputError, LumbarError
from lumbar.grading.fit import check_shares
from lumbar.pipelines.cache import check_cache
from lumbar.pipelines.cache_stream import READER_CPUS, cache_streams, caches_of
from lumbar.pipelines.history import followed
from lumbar.pipelines.output import read_json, write_json
from lumbar.pipelines.results import RESULT
from lumbar.pipelines.train_worker import train_worker

__all__ = ["claim", "train", "with_absolute_paths"]

RUN = "run.json"
CHECKPOINTS = "checkpoints"


def train(recipe: Recipe) -> dict[str, Any]:
    """Train as the recipe says, or finish what was begun; the job's last line.

    Needs a running Ray and a cache of `jobs/prepare.py` in `recipe.cache`. Raises ConfigError
    where the cache was cut with other settings, the run's folder holds another recipe's run, or the
    workers do not divide a batch; InputError where training cannot go on (a loss that is not
    finite, no labelled row).
    """
    began = time.monotonic()
    recipe = with_absolute_paths(recipe)
    for name, settings in (("locator", recipe.locator), ("grader", recipe.grader)):
        if settings is not None:  # before the locator's hours, not after them
            check_shares(name, settings, recipe.workers.workers)
    for folder, _ in caches_of(recipe):
        check_cache(folder, recipe)
    claim(recipe)
    result = read_json(recipe.folder / RESULT)
    finished_before = result is not None
    if result is None:
        _fit(recipe)
        result = read_json(recipe.folder / RESULT)
    if result is None:
        raise InputError(f"{recipe.folder}: training ended without a result; see the lines above")
    return {
        "name": recipe.name,
        "bundle": recipe.folder / "bundle",
        "finished_before": finished_before,
        **result,
        "wall_seconds": round(time.monotonic() - began, 1),
    }


def with_absolute_paths(recipe: Recipe) -> Recipe:
    """The recipe with paths that hold in workers, whose current folder is another."""
    more = tuple(
        one.model_copy(update={"cache": str(Path(one.cache).absolute())})
        for one in recipe.data.more
    )
    update = {"cache": str(recipe.cache.absolute()), "more": more}
    data = recipe.data.model_copy(update=update)
    runs = str(Path(recipe.runs).absolute())
    return recipe.model_copy(update={"runs": runs, "data": data})


PLACES = ("data.input", "data.labels", "views.others")
START_OVER = "remove the folder to start over"


def claim(recipe: Recipe) -> None:
    """Write the recipe into the run's folder.

    Raises ConfigError where the folder holds the run of another recipe. What does not change the
    result (workers, places, trust) may differ.
    """
    path = recipe.folder / RUN
    mine, theirs = _what_counts(recipe), read_json(path)
    if theirs is None:
        write_json(path, mine)
        return
    with suppress(ValidationError):  # what it was run without has today's defaults
        theirs = _what_counts(Recipe.model_validate(theirs))
    if theirs != mine:
        changed = _changed(theirs, mine)
        moved = all(key in PLACES for key in changed)
        raise ConfigError(
            f"{recipe.folder}: holds a run of this name with another recipe "
            f"({', '.join(changed)} differs); choose another name (--name), or "
            + (f"write the new place into {path} if the data only moved" if moved else START_OVER)
        )


def _what_counts(recipe: Recipe) -> dict[str, Any]:
    """The settings that change the result."""
    kept = recipe.model_dump(mode="json", exclude={"workers", "runs"})
    for name in ("cache", "trusted"):
        for data in (kept["data"], *kept["data"]["more"]):
            data.pop(name, None)
    return kept


def _changed(one: dict[str, Any], other: dict[str, Any], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key in sorted(one.keys() | other.keys()):
        first, second = one.get(key), other.get(key)
        if isinstance(first, dict) and isinstance(second, dict):
            keys += _changed(first, second, f"{prefix}{key}.")
        elif first != second:
            keys.append(prefix + key)
    return keys


def _fit(recipe: Recipe) -> None:
    context = DataContext.get_current()
    context.execution_options.preserve_order = True
    workers = recipe.workers
    trainer = TorchTrainer(
        train_worker,
        train_loop_config={"recipe": recipe.model_dump(mode="json")},
        datasets=cache_streams(recipe),
        dataset_config=DataConfig(
            datasets_to_split=[], execution_options=context.execution_options
        ),
        scaling_config=ScalingConfig(
            num_workers=workers.workers,
            use_gpu=workers.gpu,
            resources_per_worker={"CPU": workers.threads * (1 - READER_CPUS)},
        ),
        run_config=RunConfig(
            name=CHECKPOINTS,
            storage_path=str(recipe.folder),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
        ),
    )
    epochs = {"grader": recipe.grader.epochs}
    if recipe.locator is not None:
        epochs["locator"] = recipe.locator.epochs
    with followed(recipe.folder, epochs):
        try:
            trainer.fit()
        except Exception as error:  # Ray wraps what a worker raised
            raise _cause(error) from error


def _cause(error: Exception) -> Exception:
    """What a worker raised: our own error as it is, since it says what to do, others in a line."""
    for wrapped in getattr(error, "worker_failures", {}).values():
        inner = getattr(wrapped, "_base_exc", wrapped)  # Ray keeps it beside the traceback's text
        if isinstance(inner, LumbarError):
            return inner
        return InputError(f"a training worker failed: {type(inner).__name__}: {inner}")
    return InputError(f"training failed: {error}")
