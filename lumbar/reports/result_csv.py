"""One study's result as a table: its 25 rows, and below them what lone slices show."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from lumbar.domain import Evidence, Finding, Severity, Status, StudyGrades, UnsidedFinding
from lumbar.reports.provenance import Provenance

__all__ = ["COLUMNS", "Value", "harmless", "result_csv"]

COLUMNS: tuple[str, ...] = (
    *("study_id", "condition", "level", "side", "severity"),
    *(f"p_{severity.column}" for severity in Severity),
    *("status", "reason", "basis", "level_numbering"),
    *("view", "series_id", "instance", "column_px", "row_px", "x_mm", "y_mm", "z_mm"),
    *("confidence", "bundle", "trained_on", "notice"),
)
"""Columns of the table. `condition` of a lone slice's row is without side, as in `unsided`; a
level or side that is not known is empty, and so is the side of the canal."""

Value = str | float | None
"""What a cell holds."""
_Row = Sequence[Value]


def result_csv(grades: StudyGrades, provenance: Provenance) -> str:
    """A study's findings as CSV with a head (RFC 4180, UTF-8): 25 rows, then those of `unsided`.

    Text that a spreadsheet would take for a formula is told apart by a leading apostrophe.
    """
    told = io.StringIO()
    writer = csv.writer(told)
    writer.writerow(COLUMNS)
    for row in _rows(grades):
        line = [grades.study_id, *row]
        line += [provenance.bundle, provenance.trained_on, provenance.notice]
        writer.writerow([harmless(value) for value in line])
    return told.getvalue()


def _rows(grades: StudyGrades) -> Iterator[_Row]:
    numbering = grades.level_numbering.value
    for finding in grades.findings:
        yield (*_row(finding), numbering, *_evidence(finding.evidence))
    for lone in grades.unsided:
        yield (*_lone(lone), numbering, *_evidence(lone.evidence))


def _row(finding: Finding) -> _Row:
    cell = finding.cell
    return (
        cell.condition.value,
        cell.level.value,
        cell.condition.side,
        finding.severity.label if finding.severity is not None else None,
        *(finding.probabilities or (None, None, None)),
        finding.status.value,
        finding.reason,
        finding.basis,
    )


def _lone(finding: UnsidedFinding) -> _Row:
    return (
        finding.family.condition,
        finding.level,
        finding.side,
        finding.severity.label,
        *finding.probabilities,
        Status.GRADED.value,
        finding.reason,
        finding.basis,
    )


def _evidence(evidence: Evidence | None) -> _Row:
    if evidence is None:
        return (None,) * 9
    return (
        evidence.view.value,
        evidence.series_id,
        evidence.instance,
        *evidence.point_px,
        *(evidence.point_mm or (None, None, None)),
        evidence.confidence,
    )


def harmless(value: Value) -> Value:
    """Text that no spreadsheet runs (OWASP, "CSV Injection"); numbers stay what they are."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
