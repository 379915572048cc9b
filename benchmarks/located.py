"""How far the foramina that `jobs/score.py` found lie from a reader's, and what that costs.

python -m benchmarks.located out/grades.parquet --points ROOT/train_label_coordinates.csv \
    [--truth ROOT/train.csv --given runs/NAME/validation.csv]

Distances are in levels: the distance of two by the slope through the reader's own points of that
side. A name is right where the reader's point of that level is the nearest one. With --truth and
--given, the same network's answers at the reader's points, it also prints the weighted log loss of
both by how far off the point was, and each row's part of the difference.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sides import offsets
from lumbar.domain import CELLS, SEVERITY_WEIGHTS, Cell, Condition, Family, Level, Status
from lumbar.errors import FormatError, LumbarError
from lumbar.grading.landmarks import APART
from lumbar.imaging.tables import LabelPoint, read_label_points, read_labels
from lumbar.pipelines.evaluate import Truth
from lumbar.reports.predictions import Predictions, predictions_of
from lumbar.reports.schema import read_grades
from lumbar.reports.submission import read_submission

EDGES = (0.0, 0.1, 0.2, 0.35, 0.5, np.inf)

Losses = dict[tuple[str, Cell], tuple[float, float]]
"""Weighted loss and weight of a study's cells."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one foramen was found: `off` levels from the reader's point; `apart` where the reader
    named the patient's two sides a level apart (benchmarks.sides)."""

    study_id: str
    cell: Cell
    off: float
    readers_slice: bool
    named_right: bool
    apart: bool


def places(rows: Iterable[Mapping[str, Any]], points: Sequence[LabelPoint]) -> list[Place]:
    """The graded foramina of `grades.parquet`'s rows whose series has the reader's point.

    Raises FormatError for a slice that is not named by its number.
    """
    apart = {study_id for study_id, offset in offsets(points).items() if abs(offset) > APART}
    readers: dict[tuple[str, str, Condition], dict[Level, LabelPoint]] = {}
    for point in points:
        side = readers.setdefault((point.study_id, point.series_id, point.cell.condition), {})
        side[point.cell.level] = point
    found = []
    for row in rows:
        cell = Cell(Condition(row["condition"]), Level(row["level"]))
        if cell.condition.family is not Family.FORAMINAL or row["status"] != Status.GRADED:
            continue
        study_id, seen = row["study_id"], row["evidence"]
        side = readers.get((study_id, seen["series_id"], cell.condition), {})
        if cell.level not in side or len(side) == 1:
            continue
        if not seen["instance"].isdecimal():
            raise FormatError(
                f"slice {seen['instance']} is not named by its number, as RSNA's PNGs are: whether "
                "it is the reader's cannot be told"
            )
        far = {
            level: np.hypot(*np.subtract(seen["point_px"], (p.x, p.y))) for level, p in side.items()
        }
        found.append(
            Place(
                study_id=study_id,
                cell=cell,
                off=float(far[cell.level] / _level_px(side)),
                readers_slice=seen["instance"] == str(side[cell.level].instance_number),
                named_right=bool(far[cell.level] == min(far.values())),
                apart=study_id in apart,
            )
        )
    return found


def _level_px(side: Mapping[Level, LabelPoint]) -> float:
    """Distance in pixels from one level of a side to the next."""
    ordinals = [level.ordinal for level in side]
    return float(np.hypot(*np.polyfit(ordinals, [(p.x, p.y) for p in side.values()], 1)[0]))


def summary(found: Sequence[Place]) -> str:
    """Distances and shares, with and without the patients whose sides are named apart."""
    lines = []
    for name, some in (("all", found), ("named alike", [p for p in found if not p.apart])):
        if not some:
            continue
        off = np.array([place.off for place in some])
        middle, most = np.percentile(off, [50, 95])
        named, seen = np.mean([(p.named_right, p.readers_slice) for p in some], axis=0)
        lines.append(
            f"{name}: {len(some)} foramina, {np.mean(off < 0.2):.3f} within a fifth of a level, "
            f"median {middle:.3f}, 95 % {most:.3f}; {named:.3f} named right; {seen:.3f} on the "
            "reader's slice"
        )
    return "\n".join(lines)


def table(found: Sequence[Place], located: Losses, given: Losses) -> str:
    """Loss at located and given points by distance, and parts of the difference, in Markdown.

    Raises FormatError where no foramen has a label and both answers.
    """
    both = [p for p in found if (p.study_id, p.cell) in located.keys() & given.keys()]
    if not both:
        raise FormatError("no foramen has a label, a located and a given answer")
    off = np.array([place.off for place in both])
    seen = np.array([place.readers_slice for place in both])
    apart = np.array([place.apart for place in both])
    rows = {"all": np.full(len(both), True), "sides named apart": apart}
    for where, there in (("reader's slice", seen & ~apart), ("another slice", ~seen & ~apart)):
        for low, high in pairwise(EDGES):
            rows[f"{where}, {low:g} to {high:g} levels off"] = there & (off >= low) & (off < high)
    one, weight = np.array([located[p.study_id, p.cell] for p in both]).T
    other, _ = np.array([given[p.study_id, p.cell] for p in both]).T
    lines = ["| foramina | n | located | given | of the difference |", "| --- " * 5 + "|"]
    for name, mine in rows.items():
        if mine.any():
            means = [loss[mine].sum() / weight[mine].sum() for loss in (one, other)]
            figures = [*means, (one - other)[mine].sum() / weight.sum()]
            cells = [name, f"{mine.sum():,}", *(f"{figure:.4f}" for figure in figures)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def losses(predictions: Predictions, truth: Truth) -> Losses:
    """The weighted log loss of each labelled and answered cell, and its weight."""
    found: Losses = {}
    for row, study_id in enumerate(predictions.study_ids):
        for cell, label in truth.get(study_id, {}).items():
            at = row, CELLS.index(cell)
            if label is not None and predictions.graded[at]:
                share, weight = predictions.weighted[at], SEVERITY_WEIGHTS[label]
                probability = max(share[label] / share.sum(), 1e-15)
                found[study_id, cell] = (-weight * np.log(probability), weight)
    return found


def main() -> None:
    """Read, measure, print."""
    parser = ArgumentParser(prog="benchmarks.located", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("grades", type=Path, help="grades.parquet")
    parser.add_argument("--points", type=Path, required=True, help="train_label_coordinates.csv")
    parser.add_argument("--truth", type=Path, help="train.csv")
    parser.add_argument("--given", type=Path, help="the same network's validation.csv")
    options = parser.parse_args()
    try:
        grades = read_grades(options.grades)
        found = places(grades.to_pylist(), read_label_points(options.points))
        if not found:
            raise FormatError(f"{options.points}: has the point of no graded foramen")
        print(summary(found))
        if options.truth and options.given:
            truth = read_labels(options.truth)
            located = predictions_of(grades, str(options.grades))
            given = Predictions(*read_submission(options.given, partial=True))
            print(table(found, losses(located, truth), losses(given, truth)))
    except LumbarError as error:
        sys.exit(f"located: {error}")


if __name__ == "__main__":
    main()
