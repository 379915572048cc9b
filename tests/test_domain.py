"""The 25 cells are spelled and ordered as the challenge's files have them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from lumbar.domain import (
    CELLS,
    Cell,
    Condition,
    Finding,
    Level,
    LevelNumbering,
    Severity,
    Side,
    StudyGrades,
    View,
)


@pytest.mark.real
def test_cells_are_the_columns_of_train_csv(lumbar_data: Path) -> None:
    with (lumbar_data / "rsna" / "train.csv").open(newline="") as stream:
        header = next(csv.reader(stream))
    assert [cell.column for cell in CELLS] == header[1:]


@pytest.mark.real
def test_points_and_descriptions_are_spelled_as_in_the_challenge(lumbar_data: Path) -> None:
    with (lumbar_data / "rsna" / "train_label_coordinates.csv").open(newline="") as stream:
        rows = [(row["condition"], row["level"]) for row in csv.DictReader(stream)]
    assert {Condition.from_words(c).words for c, _ in rows} == {c for c, _ in rows}
    assert {Level.from_words(level).words for _, level in rows} == {level for _, level in rows}
    with (lumbar_data / "rsna" / "train_series_descriptions.csv").open(newline="") as stream:
        described = {row["series_description"] for row in csv.DictReader(stream)}
    assert {view.description for view in View} == described


def test_mirroring_swaps_sides_twice_is_nothing() -> None:
    for cell in CELLS:
        assert cell.mirrored.mirrored == cell
        assert (cell.mirrored == cell) == (cell.condition.side is None)


def test_a_condition_is_its_family_and_side() -> None:
    for condition in Condition:
        assert Condition.of(condition.family, condition.side) is condition
    assert Side.LEFT.other is Side.RIGHT


def test_severity_is_spelled_both_ways() -> None:
    assert [s.label for s in Severity] == ["Normal/Mild", "Moderate", "Severe"]
    assert [s.column for s in Severity] == ["normal_mild", "moderate", "severe"]
    assert Severity.from_label("Severe") is Severity.SEVERE
    with pytest.raises(ValueError, match="Normal/Mild"):
        Severity.from_label("mild")


def test_a_row_id_is_study_condition_level() -> None:
    cell = Cell(Condition.LEFT_SUBARTICULAR_STENOSIS, Level.L4_L5)
    assert cell.row_id("44036939") == "44036939_left_subarticular_stenosis_l4_l5"


def test_a_study_with_fewer_than_25_findings_is_refused() -> None:
    findings = tuple(Finding.not_assessed(cell, "not there") for cell in CELLS)
    whole = StudyGrades("1", findings, LevelNumbering.CERTAIN, "none")
    assert whole[CELLS[7]].cell == CELLS[7]
    with pytest.raises(ValueError, match="25"):
        StudyGrades("1", findings[:-1], LevelNumbering.CERTAIN, "none")
