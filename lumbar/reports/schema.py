"""`grades.parquet`: one row a finding, 25 a study, with its schema version.

A grade's probabilities are calibrated and untilted; they, the severity and the evidence are null
where the finding was not assessed. The file's metadata carry `schema_version`; a reader refuses
one that it does not know. What lone slices show that is no row's grade (`StudyGrades.unsided`)
stands in the metadata too, as JSON under `unsided`: a list a study.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lumbar.domain import Evidence, Finding, Severity, StudyGrades
from lumbar.errors import FormatError
from lumbar.reports.submission import submission_rows, write_submission

__all__ = [
    "GRADES_SCHEMA",
    "SCHEMA_VERSION",
    "grades_table",
    "read_grades",
    "read_unsided",
    "submission_rows",
    "unsided_rows",
    "write_grades",
    "write_submission",
]

SCHEMA_VERSION = "1"

Unsided = Mapping[str, Sequence[Mapping[str, Any]]]

EVIDENCE_TYPE = pa.struct(
    [
        ("view", pa.string()),
        ("series_id", pa.string()),
        ("instance", pa.string()),
        ("point_px", pa.list_(pa.float64())),
        ("point_mm", pa.list_(pa.float64())),
        ("field_mm", pa.float64()),
        ("confidence", pa.float64()),
    ]
)
"""domain.Evidence: `point_px` is (column, row), `point_mm` the patient frame or null."""

GRADES_SCHEMA = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("condition", pa.string(), nullable=False),
        pa.field("level", pa.string(), nullable=False),
        pa.field("severity", pa.string()),
        *(pa.field(f"p_{severity.column}", pa.float64()) for severity in Severity),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("basis", pa.string()),
        pa.field("level_numbering", pa.string(), nullable=False),
        pa.field("evidence", EVIDENCE_TYPE),
    ],
    metadata={"schema_version": SCHEMA_VERSION},
)


def grades_table(grades: Sequence[StudyGrades]) -> pa.Table:
    """The findings of some studies as rows of `GRADES_SCHEMA`, 25 a study."""
    rows = [row for study in grades for row in _rows(study)]
    return pa.Table.from_pylist(rows, schema=GRADES_SCHEMA)


def unsided_rows(grades: StudyGrades) -> list[dict[str, Any]]:
    """A study's `unsided` as plain values, in the words of the columns; `level`, `side` or null."""
    return [
        {
            "condition": finding.family.condition,
            "level": finding.level.value if finding.level else None,
            "side": finding.side.value if finding.side else None,
            "severity": finding.severity.label,
            **_shares(finding.probabilities),
            "basis": finding.basis.value,
            "reason": finding.reason,
            "evidence": _evidence(finding.evidence),
        }
        for finding in grades.unsided
    ]


def write_grades(table: pa.Table, path: Path, unsided: Unsided | None = None) -> None:
    """Write a table of grades with its schema version, and `unsided_rows` by study."""
    told = {study_id: rows for study_id, rows in sorted((unsided or {}).items()) if rows}
    metadata = {**GRADES_SCHEMA.metadata, **({b"unsided": json.dumps(told)} if told else {})}
    schema = GRADES_SCHEMA.with_metadata(metadata)
    pq.write_table(table.cast(schema), path, compression="zstd")


def read_unsided(path: Path) -> dict[str, list[dict[str, Any]]]:
    """`unsided_rows` by study of a `grades.parquet`; FormatError as `read_grades`."""
    told = _known_schema(path).metadata.get(b"unsided", b"{}")
    return dict(json.loads(told))


def read_grades(path: Path) -> pa.Table:
    """The table of a `grades.parquet`; FormatError for another file or schema version."""
    _known_schema(path)
    table: pa.Table = pq.read_table(path, schema=GRADES_SCHEMA)
    return table


def _known_schema(path: Path) -> pa.Schema:
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise FormatError(f"{path}: not a Parquet file that can be read ({error})") from error
    _refuse_unknown(schema, path)
    return schema


def _refuse_unknown(schema: pa.Schema, path: Path) -> None:
    version = (schema.metadata or {}).get(b"schema_version", b"none").decode()
    if version != SCHEMA_VERSION:
        raise FormatError(
            f"{path}: schema_version {version}, this lumbar reads {SCHEMA_VERSION}; write the "
            "grades again with this version's jobs/score.py, or read them with the lumbar that "
            "wrote them"
        )
    missing = [name for name in GRADES_SCHEMA.names if name not in schema.names]
    if missing:
        raise FormatError(f"{path}: no column {', '.join(missing)}; was it cut down by hand?")


def _rows(study: StudyGrades) -> Iterator[dict[str, Any]]:
    for finding in study.findings:
        yield {
            "study_id": study.study_id,
            "condition": finding.cell.condition.value,
            "level": finding.cell.level.value,
            **_grade(finding),
            "status": finding.status.value,
            "reason": finding.reason,
            "basis": finding.basis.value if finding.basis else None,
            "level_numbering": study.level_numbering.value,
            "evidence": _evidence(finding.evidence) if finding.evidence else None,
        }


def _grade(finding: Finding) -> dict[str, str | float | None]:
    severity = finding.severity.label if finding.severity is not None else None
    return {"severity": severity, **_shares(finding.probabilities or (None, None, None))}


def _shares(shares: Sequence[float | None]) -> dict[str, float | None]:
    return {f"p_{s.column}": share for s, share in zip(Severity, shares, strict=True)}


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "view": evidence.view.value,
        "series_id": evidence.series_id,
        "instance": evidence.instance,
        "point_px": list(evidence.point_px),
        "point_mm": list(evidence.point_mm) if evidence.point_mm is not None else None,
        "field_mm": evidence.field_mm,
        "confidence": evidence.confidence,
    }
