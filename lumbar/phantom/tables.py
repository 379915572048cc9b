"""The CSV tables beside the images, with the challenge's headers to the letter.

`train.csv`, `train_label_coordinates.csv`, `train_series_descriptions.csv` and, for studies
without labels, `test_series_descriptions.csv` and `sample_submission.csv`. `morphology.csv` is
ours: the true widths and a second reader's grades of every study, labelled or not.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lumbar.domain import CELLS, Severity
from lumbar.phantom.study import LabelPoint, PhantomStudy

__all__ = ["StudyRows", "rows_of", "write_tables"]

Row = tuple[str | int | float, ...]

LABELS = ("study_id", *(cell.column for cell in CELLS))
COORDINATES = ("study_id", "series_id", "instance_number", "condition", "level", "x", "y")
DESCRIPTIONS = ("study_id", "series_id", "series_description")
SUBMISSION = ("row_id", *(severity.column for severity in Severity))
MORPHOLOGY = (
    "study_id",
    *(f"{cell.column}_true" for cell in CELLS),
    *(f"{cell.column}_reader_2" for cell in CELLS),
)


@dataclass(frozen=True, slots=True)
class StudyRows:
    """One study's rows of every table, and how many image files it has."""

    study_id: str
    files: int
    labels: Row
    coordinates: tuple[Row, ...]
    descriptions: tuple[Row, ...]
    morphology: Row


def rows_of(study: PhantomStudy, points: Iterable[LabelPoint], files: int) -> StudyRows:
    """The rows that a study adds to the tables."""
    grades = (study.grades[cell] for cell in CELLS)
    return StudyRows(
        study.study_id,
        files,
        labels=(study.study_id, *("" if g is None else g.label for g in grades)),
        coordinates=tuple(_coordinates(study, point) for point in points),
        descriptions=tuple(
            (study.study_id, series.series_id, series.view.description)
            for series in study.series
            if series.view is not None
        ),
        morphology=(
            study.study_id,
            *(round(study.morphology.of(cell), 5) for cell in CELLS),
            *(study.second_grades[cell].label for cell in CELLS),
        ),
    )


def _coordinates(study: PhantomStudy, point: LabelPoint) -> Row:
    cell = point.cell
    return (
        study.study_id,
        point.series_id,
        point.number,
        cell.condition.words,
        cell.level.words,
        round(point.x, 4),
        round(point.y, 4),
    )


def write_tables(folder: Path, train: Iterable[StudyRows], test: Iterable[StudyRows]) -> None:
    """Writes every table, rows in the order of the study number as in the real files."""
    train, test = (sorted(part, key=lambda rows: int(rows.study_id)) for part in (train, test))
    _write(folder / "train.csv", LABELS, (rows.labels for rows in train))
    _write(
        folder / "train_label_coordinates.csv",
        COORDINATES,
        (row for rows in train for row in rows.coordinates),
    )
    _write_descriptions(folder / "train_series_descriptions.csv", train)
    if test:
        _write_descriptions(folder / "test_series_descriptions.csv", test)
        _write(folder / "sample_submission.csv", SUBMISSION, _thirds(test))
    every = sorted([*train, *test], key=lambda rows: int(rows.study_id))
    _write(folder / "morphology.csv", MORPHOLOGY, (rows.morphology for rows in every))


def _write_descriptions(path: Path, studies: Sequence[StudyRows]) -> None:
    _write(path, DESCRIPTIONS, (row for rows in studies for row in rows.descriptions))


def _thirds(studies: Sequence[StudyRows]) -> Iterable[Row]:
    for rows in studies:
        for row_id in sorted(cell.row_id(rows.study_id) for cell in CELLS):
            yield (row_id, 1 / 3, 1 / 3, 1 / 3)


def _write(path: Path, header: Sequence[str], rows: Iterable[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
