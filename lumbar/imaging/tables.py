"""The challenge's CSV files, read with what each row means and refused with the row's number.

Policy: words are compared without case and surrounding blanks; an unknown word is refused, naming
file, row and what was expected; of rows that repeat a key the first one counts. Grades and label
points are read for training and evaluation only, never to find or to score a study.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lumbar.domain import CELLS, Cell, Condition, Level, Severity, Side
from lumbar.errors import FormatError

__all__ = [
    "LabelPoint",
    "ShownSlice",
    "parse_descriptions",
    "parse_shown_slices",
    "read_descriptions",
    "read_label_points",
    "read_labels",
    "read_shown_slices",
]


@dataclass(frozen=True, slots=True)
class ShownSlice:
    """A row of `slice_geometry.csv`: the matrix before squashing, the patient's side shown."""

    study_id: str
    series_id: str
    number: int
    rows: int
    columns: int
    side: Side | None


@dataclass(frozen=True, slots=True)
class LabelPoint:
    """A row of `train_label_coordinates.csv`: where a reader saw a cell, in pixels of a slice.

    `x` is the column and `y` the row; the centre of the first pixel is (0, 0).
    """

    study_id: str
    series_id: str
    instance_number: int
    cell: Cell
    x: float
    y: float


def read_labels(path: Path) -> dict[str, dict[Cell, Severity | None]]:
    """The grades of `train.csv` (or .csv.gz), a study's 25 cells each; None where a cell is blank.

    Raises FormatError for a missing column, an unknown word (naming the row) or no CSV at all.
    """
    labels: dict[str, dict[Cell, Severity | None]] = {}
    columns = ("study_id", *(cell.column for cell in CELLS))
    with _opened(path) as stream:
        for place, row in _rows(stream, path.name, columns):
            grades = {cell: _severity(row[cell.column], cell, place) for cell in CELLS}
            labels.setdefault(row["study_id"], grades)
    return labels


def read_label_points(path: Path) -> list[LabelPoint]:
    """The points of `train_label_coordinates.csv`; of a cell's points in one series the first.

    Raises FormatError for a missing column, an unknown word or a broken number, naming the row.
    """
    points: dict[tuple[str, str, Cell], LabelPoint] = {}
    columns = ("study_id", "series_id", "instance_number", "condition", "level", "x", "y")
    with _opened(path) as stream:
        for place, row in _rows(stream, path.name, columns):
            point = _label_point(row, place)
            points.setdefault((point.study_id, point.series_id, point.cell), point)
    return list(points.values())


def read_descriptions(path: Path) -> dict[tuple[str, str], str]:
    """(study_id, series_id) -> description of `train_` or `test_series_descriptions.csv`."""
    with _opened(path) as stream:
        return parse_descriptions(stream, path.name)


def read_shown_slices(path: Path) -> list[ShownSlice]:
    """The rows of `slice_geometry.csv`."""
    with _opened(path) as stream:
        return parse_shown_slices(stream, path.name)


def parse_descriptions(stream: Iterable[str], name: str) -> dict[tuple[str, str], str]:
    """As `read_descriptions`, of lines of text; `name` is the file's in messages.

    The words are kept as they are: a description that names no graded view is the series' own
    affair and its reason, not the table's error.
    """
    described: dict[tuple[str, str], str] = {}
    for _, row in _rows(stream, name, ("study_id", "series_id", "series_description")):
        described.setdefault((row["study_id"], row["series_id"]), row["series_description"])
    return described


def parse_shown_slices(stream: Iterable[str], name: str) -> list[ShownSlice]:
    """As `read_shown_slices`, of lines of text; `name` is the file's in messages."""
    columns = ("study_id", "series_id", "instance_number", "rows", "columns", "side")
    return [_shown_slice(row, place) for place, row in _rows(stream, name, columns)]


def _rows(
    stream: Iterable[str], name: str, columns: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with its place in words, blanks stripped; refuses a table without `columns`."""
    reader = csv.DictReader(stream, restval="")
    try:
        found = [(column or "").strip().lstrip("\ufeff") for column in reader.fieldnames or ()]
        reader.fieldnames = found
        if missing := [column for column in columns if column not in found]:
            raise FormatError(f"{name}: no column {', '.join(missing)}; found {', '.join(found)}")
        for row in reader:
            yield f"{name}, row {reader.line_num}", {key: row[key].strip() for key in columns}
    except (csv.Error, UnicodeDecodeError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise FormatError(f"{name}: not a CSV file in UTF-8 ({error})") from None


def _opened(path: Path) -> TextIO:
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rt", encoding="utf-8", newline="")
        return path.open(encoding="utf-8", newline="")
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from error


def _severity(word: str, cell: Cell, place: str) -> Severity | None:
    if not word:
        return None
    for severity in Severity:
        if severity.label.lower() == word.lower():
            return severity
    expected = ", ".join(severity.label for severity in Severity)
    raise FormatError(f"{place}: {cell.column} is {word!r}; expected {expected} or blank")


def _label_point(row: dict[str, str], place: str) -> LabelPoint:
    try:
        cell = Cell(Condition.from_words(row["condition"]), Level.from_words(row["level"]))
        x, y = float(row["x"]), float(row["y"])
    except ValueError as error:
        raise FormatError(f"{place}: {error}") from None
    number = _whole(row, "instance_number", place)
    return LabelPoint(row["study_id"], row["series_id"], number, cell, x, y)


def _shown_slice(row: dict[str, str], place: str) -> ShownSlice:
    word = row["side"].lower()
    if word not in ("", *Side):
        raise FormatError(f"{place}: side is {row['side']!r}; expected left, right or blank")
    number, rows, columns = (
        _whole(row, column, place) for column in ("instance_number", "rows", "columns")
    )
    if min(rows, columns) < 1:
        raise FormatError(f"{place}: rows and columns must be positive")
    side = Side(word) if word else None
    return ShownSlice(row["study_id"], row["series_id"], number, rows, columns, side)


def _whole(row: dict[str, str], column: str, place: str) -> int:
    try:
        return int(row[column])
    except ValueError:
        raise FormatError(f"{place}: {column} is {row[column]!r}, not a whole number") from None
