"""How often each grade occurs and which occur together: what the cohort takes from `train.csv`.

    python -m lumbar.phantom.copula --labels train.csv --output lumbar/phantom/statistics.json

Grades are seen as a normal variable of each cell cut at two heights (the ordinal probit model).
A column's frequencies give its cuts; the correlation of two cells' variables is their polychoric
correlation (Olsson 1979, Psychometrika 44), fitted by maximum likelihood with the cuts held. The
25 x 25 matrix of the pairwise estimates is replaced by the nearest correlation matrix. Only these
300 correlations and 50 frequencies, rounded to 3 decimals, leave the label file.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import CELLS, Severity
from lumbar.errors import FormatError
from lumbar.phantom.gaussian import cdf2, nearest_correlation, quantile

__all__ = ["Statistics", "fit_statistics", "load_statistics", "polychoric", "read_grades"]

Grades = NDArray[np.int8]
Values = NDArray[np.float64]

UNGRADED = -1


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Frequencies `[25, 3]` of the grades and correlations `[25, 25]` of the cells behind them.

    Cells in the order of `CELLS`, grades in that of `Severity`; `studies` is how many were seen.
    """

    studies: int
    frequencies: Values
    correlations: Values

    def to_json(self) -> str:
        """JSON with one line a cell, 3 decimals."""
        lower = {
            cell.column: [round(float(v), 3) for v in self.correlations[i, :i]]
            for i, cell in enumerate(CELLS)
        }
        frequencies = {
            cell.column: [round(float(v), 3) for v in row]
            for cell, row in zip(CELLS, self.frequencies, strict=True)
        }
        blocks = (("frequencies", frequencies), ("correlations_with_cells_before", lower))
        body = ",\n".join(
            f' "{name}": {{\n'
            + ",\n".join(f'  "{key}": {json.dumps(values)}' for key, values in block.items())
            + "\n }"
            for name, block in blocks
        )
        return f'{{\n "studies": {self.studies},\n{body}\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Statistics:
        """The statistics that `to_json` wrote."""
        content = json.loads(text)
        correlations = np.eye(len(CELLS))
        for i, cell in enumerate(CELLS):
            values = content["correlations_with_cells_before"][cell.column]
            correlations[i, :i] = correlations[:i, i] = values
        frequencies = np.array([content["frequencies"][cell.column] for cell in CELLS])
        frequencies /= frequencies.sum(axis=1, keepdims=True)
        return cls(int(content["studies"]), frequencies, correlations)


@cache
def load_statistics() -> Statistics:
    """The statistics that the package carries, fitted on the challenge's labels."""
    path = files("lumbar.phantom").joinpath("statistics.json")
    return Statistics.from_json(path.read_text(encoding="utf-8"))


def read_grades(labels: Path) -> Grades:
    """Grades `[studies, 25]` of a `train.csv`, -1 where blank.

    Raises FormatError where a column is missing or a word is no grade.
    """
    with labels.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        grades = [[_grade(row[cell.column]) for cell in CELLS] for row in rows]
    except KeyError as error:
        raise FormatError(
            f"{labels}: no column {error}; expected the challenge's train.csv"
        ) from None
    except ValueError as error:
        raise FormatError(f"{labels}: {error}") from None
    return np.array(grades, np.int8).reshape(-1, len(CELLS))


def _grade(label: str) -> int:
    return int(Severity.from_label(label)) if label else UNGRADED


def fit_statistics(grades: Grades) -> Statistics:
    """Frequencies and latent correlations of grades `[studies, 25]` (-1 = blank, left out)."""
    frequencies = np.array(
        [[np.mean(column[column >= 0] == s) for s in Severity] for column in grades.T]
    )
    correlations = np.eye(grades.shape[1])
    for i in range(grades.shape[1]):
        for j in range(i):
            table = _crossed(grades[:, i], grades[:, j])
            correlations[i, j] = correlations[j, i] = polychoric(
                table, frequencies[i], frequencies[j]
            )
    return Statistics(len(grades), frequencies, nearest_correlation(correlations))


def polychoric(table: Values, rows: Sequence[float], columns: Sequence[float]) -> float:
    """Correlation of two normal variables whose cut values give the count table `[3, 3]`.

    `rows` and `columns` are the frequencies that place the cuts. Golden-section search over
    [-0.95, 0.97], in which the likelihood has one maximum.
    """
    cuts = np.meshgrid(_cuts(rows), _cuts(columns), indexing="ij")

    def misfit(correlation: float) -> float:
        corners = cdf2(cuts[0], cuts[1], correlation)
        cells = np.diff(np.diff(corners, axis=0), axis=1)
        return -float((table * np.log(np.maximum(cells, 1e-12))).sum())

    return _golden(misfit, -0.95, 0.97)


def _golden(misfit: Callable[[float], float], low: float, high: float, rounds: int = 30) -> float:
    ratio = (5**0.5 - 1) / 2
    for _ in range(rounds):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if misfit(left) < misfit(right):
            high = right
        else:
            low = left
    return (low + high) / 2


def _cuts(frequencies: Sequence[float]) -> Values:
    normal, moderate, _ = frequencies
    return np.array([-np.inf, quantile(normal), quantile(normal + moderate), np.inf])


def _crossed(first: Grades, second: Grades) -> Values:
    both = (first >= 0) & (second >= 0)
    table = np.zeros((len(Severity), len(Severity)))
    np.add.at(table, (first[both], second[both]), 1)
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Fits the statistics of a label file and writes them as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m lumbar.phantom.copula",
        description="Fit the frequencies and latent correlations of the 25 grades.",
    )
    parser.add_argument("--labels", type=Path, required=True, help="the challenge's train.csv")
    parser.add_argument("--output", type=Path, default=Path("lumbar/phantom/statistics.json"))
    options = parser.parse_args(arguments)
    statistics = fit_statistics(read_grades(options.labels))
    options.output.write_text(statistics.to_json(), encoding="utf-8")
    report = {"studies": statistics.studies, "output": str(options.output)}
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
