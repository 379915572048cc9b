"""tune: every trial of a grid through Ray Tune, and one table of how they did.

A trial trains the grader with the same code as `train`, on the same cache. Trials are ranked by
the loss on the calibration patients; the held-out fold's figures stand beside it and choose
nothing, so that they stay an honest measure of the winner.
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Callback, ResultGrid, RunConfig, TuneConfig, Tuner

from lumbar.config import Recipe
from lumbar.errors import ConfigError
from lumbar.grading.learn import finish, fit_grader
from lumbar.pipelines.cache import check_cache, read_crops
from lumbar.pipelines.fit_here import place_of
from lumbar.pipelines.grid import Trial
from lumbar.pipelines.output import whole_file
from lumbar.pipelines.results import held_out_figures
from lumbar.pipelines.train import with_absolute_paths

__all__ = ["LEADERBOARD", "run_grid"]

LEADERBOARD = "leaderboard.csv"
RANKED_BY = "validation_loss"
FIGURES = (
    *(RANKED_BY, "validation_weighted_loss", "accuracy", "train_loss"),
    *("held_out_score", "held_out_accuracy_untilted", "held_out_majority"),
    *("held_out_balanced_accuracy_tilted", "seconds"),
)


@dataclass(frozen=True, slots=True)
class TrialResult:
    """How a trial ended: its figures, or the error in words."""

    trial: str
    values: Mapping[str, Any]
    epochs: int
    figures: Mapping[str, float]
    error: str = ""


def run_grid(trials: Sequence[Trial], folder: Path) -> dict[str, Any]:
    """Train every trial and write `leaderboard.csv` into `folder`; the job's last line.

    Needs a running Ray and the recipe's cache. A trial that fails is a row with its error. Raises
    ConfigError where no calibration patients are set apart to rank the trials by, and for a recipe
    of several roots.
    """
    recipe = with_absolute_paths(trials[0].recipe)
    if recipe.data.more:
        raise ConfigError(
            "data.more: trials learn from data.input alone, which would rank them by other "
            "findings; give the grid a recipe without it"
        )
    check_cache(recipe.cache, recipe)
    if not recipe.data.calibration_share:
        raise ConfigError(
            "data.calibration_share is 0: trials are ranked by patients that are neither trained "
            "on nor held out; set it to 0.1, for example"
        )
    began = time.monotonic()
    results = _results(_fitted(trials, recipe, folder), trials)
    path = folder / LEADERBOARD
    write_leaderboard(results, path)
    failed = sum(bool(result.error) for result in results)
    best = min(results, key=_rank)
    return {
        "leaderboard": path,
        "trials": len(results),
        "failed": failed,
        "best": None if best.error else {**best.values, **best.figures},
        "wall_seconds": round(time.monotonic() - began, 1),
    }


def write_leaderboard(results: Sequence[TrialResult], path: Path) -> None:
    """The trials as CSV, best first by the calibration patients' loss, failed ones last."""
    names = list(results[0].values)
    with whole_file(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["rank", "trial", *names, "epochs_run", *FIGURES, "error"])
        for rank, result in enumerate(sorted(results, key=_rank), 1):
            figures = [result.figures.get(name, "") for name in FIGURES]
            values = [result.values[name] for name in names]
            writer.writerow([rank, result.trial, *values, result.epochs, *figures, result.error])


def _fitted(trials: Sequence[Trial], recipe: Recipe, folder: Path) -> ResultGrid:
    resources = {"cpu": float(recipe.workers.threads), "gpu": float(recipe.workers.gpu)}
    recipes = {
        trial.name: with_absolute_paths(trial.recipe).model_dump(mode="json") for trial in trials
    }
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # else it prints tables of its own
    tuner = Tuner(
        tune.with_resources(partial(_train, recipes=recipes), resources),
        param_space={"trial": tune.grid_search([trial.name for trial in trials])},
        tune_config=TuneConfig(metric=RANKED_BY, mode="min"),
        run_config=RunConfig(
            name="tune",
            storage_path=str(folder.absolute()),
            verbose=0,
            callbacks=[_Lines(len(trials))],
        ),
    )
    return tuner.fit()


def _train(config: Mapping[str, Any], recipes: Mapping[str, Any]) -> None:
    """One trial, in its own process: an epoch a report, the held-out figures with the last."""
    recipe = Recipe.model_validate(recipes[config["trial"]])
    place = place_of(recipe)
    crops = read_crops(recipe.cache, recipe)
    records: list[dict[str, Any]] = []

    def on_epoch(record: dict[str, Any], state: object) -> None:
        records.append(record)
        if record["epoch"] < recipe.grader.epochs:
            tune.report(_figures(records))

    grader = fit_grader(recipe, crops, place, on_epoch)
    held_out = held_out_figures(finish(recipe, crops, None, grader, place).held_out)
    tune.report({**_figures(records), **_held_out(held_out)})


def _figures(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    seconds = sum(float(record["seconds"]) for record in records)
    last = {name: records[-1][name] for name in FIGURES if name in records[-1]}
    return {**last, "epoch": records[-1]["epoch"], "seconds": round(seconds, 1)}


def _held_out(figures: Mapping[str, Any]) -> dict[str, float]:
    untilted, tilted = figures.get("untilted", {}), figures.get("tilted", {})
    named = {
        "held_out_score": figures.get("score"),
        "held_out_majority": figures.get("majority"),
        "held_out_accuracy_untilted": untilted.get("accuracy"),
        "held_out_balanced_accuracy_tilted": tilted.get("balanced_accuracy"),
    }
    return {name: value for name, value in named.items() if value is not None}


def _results(grid: ResultGrid, trials: Sequence[Trial]) -> list[TrialResult]:
    by_name = {trial.name: trial for trial in trials}
    results = []
    for number in range(len(grid)):
        result = grid[number]
        trial = by_name[(result.config or {})["trial"]]
        metrics = result.metrics or {}
        results.append(
            TrialResult(
                trial.name,
                trial.values,
                int(metrics.get("epoch", 0)),
                {name: metrics[name] for name in FIGURES if name in metrics},
                _words(result.error) if result.error else "",
            )
        )
    return results


def _words(error: Exception) -> str:
    """The last line of what a trial raised: Ray puts the whole traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _rank(result: TrialResult) -> tuple[bool, float, str]:
    loss = float(result.figures.get(RANKED_BY, math.inf))
    return bool(result.error), loss if math.isfinite(loss) else math.inf, result.trial


class _Lines(Callback):
    """A line for people whenever a trial ends."""

    def __init__(self, count: int) -> None:
        self.count, self.ended = count, 0

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        loss = (trial.last_result or {}).get(RANKED_BY)
        self._line(trial, f"{RANKED_BY.replace('_', ' ')} {loss}")

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        self._line(trial, "failed")

    def _line(self, trial: Any, words: str) -> None:
        self.ended += 1
        name = trial.config["trial"]
        print(f"tune: {self.ended} of {self.count} trials, {name}: {words}", flush=True)
