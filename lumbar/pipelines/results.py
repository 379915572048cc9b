"""What a finished training run leaves: the bundle, validation.csv, the figures of its last line."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lumbar.config import Recipe
from lumbar.domain import CELLS, Basis, Cell, Family, Severity
from lumbar.grading.bundle import write_bundle
from lumbar.grading.learn import Learned, Predictions
from lumbar.grading.rules import Rule, tilt
from lumbar.pipelines.evaluate import evaluate
from lumbar.pipelines.output import write_json
from lumbar.pipelines.selftest import make_selftest
from lumbar.reports.predictions import Predictions as Answers
from lumbar.reports.submission import write_rows
from lumbar.version import lumbar_version

__all__ = ["RESULT", "held_out_figures", "write_results", "write_validation"]

RESULT = "result.json"
"""Written last: a run folder with it is finished."""


def write_results(
    recipe: Recipe,
    learned: Learned,
    history: Sequence[Mapping[str, Any]],
    samples_seen: Mapping[str, int],
) -> dict[str, Any]:
    """Write `bundle/`, `validation.csv` and `result.json` into the run's folder; the figures.

    `validation.csv` has the held-out fold at the points that were given, in submission's form:
    25 rows a study, the training prior where a cell has no crop.
    """
    figures = held_out_figures(learned.held_out)
    write_bundle(
        recipe.folder / "bundle",
        recipe,
        learned,
        _card(recipe, learned.families, figures),
        lambda draft: make_selftest(draft, given_points=learned.locator is None),
    )
    write_validation(recipe.folder, learned.held_out, learned.prior)
    result = {
        "epochs": len(history),
        "samples_seen": dict(samples_seen),
        "seconds": round(sum(float(record["seconds"]) for record in history), 1),
        "calibrations": {
            family: calibration._asdict()
            for family, calibration in zip(Family, learned.calibrations, strict=True)
        },
        "validation": figures,
        "score": figures.get("score"),
    }
    write_json(recipe.folder / RESULT, result)
    return result


def write_validation(
    folder: Path, held_out: Predictions, prior: NDArray[np.float64] | None = None
) -> None:
    """Write `validation.csv`: 25 rows a study, the weighted `prior` `[25, 3]` for absent cells."""
    studies, shares, _ = held_out.table()
    weighted = tilt(shares)
    if prior is not None:
        weighted = np.where(np.isnan(shares), prior, weighted)
    rows = (
        (cell.row_id(study_id), *map(float, answer))
        for study_id, answers in zip(studies, weighted, strict=True)
        for cell, answer in zip(CELLS, answers, strict=True)
    )
    write_rows(rows, folder / "validation.csv")  # type: ignore[arg-type]


def held_out_figures(held_out: Predictions) -> dict[str, Any]:
    """The challenge's score with its terms, and accuracy by both rules beside the majority's."""
    studies, shares, labels = held_out.table()
    if not (labels >= 0).any():
        return {"studies": len(studies), "score": None, "points": "given"}
    answers = Answers(studies, tilt(shares))
    truth = _truth(studies, labels)
    tilted = evaluate(answers, truth, Rule.TILTED)
    untilted = evaluate(answers, truth, Rule.UNTILTED)
    kept = ("accuracy", "balanced_accuracy", "kappa")
    terms = ("score", "canal", "foraminal", "subarticular", "any_severe_canal")
    return {
        "studies": len(studies),
        "cells": int((labels >= 0).sum()),
        **{name: tilted[name] for name in terms},
        "majority": tilted["majority"],
        "tilted": {name: tilted[name] for name in kept},
        "untilted": {name: untilted[name] for name in kept},
        "families": {
            family.value: {
                "weighted_log_loss": tilted[family.value],
                "tilted": _summary(tilted, family),
                "untilted": _summary(untilted, family),
            }
            for family in Family
            if tilted["families"][family.value]["n"]
        },
        "points": "given",
    }


def _summary(metrics: Mapping[str, Any], family: Family) -> dict[str, Any]:
    names = ("n", "majority", "accuracy", "balanced_accuracy", "kappa", "severe_recall")
    return {name: metrics["families"][family.value][name] for name in names}


def _truth(
    studies: Sequence[str], labels: NDArray[np.int64]
) -> dict[str, dict[Cell, Severity | None]]:
    return {
        study_id: {
            cell: Severity(int(label)) if label >= 0 else None
            for cell, label in zip(CELLS, row, strict=True)
        }
        for study_id, row in zip(studies, labels, strict=True)
    }


SOURCES = {
    Basis.REAL: "patients' images",
    Basis.SYNTHETIC: "synthetic phantoms of lumbar.phantom",
}


def _card(recipe: Recipe, families: Sequence[Family], figures: Mapping[str, Any]) -> dict[str, Any]:
    """What people should know of a bundle."""
    basis = {family: recipe.data.basis_of(family) for family in families}
    real = Basis.REAL in basis.values()
    return {
        "trained_on": {
            "basis": {family.value: of.value for family, of in basis.items()},
            "source": "; ".join(
                f"{SOURCES[one]} ({', '.join(f.condition for f in families if basis[f] is one)})"
                for one in Basis
                if one in basis.values()
            ),
            **_levels(recipe),
            "folds": recipe.data.folds,
            "held_out_fold": recipe.data.held_out,
        },
        "figures": {"held_out": _kept_apart(figures, basis)},
        "limits": (
            "Measured at given points: on held-out patients what was learned from patients, and "
            "on phantoms the rest, which says nothing about patients."
            if real
            else "Measured on phantoms: says nothing about patients."
        ),
        "licences": (
            "Weights follow their images' terms; the challenge's allow research, not commerce."
            if real
            else "Apache-2.0 (weights learned from synthetic images only)."
        ),
        "versions": {
            "lumbar": lumbar_version(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _levels(recipe: Recipe) -> dict[str, str]:
    """What the locator learned from, where there is one: every root's points serve it."""
    if recipe.locator is None:
        return {}
    roots = {recipe.data.basis, *(more.basis for more in recipe.data.more)}
    return {"levels": "; ".join(SOURCES[one] for one in Basis if one in roots)}


def _kept_apart(figures: Mapping[str, Any], basis: Mapping[Family, Basis]) -> dict[str, Any]:
    """Figures a family with its basis; those over all only where all have the same."""
    families = {
        name: {"basis": basis[Family(name)].value, **of}
        for name, of in figures.get("families", {}).items()
    }
    if len(set(basis.values())) == 1:
        return {**figures, "families": families}
    return {"points": figures["points"], "families": families}
