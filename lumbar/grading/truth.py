"""The readers' grades: `train.csv`, one row a study, one column a finding."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

from lumbar.domain import CELLS, Cell, Severity
from lumbar.errors import FormatError

__all__ = ["read_truth"]


def read_truth(path: Path) -> dict[str, dict[Cell, Severity | None]]:
    """Labels by study id and cell of a `train.csv` (or .csv.gz), None where the cell is blank.

    Raises FormatError, naming the study and column, for an unknown word, a column that is missing
    and a study given twice.
    """
    path = Path(path)
    if not path.is_file():
        raise FormatError(f"{path}: no such file; expected the challenge's train.csv")
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.DictReader(file)
        _refuse_columns(reader.fieldnames or (), path)
        truth: dict[str, dict[Cell, Severity | None]] = {}
        for row in reader:
            if row["study_id"] in truth:
                raise FormatError(f"{path}: study {row['study_id']} is there twice")
            truth[row["study_id"]] = {cell: _severity(row, cell, path) for cell in CELLS}
    return truth


def _refuse_columns(names: object, path: Path) -> None:
    given = set(names) if isinstance(names, list | tuple) else set()
    missing = [name for name in ("study_id", *(c.column for c in CELLS)) if name not in given]
    if missing:
        raise FormatError(
            f"{path}: no column {missing[0]!r} ({len(missing)} missing); expected study_id and "
            "the 25 columns <condition>_<level> of the challenge's train.csv"
        )


def _severity(row: dict[str, str], cell: Cell, path: Path) -> Severity | None:
    word = (row[cell.column] or "").strip()
    if not word:
        return None
    try:
        return Severity.from_label(word)
    except ValueError as error:
        raise FormatError(
            f"{path}: study {row['study_id']}, column {cell.column}: {error}"
        ) from error
