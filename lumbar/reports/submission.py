"""`submission.csv`, the challenge's form: 25 rows a study, weighted probabilities.

Columns `row_id,normal_mild,moderate,severe`; a row holds p x (1, 2, 4) normalised, which is what
the challenge's weighted log loss asks for, or the bundle's weighted training prior where a cell
was not assessed.
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import CELLS, Cell, Condition, Level, Severity
from lumbar.errors import FormatError
from lumbar.grading.rules import tilt

__all__ = [
    "COLUMNS",
    "SubmissionRow",
    "read_submission",
    "submission_rows",
    "write_rows",
    "write_submission",
]

COLUMNS: tuple[str, ...] = ("row_id", *(severity.column for severity in Severity))

SubmissionRow = tuple[str, float, float, float]
"""row_id and the weighted shares of Normal/Mild, Moderate and Severe."""

_CELL_OF_SUFFIX = {f"_{cell.column}": index for index, cell in enumerate(CELLS)}


def submission_rows(grades: pa.Table, prior: ArrayLike) -> Iterator[SubmissionRow]:
    """The rows of a table of grades (schema.py), every study's cells in the order of `CELLS`.

    `prior` `[25, 3]` is the weighted training prior of each cell (`metrics.weighted_prior`).
    """
    constant = np.asarray(prior, dtype=np.float64)
    shares: dict[str, NDArray[np.float64]] = {}
    for row in grades.select(_GRADE_COLUMNS).to_pylist():
        study = shares.setdefault(row["study_id"], constant.copy())
        if row["p_normal_mild"] is not None:
            cell = Cell(Condition(row["condition"]), Level(row["level"]))
            study[CELLS.index(cell)] = tilt([row[f"p_{s.column}"] for s in Severity])
    for study_id, study in shares.items():
        yield from _rows_of(study_id, study)


def write_submission(grades: pa.Table, prior: ArrayLike, path: Path) -> None:
    """Write the submission of a table of grades; `prior` as in `submission_rows`."""
    write_rows(submission_rows(grades, prior), path)


def write_rows(rows: Iterable[SubmissionRow], path: Path) -> None:
    """Write submission rows as they come; floats keep every digit."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def read_submission(
    path: Path, *, partial: bool = False
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Study ids and weighted shares `[n, 25, 3]` of a submission (.csv or .csv.gz).

    Raises FormatError, naming the row, for an unknown cell, a cell missing (NaN where `partial`)
    or given twice, and for shares that are not finite, below 0 or all 0.
    """
    shares: dict[str, NDArray[np.float64]] = {}
    try:
        with _text(Path(path)) as file:
            for row in _rows(csv.DictReader(file), path):
                study_id, cell = _split(row["row_id"], path)
                study = shares.setdefault(study_id, np.full((len(CELLS), 3), np.nan))
                if not np.isnan(study[cell]).all():
                    raise FormatError(f"{path}: row {row['row_id']} is there twice")
                study[cell] = _shares(row, path)
    except (EOFError, zlib.error, gzip.BadGzipFile, csv.Error) as error:
        raise FormatError(f"{path}: cannot be read to its end ({error})") from None
    if not partial:
        _refuse_missing(shares, path)
    return tuple(shares), np.array(list(shares.values())).reshape(-1, len(CELLS), 3)


_GRADE_COLUMNS = ["study_id", "condition", "level", *(f"p_{s.column}" for s in Severity)]


def _rows_of(study_id: str, shares: NDArray[np.float64]) -> Iterator[SubmissionRow]:
    for cell, (mild, moderate, severe) in zip(CELLS, shares.tolist(), strict=True):
        yield cell.row_id(study_id), mild, moderate, severe


def _text(path: Path) -> TextIO:
    if not path.is_file():
        raise FormatError(f"{path}: no such file")
    # A byte that is no UTF-8 makes an unknown row, which is then named.
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return path.open(encoding="utf-8-sig", errors="replace", newline="")


def _rows(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, str]]:
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise FormatError(f"{path}: columns {reader.fieldnames}, expected {list(COLUMNS)}")
    yield from reader


def _split(row_id: str, path: Path) -> tuple[str, int]:
    for suffix, cell in _CELL_OF_SUFFIX.items():
        if row_id.endswith(suffix):
            return row_id.removesuffix(suffix), cell
    raise FormatError(
        f"{path}: row {row_id!r} names no finding; expected <study>_<condition>_<level>, "
        f"for example {CELLS[0].row_id('100206310')}"
    )


def _shares(row: dict[str, str], path: Path) -> list[float]:
    try:
        shares = [float(row[severity.column]) for severity in Severity]
    except (TypeError, ValueError):
        shares = [math.nan]
    if not all(math.isfinite(share) and share >= 0 for share in shares) or not any(shares):
        told = [row[severity.column] for severity in Severity]
        raise FormatError(
            f"{path}: row {row['row_id']} holds {told}; expected three finite shares, at least 0 "
            "and not all 0"
        )
    return shares


def _refuse_missing(shares: dict[str, NDArray[np.float64]], path: Path) -> None:
    missing = [
        cell.row_id(study_id)
        for study_id, study in shares.items()
        for cell, row in zip(CELLS, study, strict=True)
        if np.isnan(row).all()
    ]
    if missing:
        raise FormatError(
            f"{path}: {len(missing)} rows are missing, the first {missing[0]}; "
            "a submission has 25 rows a study"
        )
