"""Several predictions of the same patients as rows of one table.

python -m benchmarks.compare --truth ROOT/train.csv --family foraminal \
    ours=runs/foraminal/validation.csv hog=runs/hog/validation.csv fourth=FILE.csv \
    both=runs/foraminal/validation.csv+runs/hog/validation.csv

Files are submissions, p x (1, 2, 4), or grades.parquet; a submission may hold some cells alone.
Files joined by + are one row: the geometric mean of their probabilities, which is the mean of their
logits. Only cells that every file answers are counted, so that all rows are about the same ones.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import Family
from lumbar.errors import FormatError, LumbarError
from lumbar.grading.rules import Rule
from lumbar.imaging.tables import read_labels
from lumbar.pipelines.evaluate import Truth, evaluate
from lumbar.reports.predictions import Predictions, read_predictions
from lumbar.reports.submission import read_submission

TINY = 1e-15
"""What the challenge's metric takes for a probability of 0."""

COLUMNS = (
    "predictions",
    "cells",
    "majority",
    "weighted log loss",
    "accuracy (95 % by patient)",
    "balanced accuracy",
    "kappa",
    "severe recall",
    "untilted: accuracy",
    "untilted: kappa",
)


def table(named: Mapping[str, Predictions], truth: Truth, family: Family) -> str:
    """The table in Markdown; by the tilted rule, the last two columns by the untilted one.

    Raises FormatError where no study is in all of them.
    """
    common = sorted(set(truth).intersection(*(one.study_ids for one in named.values())))
    if not common:
        raise FormatError("no study is in every file and in the truth")
    shown = [_of(predictions, common) for predictions in named.values()]
    answered = ~np.isnan(np.sum(shown, axis=(0, 3), keepdims=True)[0])
    shared = {study_id: truth[study_id] for study_id in common}
    alike = [Predictions(tuple(common), np.where(answered, one, np.nan)) for one in shown]
    rows = [_row(predictions, shared, family) for predictions in alike]
    named_rows = [[name, *row] for name, row in zip(named, rows, strict=True)]
    return "\n".join(
        f"| {' | '.join(cells)} |" for cells in (COLUMNS, ["---"] * len(COLUMNS), *named_rows)
    )


def mean(several: Sequence[Predictions]) -> Predictions:
    """The geometric mean of probabilities, of the studies that are in all of them."""
    common = sorted(set.intersection(*(set(one.study_ids) for one in several)))
    logs = [np.log(np.maximum(_of(one, common), TINY)) for one in several]
    shares = np.exp(np.mean(logs, axis=0))
    return Predictions(tuple(common), shares / shares.sum(axis=-1, keepdims=True))


def _of(predictions: Predictions, study_ids: Sequence[str]) -> NDArray[np.float64]:
    """Weighted shares `[n, 25, 3]` of these studies."""
    place = {study_id: row for row, study_id in enumerate(predictions.study_ids)}
    return predictions.weighted[[place[study_id] for study_id in study_ids]]


def _row(predictions: Predictions, truth: Truth, family: Family) -> list[str]:
    tilted = evaluate(predictions, truth, Rule.TILTED, families=[family])
    untilted = evaluate(predictions, truth, Rule.UNTILTED, families=[family])
    interval = tilted["accuracy_interval"]
    between = f" ({'-'.join(map(_figure, interval))})" if interval else ""
    return [
        f"{tilted['n']:,}",
        *_short(tilted, "majority", family.value),
        _figure(tilted["accuracy"]) + between,
        *_short(tilted, "balanced_accuracy", "kappa", "severe_recall"),
        *_short(untilted, "accuracy", "kappa"),
    ]


def _short(metrics: Mapping[str, Any], *names: str) -> list[str]:
    return [_figure(metrics[name]) for name in names]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}".removeprefix("0")


def _named(word: str) -> tuple[str, list[Path]]:
    name, equals, paths = word.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{word}: expected NAME=FILE")
    return name, [Path(path) for path in paths.split("+")]


def _read(path: Path) -> Predictions:
    if path.suffix == ".parquet":
        return read_predictions(path)
    return Predictions(*read_submission(path, partial=True))


def main() -> None:
    """Read, count, print."""
    arguments = ArgumentParser(
        prog="benchmarks.compare", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("predictions", type=_named, nargs="+", metavar="NAME=FILE[+FILE]")
    arguments.add_argument("--truth", type=Path, required=True, help="train.csv")
    arguments.add_argument("--family", type=Family, choices=list(Family), default=Family.FORAMINAL)
    options = arguments.parse_args()
    try:
        names = [name for name, _ in options.predictions]
        if len(set(names)) < len(names):
            raise FormatError(f"{', '.join(names)}: two predictions have the same name")
        named = {name: mean([_read(one) for one in files]) for name, files in options.predictions}
        print(table(named, read_labels(options.truth), options.family))
    except LumbarError as error:
        sys.exit(f"compare: {error}")


if __name__ == "__main__":
    main()
