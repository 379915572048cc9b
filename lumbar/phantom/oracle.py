"""The best that any grader can do on phantoms: the Bayes grade from the true widths.

    python -m lumbar.phantom.oracle --input runs/phantom

Knowing a passage's true width and how readers err, P(grade | width) is exact; what is then still
wrong is the readers' error alone. A network sees pictures, not widths, so this is the ceiling
that its figures are read against.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import CELLS, SEVERITY_WEIGHTS, Family, Severity
from lumbar.errors import FormatError, LumbarError
from lumbar.phantom.copula import UNGRADED, Grades, load_statistics
from lumbar.phantom.population import calibrate_noise, population
from lumbar.phantom.readers import (
    KAPPAS,
    NOISE_SD,
    agreement,
    cohen_kappa,
    grade_probabilities,
    read,
)

__all__ = ["Truth", "oracle_probabilities", "read_truth", "reader_kappas"]

Values = NDArray[np.float64]

_families = np.array([cell.condition.family for cell in CELLS])


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A cohort's `morphology.csv`: true widths and the second reader's grades, `[studies, 25]`."""

    study_ids: tuple[str, ...]
    widths: Values
    second_grades: Grades


def read_truth(path: Path) -> Truth:
    """The table that a phantom cohort carries; FormatError where it is none."""
    rows = _rows(path)
    try:
        widths = [[float(row[f"{cell.column}_true"]) for cell in CELLS] for row in rows]
        second = [
            [int(Severity.from_label(row[f"{cell.column}_reader_2"])) for cell in CELLS]
            for row in rows
        ]
        ids = tuple(row["study_id"] for row in rows)
    except KeyError as error:
        raise FormatError(f"{path}: no column {error}; is it of a phantom cohort?") from None
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None
    return Truth(ids, np.array(widths), np.array(second, np.int8))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise FormatError(f"{path}: not there; --input is a phantom cohort's folder") from None
    if not rows:
        raise FormatError(f"{path}: no studies in it")
    return rows


def oracle_probabilities(widths: Values) -> Values:
    """P(Normal/Mild, Moderate, Severe) `[studies, 25, 3]` of true widths `[studies, 25]`."""
    parts = (
        grade_probabilities(widths[:, i], cell.condition.family) for i, cell in enumerate(CELLS)
    )
    return np.stack(list(parts), axis=1)


def tilted_grades(probabilities: Values) -> Grades:
    """The grade of the greatest p x (1, 2, 4), the challenge's sample weights."""
    return np.asarray(np.argmax(probabilities * np.array(SEVERITY_WEIGHTS), axis=-1), np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Freshly drawn studies without pictures: widths and two readers' grades `[studies, 25]`."""

    widths: Values
    first: Grades
    second: Grades

    @classmethod
    def draw(cls, studies: int, seed: int) -> Sample:
        """A sample of the population that phantoms are drawn from."""
        rng = np.random.default_rng(seed)
        widths = population().draw(studies, rng)
        return cls(widths, read(widths, rng), read(widths, rng))

    def kappas(self) -> dict[Family, float]:
        """Kappa of the two readers, by family."""
        return {family: _kappa(self.first, self.second, family) for family in Family}


def reader_kappas(studies: int = 20_000, seed: int = 0) -> dict[Family, float]:
    """Kappa of two simulated readers on a fresh sample, by family."""
    return Sample.draw(studies, seed).kappas()


def _kappa(first: Grades, second: Grades, family: Family) -> float:
    return cohen_kappa(agreement(first[:, _families == family], second[:, _families == family]))


def figures(labels: Grades, predicted: Grades) -> dict[str, float]:
    """Accuracy, balanced accuracy, majority's accuracy and kappa over the graded cells."""
    graded = labels != UNGRADED
    table = agreement(labels[graded], predicted[graded])
    present = table.sum(axis=1) > 0
    recalls = np.diag(table)[present] / table.sum(axis=1)[present]
    return {
        "cells": int(table.sum()),
        "accuracy": round(float(np.trace(table) / table.sum()), 4),
        "majority": round(float(table.sum(axis=1).max() / table.sum()), 4),
        "balanced_accuracy": round(float(recalls.mean()), 4),
        "kappa": round(cohen_kappa(table), 4),
    }


def oracle_figures(labels: Grades, widths: Values) -> dict[str, dict[str, float]]:
    """The oracle's figures against written labels, by family and pooled, by the tilted rule."""
    predicted = tilted_grades(oracle_probabilities(widths))
    parts = {str(family): _families == family for family in Family}
    parts["pooled"] = np.ones(len(CELLS), bool)
    return {name: figures(labels[:, of], predicted[:, of]) for name, of in parts.items()}


def labels_of(folder: Path, truth: Truth) -> tuple[Grades, Values]:
    """The written labels of a cohort and the true widths of the same studies, `[studies, 25]`."""
    place = {study_id: i for i, study_id in enumerate(truth.study_ids)}
    rows = _rows(folder / "train.csv")
    labels = [
        [int(Severity.from_label(row[c.column])) if row[c.column] else UNGRADED for c in CELLS]
        for row in rows
    ]
    widths = truth.widths[[place[row["study_id"]] for row in rows]]
    return np.array(labels, np.int8), widths


def report(folder: Path | None, studies: int) -> dict[str, Any]:
    """All that the command prints: readers' kappas on a sample, the oracle's figures.

    The oracle is judged on the labels of the cohort in `folder`, or on the sample where None.
    """
    sample = Sample.draw(studies, seed=0)
    labels, widths = sample.first, sample.widths
    if folder is not None:
        labels, widths = labels_of(folder, read_truth(folder / "morphology.csv"))
    return {
        "input": None if folder is None else str(folder),
        "studies": len(labels),
        "reader_kappas": {str(f): round(k, 4) for f, k in sample.kappas().items()},
        "oracle": oracle_figures(labels, widths),
    }


def _print(content: Mapping[str, Any]) -> None:
    statistics = load_statistics()
    print("family         kappa of two readers  asked for  error's sd  calibrated anew")
    for family in Family:
        again = calibrate_noise(family, statistics)
        kappa = content["reader_kappas"][str(family)]
        print(
            f"{family:<14} {kappa:>20.3f} {KAPPAS[family]:>10.2f} {NOISE_SD[family]:>11.3f}", end=""
        )
        print(f" {again:>16.4f}")
    print("\noracle         cells  accuracy  majority  balanced accuracy  kappa   (tilted rule)")
    for name, row in content["oracle"].items():
        print(
            f"{name:<14} {row['cells']:>5} {row['accuracy']:>9.3f} {row['majority']:>9.3f}", end=""
        )
        print(f" {row['balanced_accuracy']:>18.3f} {row['kappa']:>6.3f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lumbar.phantom.oracle",
        description="How well readers agree and how well the best possible grader does.",
        epilog="example: python -m lumbar.phantom.oracle --input runs/phantom",
    )
    parser.add_argument(
        "--input", type=Path, help="folder of a phantom cohort (default: judge on the sample)"
    )
    parser.add_argument(
        "--sample", type=int, default=20_000, help="studies drawn for the kappas (default 20000)"
    )
    options = parser.parse_args(arguments)
    try:
        content = report(options.input, options.sample)
    except LumbarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    _print(content)
    print(json.dumps(content))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
