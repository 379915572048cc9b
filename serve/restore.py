"""From an answer back to the grades that it was made of, which reports are written from."""

from __future__ import annotations

from lumbar.domain import (
    CELLS,
    Cell,
    Evidence,
    Family,
    Finding,
    Severity,
    StudyGrades,
    UnsidedFinding,
)
from serve.answer import Answer, EvidencePart, FindingPart, ProbabilitiesPart, UnsidedPart

__all__ = ["grades_of"]


def grades_of(answer: Answer) -> StudyGrades:
    """The grades of an answer, every number as it was."""
    return StudyGrades(
        answer.study_id,
        tuple(map(_finding, CELLS, answer.findings)),
        answer.level_numbering,
        answer.bundle,
        dict(answer.seconds),
        tuple(map(_unsided, answer.unsided)),
    )


def _finding(cell: Cell, part: FindingPart) -> Finding:
    return Finding(
        cell,
        part.status,
        part.reason,
        Severity.from_label(part.severity) if part.severity else None,
        _shares(part.probabilities) if part.probabilities else None,
        part.basis,
        _evidence(part.evidence) if part.evidence else None,
    )


def _unsided(part: UnsidedPart) -> UnsidedFinding:
    return UnsidedFinding(
        next(family for family in Family if family.condition == part.condition),
        part.level,
        part.side,
        Severity.from_label(part.severity),
        _shares(part.probabilities),
        part.basis,
        part.reason,
        _evidence(part.evidence),
    )


def _shares(part: ProbabilitiesPart) -> tuple[float, float, float]:
    return part.normal_mild, part.moderate, part.severe


def _evidence(part: EvidencePart) -> Evidence:
    return Evidence(
        part.view,
        part.series_id,
        part.instance,
        part.point_px,
        part.point_mm,
        part.field_mm,
        part.confidence,
    )
