"""Predictions as arrays, whichever of the two files they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lumbar.domain import CELLS, Cell, Condition, Level, Severity, Status
from lumbar.errors import FormatError
from lumbar.grading.rules import tilt
from lumbar.reports.schema import read_grades
from lumbar.reports.submission import read_submission

__all__ = ["Predictions", "predictions_of", "read_predictions"]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What was answered for some studies.

    `weighted` `[n, 25, 3]` in the order of `domain.CELLS` is p x (1, 2, 4) normalised, as in a
    submission; NaN where a cell was not assessed.
    """

    study_ids: tuple[str, ...]
    weighted: NDArray[np.float64]

    @property
    def graded(self) -> NDArray[np.bool_]:
        """Which cells `[n, 25]` have an answer."""
        graded: NDArray[np.bool_] = np.all(np.isfinite(self.weighted), axis=2)
        return graded


def read_predictions(path: Path) -> Predictions:
    """Predictions of a `submission.csv` (or .csv.gz) or a `grades.parquet`, told by its name.

    Raises FormatError for another kind of file and for whatever its reader refuses.
    """
    path = Path(path)
    if path.suffix == ".parquet":
        return predictions_of(read_grades(path), str(path))
    if path.name.endswith((".csv", ".csv.gz")):
        return Predictions(*read_submission(path))
    raise FormatError(f"{path}: expected a submission .csv, .csv.gz or a grades .parquet")


def predictions_of(grades: pa.Table, source: str = "grades") -> Predictions:
    """Predictions of a table of grades (schema.py); FormatError names `source` and the row."""
    studies: dict[str, dict[int, NDArray[np.float64]]] = {}
    for row in grades.drop_columns(["evidence"]).to_pylist():
        cells = studies.setdefault(row["study_id"], {})
        index = _cell(row, source)
        if index in cells:
            row_id = CELLS[index].row_id(row["study_id"])
            raise FormatError(f"{source}: row {row_id} is there twice")
        cells[index] = _weighted(row, source)
    for study_id, cells in studies.items():
        if len(cells) != len(CELLS):
            raise FormatError(f"{source}: study {study_id} has {len(cells)} rows, expected 25")
    weighted = [[cells[index] for index in range(len(CELLS))] for cells in studies.values()]
    return Predictions(tuple(studies), np.array(weighted).reshape(-1, len(CELLS), 3))


def _cell(row: dict[str, Any], source: str) -> int:
    try:
        return CELLS.index(Cell(Condition(row["condition"]), Level(row["level"])))
    except ValueError as error:
        raise FormatError(f"{source}: study {row['study_id']}: {error}") from error


def _weighted(row: dict[str, Any], source: str) -> NDArray[np.float64]:
    shares = [row[f"p_{severity.column}"] for severity in Severity]
    if row["status"] == Status.NOT_ASSESSED.value:
        return np.full(3, np.nan)
    array = np.array(shares, dtype=np.float64)
    if row["status"] != Status.GRADED.value or not (np.isfinite(array) & (array >= 0)).all():
        raise FormatError(
            f"{source}: study {row['study_id']} {row['condition']} {row['level']}: status "
            f"{row['status']!r} with probabilities {shares}; a graded row has three, at least 0"
        )
    return tilt(array)
