"""demo: the whole line on phantoms, from nothing to a report, in one Ray session.

Cohort -> index -> prepare -> train -> score of the held-out phantoms at located levels ->
evaluate. Each step leaves a file that says it is finished, so that a demo that was stopped goes on
with the step it was at, and a step that may stop half-way (training, scoring) goes on inside.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lumbar.config import PhantomSettings, Recipe
from lumbar.errors import ConfigError, InputError
from lumbar.grading.rules import Rule
from lumbar.grading.store import Part, part_of
from lumbar.imaging.tables import read_labels
from lumbar.phantom.cohort import RECIPE as COHORT_NOTE
from lumbar.phantom.cohort import write_cohort
from lumbar.pipelines.cache import NOTE
from lumbar.pipelines.evaluate import evaluate, write_metrics
from lumbar.pipelines.examples import study_examples
from lumbar.pipelines.index import index
from lumbar.pipelines.manifest import read_manifest, studies_of, write_manifest
from lumbar.pipelines.output import whole_file
from lumbar.pipelines.prepare import prepare
from lumbar.pipelines.score import ScorePlan, score
from lumbar.pipelines.train import claim, train
from lumbar.pipelines.yardsticks import baseline, locator_error, oracle, training_prior
from lumbar.reports.curves import read_history
from lumbar.reports.html import write_report
from lumbar.reports.predictions import read_predictions
from lumbar.reports.schema import read_grades
from lumbar.reports.tables import metrics_table

__all__ = ["demo"]

EXAMPLE_STUDIES = 3
COMMITTED = ("grades.parquet", "submission.csv", "failures.parquet")


def demo(recipe: Recipe) -> dict[str, Any]:
    """Run every step that is not finished; where everything is, figures and seconds a step.

    Needs a running Ray. Raises ConfigError where the recipe has no `phantom` section, or the run's
    folder holds another recipe's demo.
    """
    if recipe.phantom is None or recipe.locator is None:
        raise ConfigError("a demo needs a recipe with `phantom` and `locator` sections")
    claim(recipe)
    run = _Demo(_trusting(recipe), recipe.phantom)
    with run.step("cohort"):
        run.cohort()
    with run.step("index"):
        run.index()
    with run.step("prepare"):
        run.prepare()
    with run.step("train"):
        run.train()
    with run.step("score"):
        run.score()
    with run.step("evaluate"):
        metrics = run.evaluate()
    return run.summary(metrics)


def _trusting(recipe: Recipe) -> Recipe:
    """The recipe of a cohort that this run writes itself."""
    data = recipe.data.model_copy(update={"trusted": True})
    return recipe.model_copy(update={"data": data})


@dataclass(slots=True)
class _Demo:
    recipe: Recipe
    phantom: PhantomSettings
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.recipe.folder

    @property
    def root(self) -> Path:
        return self.folder / "cohort"

    @property
    def held_out(self) -> Path:
        return self.folder / "held_out.parquet"

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        print(f"--- {name}", flush=True)
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 1)

    def cohort(self) -> None:
        if self.root.exists() and not (self.root / COHORT_NOTE).exists():
            shutil.rmtree(self.root)  # begun and not finished
        report = write_cohort(
            self.root,
            self.phantom.studies,
            self.phantom.seed,
            self.phantom.size,
            self.phantom.traps,
            workers=min(os.cpu_count() or 1, self.phantom.studies),
            progress=_Progress(),
        )
        print(f"{report.recipe.studies} phantoms, {report.files} files in {self.root}", flush=True)

    def index(self) -> None:
        """The manifest of all phantoms, and that of the held-out ones alone."""
        manifest = self.folder / "manifest.parquet"
        if _missing(manifest):
            index(self.root, manifest, trusted=True)
        if _missing(self.held_out):
            rows = read_manifest(manifest).to_pylist()
            kept = [r for r in rows if part_of(r["study_id"], self.recipe.data) is Part.HELD_OUT]
            if not kept:
                raise InputError(
                    f"no phantom falls into fold {self.recipe.data.held_out}; make more of them "
                    "(--phantom.studies) or fewer folds (--data.folds)"
                )
            write_manifest(kept, self.held_out)

    def prepare(self) -> None:
        if _missing(self.recipe.cache / NOTE):
            prepare(self.folder / "manifest.parquet", self.root, self.recipe.cache, self.recipe)

    def train(self) -> None:
        train(self.recipe)

    def score(self) -> None:
        scored = self.folder / "scored"
        bundle = self.folder / "bundle"
        score(self.held_out, ScorePlan(bundle.absolute(), scored.absolute(), trusted=True))
        for name in COMMITTED:
            with whole_file(self.folder / name) as draft:
                shutil.copyfile(scored / name, draft)

    def evaluate(self) -> dict[str, Any]:
        metrics = _metrics(self.recipe, self.root)
        path = write_metrics(metrics, self.folder)
        _report(self.recipe, self.root, self.held_out, metrics)
        print(f"{metrics_table(metrics)}\n\nwritten to {path}\n", flush=True)
        return metrics

    def summary(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """The job's last line."""
        kept = (
            *("score", "score_prior", "balanced_accuracy", "balanced_accuracy_baseline"),
            *("balanced_accuracy_oracle", "accuracy", "majority", "kappa", "coverage"),
        )
        names = ("bundle", *COMMITTED, "metrics.json", "history.jsonl", "report.html")
        return {
            **{name: metrics[name] for name in kept},
            "locator_error_mm": metrics["locator_error_mm"],
            "files": {name: self.folder / name for name in names},
            "seconds": self.seconds,
        }


