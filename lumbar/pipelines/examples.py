"""Example slices for a report: what was found on a study, on the pictures that it was found on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from lumbar.domain import Cell, Condition, Level, Severity, View
from lumbar.imaging.read import read_study
from lumbar.imaging.study import Instance, Study
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.reports.examples import Example, Mark

__all__ = ["study_examples"]

Labels = Mapping[str, Mapping[Cell, Severity | None]]


def study_examples(
    files: StudyFiles, grades: pa.Table, labels: Labels, *, trusted: bool = False
) -> list[Example]:
    """One picture a view of a study: the slice on which most of its findings were graded.

    `trusted` as in `read_study`.
    """
    study = read_study(files, trusted=trusted)
    rows = [row for row in grades.to_pylist() if row["study_id"] == files.study_id]
    slices: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["evidence"]:
            evidence = row["evidence"]
            slices[evidence["view"], evidence["series_id"], evidence["instance"]].append(row)
    known = labels.get(files.study_id, {})
    chosen = [_fullest(slices, view) for view in View]
    return [
        _example(study, key, slices[key], known)
        for key in chosen
        if key is not None and _instance(study, key) is not None
    ]


def _fullest(
    slices: Mapping[tuple[str, str, str], Sequence[Any]], view: View
) -> tuple[str, str, str] | None:
    mine = [key for key in slices if key[0] == view.value]
    return max(mine, key=lambda key: (len(slices[key]), key), default=None)


def _instance(study: Study, key: tuple[str, str, str]) -> Instance | None:
    return next(
        (
            instance
            for series in study.series
            for instance in series
            if (series.series_id, instance.instance_id) == key[1:]
        ),
        None,
    )


def _example(
    study: Study,
    key: tuple[str, str, str],
    rows: Iterable[Mapping[str, Any]],
    known: Mapping[Cell, Severity | None],
) -> Example:
    instance = _instance(study, key)
    assert instance is not None
    row_mm, column_mm = instance.pixel_mm()
    words = View(key[0]).description
    return Example(
        image=instance.pixels,
        points=[_mark(row, known) for row in rows],
        caption=f"Study {study.study_id}, {words}, slice {instance.number}",
        aspect=row_mm / column_mm,
    )


def _mark(row: Mapping[str, Any], known: Mapping[Cell, Severity | None]) -> Mark:
    cell = Cell(Condition(row["condition"]), Level(row["level"]))
    side = cell.condition.side
    column, line = row["evidence"]["point_px"]
    label = cell.level.words if side is None else f"{cell.level.words} {side.value}"
    severity = Severity.from_label(row["severity"]) if row["severity"] else None
    return Mark(column, line, label, known.get(cell), severity)
