"""The table of several predictions: the same cells in every row, or a refusal."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.compare import mean, table
from lumbar.domain import CELLS, Family, Severity
from lumbar.errors import FormatError
from lumbar.reports.predictions import Predictions

FORAMINAL = [n for n, cell in enumerate(CELLS) if cell.condition.family is Family.FORAMINAL]
TRUTH = {
    study_id: {cell: Severity((number + row) % 3) for number, cell in enumerate(CELLS)}
    for row, study_id in enumerate(("a", "b", "c"))
}


def answers(*study_ids: str, right: bool) -> Predictions:
    shares = np.full((len(study_ids), len(CELLS), 3), 0.1)
    for row, study_id in enumerate(study_ids):
        for number, severity in enumerate(TRUTH[study_id].values()):
            shares[row, number, (severity + (not right)) % 3] = 0.8
    return Predictions(study_ids, shares)


def cells_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_a_row_each_over_the_studies_that_all_know() -> None:
    named = {"good": answers("a", "b", "c", right=True), "bad": answers("c", "a", right=False)}
    head, _, good, bad = cells_of(table(named, TRUTH, Family.FORAMINAL))
    assert (good[0], bad[0]) == ("good", "bad")
    assert good[1] == bad[1] == "20"
    accuracy = head.index("accuracy (95 % by patient)")
    assert good[accuracy].startswith("1.0")
    assert bad[accuracy].startswith(".0")


def test_a_cell_that_one_file_does_not_answer_counts_in_no_row() -> None:
    partly = answers("a", "b", right=True)
    partly.weighted[0, FORAMINAL[:3]] = np.nan
    named = {"all": answers("a", "b", right=True), "partly": partly}
    rows = cells_of(table(named, TRUTH, Family.FORAMINAL))[2:]
    assert [row[1] for row in rows] == ["17", "17"]


def test_files_of_different_patients_are_refused() -> None:
    named = {"one": answers("a", right=True), "other": answers("b", right=True)}
    with pytest.raises(FormatError, match="no study is in every file"):
        table(named, TRUTH, Family.FORAMINAL)


def test_joined_files_are_the_mean_of_their_logits() -> None:
    one, other = answers("a", "b", right=True), answers("b", "c", right=False)
    other.weighted[0, 5] = np.nan
    both = mean([one, other])
    assert both.study_ids == ("b",)
    assert np.isnan(both.weighted[0, 5]).all()
    logits = np.log([one.weighted[1, 4], other.weighted[0, 4]]).mean(axis=0)
    assert np.log(both.weighted[0, 4]) - logits == pytest.approx(-np.log(2 * 0.08**0.5 + 0.1))
    assert both.weighted[0, 4].sum() == pytest.approx(1)