def _metrics(recipe: Recipe, root: Path) -> dict[str, Any]:
    """Figures of the located grades by the tilted rule, with the yardsticks beside them.

    The score is that of submission.csv, so that a cell not assessed costs what the prior costs.
    """
    labels = read_labels(root / "train.csv")
    prior = training_prior(labels, recipe)
    predictions = read_predictions(recipe.folder / "grades.parquet")
    metrics = evaluate(predictions, labels, Rule.TILTED, prior)
    submitted = read_predictions(recipe.folder / "submission.csv")
    whole = evaluate(submitted, labels, Rule.TILTED, prior)
    terms = ("score", "score_prior", "canal", "foraminal", "subarticular", "any_severe_canal")
    grades = read_grades(recipe.folder / "grades.parquet")
    return {
        **metrics,
        **{name: whole[name] for name in terms},
        "balanced_accuracy_baseline": baseline(recipe),
        "balanced_accuracy_oracle": oracle(root, labels, predictions.study_ids),
        "locator_error_mm": locator_error(recipe.cache, grades),
        "points": "located",
    }


def _report(recipe: Recipe, root: Path, held_out: Path, metrics: dict[str, Any]) -> None:
    labels = read_labels(root / "train.csv")
    grades = read_grades(recipe.folder / "grades.parquet")
    studies = studies_of(read_manifest(held_out))

    def narrowed(study_id: str) -> int:
        return sum(int(grade or 0) for grade in labels[study_id].values())

    chosen = sorted(studies, key=lambda s: (-narrowed(s.study_id), s.study_id))[:EXAMPLE_STUDIES]
    examples = [e for files in chosen for e in study_examples(files, grades, labels, trusted=True)]
    errors = "; ".join(
        f"{family} {error['median']:.1f} mm (90 % within {error['p90']:.1f} mm)"
        for family, error in metrics["locator_error_mm"].items()
    )
    write_report(
        recipe.folder / "report.html",
        title=f"lumbar: {recipe.name}",
        metrics=metrics,
        history=read_history(recipe.folder / "history.jsonl"),
        examples=examples,
        notes=[f"Located levels, median distance to the true points: {errors}."],
    )


def _missing(path: Path) -> bool:
    if path.exists():
        print(f"{path} is there already", flush=True)
    return not path.exists()


class _Progress:
    """A line every twentieth study of a cohort that is being written."""

    def __call__(self, done: int, every: int) -> None:
        if done == every or done % 20 == 0:
            print(f"cohort: {done} of {every} phantoms", flush=True)
