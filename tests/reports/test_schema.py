"""grades.parquet: what is written is read back, and another version is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lumbar.domain import CELLS, Basis, Family, Severity, Side, StudyGrades, UnsidedFinding
from lumbar.errors import FormatError
from lumbar.reports.schema import (
    GRADES_SCHEMA,
    grades_table,
    read_grades,
    read_unsided,
    unsided_rows,
    write_grades,
)


@pytest.fixture
def path(grades: list[StudyGrades], tmp_path: Path) -> Path:
    write_grades(grades_table(grades), tmp_path / "grades.parquet")
    return tmp_path / "grades.parquet"


def test_the_columns_are_the_contracts() -> None:
    assert GRADES_SCHEMA.names == [
        *("study_id", "condition", "level", "severity"),
        *("p_normal_mild", "p_moderate", "p_severe"),
        *("status", "reason", "basis", "level_numbering", "evidence"),
    ]


def test_what_was_written_is_read_back(grades: list[StudyGrades], path: Path) -> None:
    assert read_grades(path).equals(grades_table(grades))


def test_a_study_has_its_25_findings_in_order(path: Path) -> None:
    rows = read_grades(path).to_pylist()
    named = [f"{row['condition']}_{row['level']}" for row in rows if row["study_id"] == "100"]
    assert named == [cell.column for cell in CELLS]


def test_a_finding_not_assessed_is_null_but_for_its_reason(path: Path) -> None:
    row = read_grades(path).to_pylist()[25 + 17]
    told = {name: value for name, value in row.items() if value is not None}
    assert told == {
        "study_id": "1.2.840.99",
        "condition": "left_subarticular_stenosis",
        "level": "l3_l4",
        "status": "not_assessed",
        "reason": "no axial series",
        "level_numbering": "uncertain",
    }


def test_the_evidence_keeps_points_with_and_without_geometry(path: Path) -> None:
    canal, foramen = (read_grades(path).to_pylist()[index]["evidence"] for index in (0, 5))
    assert (canal["point_px"], canal["point_mm"]) == ([101.5, 88.25], None)
    assert foramen["point_mm"] == [1.5, -20.0, 33.0]


@pytest.mark.parametrize("metadata", [{"schema_version": "2"}, {}])
def test_another_schema_version_is_refused_with_what_to_do(
    grades: list[StudyGrades], tmp_path: Path, metadata: dict[str, str]
) -> None:
    path = tmp_path / "grades.parquet"
    pq.write_table(grades_table(grades).replace_schema_metadata(metadata), path)
    with pytest.raises(FormatError, match=r"schema_version \w+, this lumbar reads 1; write the"):
        read_grades(path)


def test_a_column_cut_away_is_named(grades: list[StudyGrades], tmp_path: Path) -> None:
    path = tmp_path / "grades.parquet"
    pq.write_table(grades_table(grades).drop_columns(["level_numbering"]), path)
    with pytest.raises(FormatError, match="no column level_numbering"):
        read_grades(path)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "grades.parquet"
    path.write_text("study_id,condition\n")
    with pytest.raises(FormatError, match="not a Parquet file"):
        read_grades(path)


def test_an_empty_table_keeps_its_types() -> None:
    assert grades_table([]).schema.equals(GRADES_SCHEMA, check_metadata=True)


def test_parts_can_be_joined(grades: list[StudyGrades]) -> None:
    parts = [grades_table([study]) for study in grades]
    assert pa.concat_tables(parts).equals(grades_table(grades))


def lone(study: StudyGrades) -> StudyGrades:
    """The study with two grades of a lone axial slice, one of them with a side."""
    evidence = study.findings[0].evidence
    assert evidence is not None
    shares = (0.2, 0.5, 0.3)
    unsided = tuple(
        UnsidedFinding(
            Family.SUBARTICULAR,
            None,
            side,
            Severity.MODERATE,
            shares,
            Basis.SYNTHETIC,
            "graded",
            evidence,
        )
        for side in (Side.LEFT, None)
    )
    return replace(study, unsided=unsided)


def test_grades_without_a_row_stand_in_the_files_metadata(
    grades: list[StudyGrades], tmp_path: Path
) -> None:
    path = tmp_path / "grades.parquet"
    studies = [lone(grades[0]), grades[1]]
    write_grades(
        grades_table(studies), path, {study.study_id: unsided_rows(study) for study in studies}
    )
    told = read_unsided(path)
    assert list(told) == ["100"]
    assert [(row["condition"], row["level"], row["side"]) for row in told["100"]] == [
        ("subarticular_stenosis", None, "left"),
        ("subarticular_stenosis", None, None),
    ]
    assert told["100"][0]["severity"] == "Moderate"
    assert told["100"][0]["p_moderate"] == 0.5
    assert read_grades(path).equals(grades_table(studies))


def test_a_file_without_lone_slices_tells_none(path: Path) -> None:
    assert read_unsided(path) == {}
