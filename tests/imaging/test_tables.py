"""The challenge's CSVs: what a row means, and the row that a mistake is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumbar.domain import CELLS, Cell, Condition, Level, Severity, Side
from lumbar.errors import FormatError
from lumbar.imaging import (
    LabelPoint,
    read_descriptions,
    read_label_points,
    read_labels,
    read_shown_slices,
)

CANAL = Cell(Condition.SPINAL_CANAL_STENOSIS, Level.L1_L2)
POINTS = "study_id,series_id,instance_number,condition,level,x,y\n"


def table(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def labels(folder: Path, *rows: tuple[str, str]) -> Path:
    """A train.csv whose first cell is given, the other 24 blank."""
    header = ",".join(["study_id", *(cell.column for cell in CELLS)])
    lines = [f"{study},{first}" + "," * 24 for study, first in rows]
    return table(folder, "\n".join([header, *lines]) + "\n")


def test_a_grade_is_read_and_a_blank_is_none(tmp_path: Path) -> None:
    grades = read_labels(labels(tmp_path, ("7", "Severe"), ("8", "")))
    assert grades["7"][CANAL] is Severity.SEVERE
    assert grades["8"][CANAL] is None
    assert len(grades["7"]) == 25


def test_of_a_study_given_twice_the_first_row_counts(tmp_path: Path) -> None:
    grades = read_labels(labels(tmp_path, ("7", "Severe"), ("7", "Moderate")))
    assert grades["7"][CANAL] is Severity.SEVERE


def test_an_unknown_grade_names_its_row_and_column(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"row 3: spinal_canal_stenosis_l1_l2 is 'Awful'"):
        read_labels(labels(tmp_path, ("7", "Severe"), ("8", "Awful")))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no column series_description"):
        read_descriptions(table(tmp_path, "study_id,series_id\n1,2\n"))


def test_a_point_is_a_cell_at_a_column_and_a_row(tmp_path: Path) -> None:
    path = table(tmp_path, POINTS + "1,2,3,Left Subarticular Stenosis,L4/L5,10.5,20\n")
    cell = Cell(Condition.LEFT_SUBARTICULAR_STENOSIS, Level.L4_L5)
    assert read_label_points(path) == [LabelPoint("1", "2", 3, cell, 10.5, 20.0)]


def test_a_point_of_an_unknown_condition_names_its_row(tmp_path: Path) -> None:
    path = table(tmp_path, POINTS + "1,2,3,Headache,L4/L5,10,20\n")
    with pytest.raises(FormatError, match=r"row 2: 'headache'"):
        read_label_points(path)


def test_of_a_cells_points_in_one_series_the_first_counts(tmp_path: Path) -> None:
    row = "1,{series},3,Spinal Canal Stenosis,L1/L2,{x},20\n"
    rows = [("2", 10), ("2", 11), ("9", 12)]
    path = table(tmp_path, POINTS + "".join(row.format(series=s, x=x) for s, x in rows))
    assert [(p.series_id, p.x) for p in read_label_points(path)] == [("2", 10.0), ("9", 12.0)]


def test_a_squashed_slices_row_may_leave_the_side_open(tmp_path: Path) -> None:
    text = "study_id,series_id,instance_number,side,rows,columns\n1,2,3,left,512,448\n1,2,4,,9,8\n"
    first, second = read_shown_slices(table(tmp_path, text))
    assert (first.side, first.rows, first.columns) == (Side.LEFT, 512, 448)
    assert second.side is None


def test_a_byte_order_mark_and_blanks_do_no_harm(tmp_path: Path) -> None:
    text = "\ufeffstudy_id, series_id ,series_description\n1 , 2,Axial T2 \n"
    assert read_descriptions(table(tmp_path, text)) == {("1", "2"): "Axial T2"}
