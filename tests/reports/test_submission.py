"""submission.csv: always 25 rows a study, weighted, the prior where nothing was assessed."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from lumbar.domain import CELLS, StudyGrades
from lumbar.errors import FormatError
from lumbar.grading.rules import tilt
from lumbar.reports.predictions import predictions_of, read_predictions
from lumbar.reports.schema import grades_table, write_grades
from lumbar.reports.submission import read_submission, submission_rows, write_submission

PRIOR = np.random.default_rng(3).dirichlet([3, 2, 1], size=25)


@pytest.fixture
def path(grades: list[StudyGrades], tmp_path: Path) -> Path:
    write_submission(grades_table(grades), PRIOR, tmp_path / "submission.csv")
    return tmp_path / "submission.csv"


def test_the_file_has_a_header_and_25_rows_a_study(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == "row_id,normal_mild,moderate,severe"
    assert [line.split(",")[0] for line in lines[1:26]] == [c.row_id("100") for c in CELLS]
    assert len(lines) == 1 + 50


def test_a_row_holds_the_weighted_shares(grades: list[StudyGrades]) -> None:
    rows = list(submission_rows(grades_table(grades), PRIOR))
    assert rows[3][1:] == pytest.approx(tilt(grades[0].findings[3].probabilities or ()))


def test_a_cell_not_assessed_holds_the_prior(grades: list[StudyGrades]) -> None:
    rows = list(submission_rows(grades_table(grades), PRIOR))
    assert rows[25 + 17] == (CELLS[17].row_id("1.2.840.99"), *PRIOR[17])


def test_every_digit_comes_back(grades: list[StudyGrades], path: Path) -> None:
    study_ids, shares = read_submission(path)
    written = [row[1:] for row in submission_rows(grades_table(grades), PRIOR)]
    assert study_ids == ("100", "1.2.840.99")
    assert np.array_equal(shares.reshape(-1, 3), np.array(written))


def test_a_packed_submission_is_read(path: Path) -> None:
    packed = path.with_name("submission.csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert np.array_equal(read_submission(packed)[1], read_submission(path)[1])


def test_rows_may_come_in_any_order(path: Path) -> None:
    header, *lines = path.read_text().splitlines()
    expected = read_submission(path)
    path.write_text("\n".join([header, *sorted(lines, reverse=True)]))
    told = read_submission(path)
    first = told[0].index("100")
    assert np.array_equal(told[1][first], expected[1][0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "1 rows are missing, the first 1.2.840.99_right_subarticular"),
        (lambda lines: [*lines, lines[4]], "100_spinal_canal_stenosis_l4_l5 is there twice"),
        (lambda lines: [*lines, "100_neck_l1_l2,1,0,0"], "names no finding"),
        (lambda lines: [*lines, f"{CELLS[0].row_id('9')},nan,0,1"], "expected three finite shares"),
        (lambda lines: [*lines, f"{CELLS[0].row_id('9')},-1,1,1"], "at least 0"),
        (lambda lines: [*lines, f"{CELLS[0].row_id('9')},0,0,0"], "not all 0"),
        (lambda lines: [*lines, f"{CELLS[0].row_id('9')},mild,0,1"], "holds"),
        (lambda lines: [*lines, CELLS[0].row_id("9")], "holds"),
        (lambda lines: ["row_id,a,b,c", *lines[1:]], "expected"),
    ],
    ids=["missing", "twice", "unknown", "nan", "negative", "zeros", "word", "short", "header"],
)
def test_a_broken_submission_is_refused_with_its_row(path: Path, change, message: str) -> None:
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(FormatError, match=message):
        read_submission(path)


def test_rows_may_be_missing_where_that_is_asked_for(path: Path) -> None:
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    _, shares = read_submission(path, partial=True)
    assert np.argwhere(np.isnan(shares).any(2)).tolist() == [[1, 24]]


def test_both_files_give_the_same_predictions(
    grades: list[StudyGrades], path: Path, tmp_path: Path
) -> None:
    write_grades(grades_table(grades), tmp_path / "grades.parquet")
    grown, submitted = read_predictions(tmp_path / "grades.parquet"), read_predictions(path)
    assert grown.study_ids == submitted.study_ids
    assert grown.weighted[grown.graded] == pytest.approx(submitted.weighted[grown.graded])


def test_only_the_grades_know_what_was_not_assessed(grades: list[StudyGrades]) -> None:
    predictions = predictions_of(grades_table(grades))
    assert np.argwhere(~predictions.graded).tolist() == [[1, 17]]


def test_a_study_with_fewer_rows_is_refused(grades: list[StudyGrades]) -> None:
    with pytest.raises(FormatError, match=r"study 1\.2\.840\.99 has 24 rows, expected 25"):
        predictions_of(grades_table(grades).slice(0, 49))


def test_a_row_given_twice_is_refused(grades: list[StudyGrades]) -> None:
    with pytest.raises(FormatError, match="row 100_spinal_canal_stenosis_l1_l2 is there twice"):
        predictions_of(grades_table([grades[0], grades[0]]))


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"expected a submission \.csv"):
        read_predictions(tmp_path / "grades.xlsx")


def test_a_packed_submission_that_breaks_off_is_refused(path: Path) -> None:
    packed = path.with_name("short.csv.gz")
    packed.write_bytes(gzip.compress(path.read_bytes())[:-20])
    with pytest.raises(FormatError, match=r"short\.csv\.gz: cannot be read to its end"):
        read_submission(packed)
