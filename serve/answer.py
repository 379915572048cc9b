"""The JSON of an answer, in snake_case: the 25 findings, what they rest on, what was set aside.

`unsided` has what a lone slice shows and no row can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lumbar.domain import (
    Basis,
    Condition,
    Evidence,
    Finding,
    Level,
    LevelNumbering,
    Severity,
    Side,
    Status,
    StudyGrades,
    UnsidedFinding,
    View,
)
from lumbar.imaging import Study
from lumbar.reports.headline import headline
from serve.job import HeadlinePart
from serve.places import Place, places_of

__all__ = ["NOTICE", "Answer", "ModelAnswer", "answer_of"]

Places = Mapping[tuple[str, str], Place]

NOTICE: Literal["Research use only - not a medical device"] = (
    "Research use only - not a medical device"
)


class Part(BaseModel):
    """A piece of an answer."""

    model_config = ConfigDict(frozen=True)


class ProbabilitiesPart(Part):
    """Calibrated probabilities of the three grades; they sum to 1."""

    normal_mild: float
    moderate: float
    severe: float


class EvidencePart(Part):
    """Where a grade was read off: `domain.Evidence`."""

    view: View
    series_id: str
    instance: str
    """As the file names it; it may repeat within a series."""
    slice: int | None = None
    """The slice's number in its series, from 0, as .../series counts them."""
    point_px: tuple[float, float]
    """(column, row), the centre of the first pixel = (0, 0)."""
    point_mm: tuple[float, float, float] | None
    """DICOM patient frame (LPS), null where the file has no geometry."""
    field_mm: float
    confidence: float
    crop_px: tuple[tuple[float, float], ...] | None = None
    """(column, row) of the four corners of the picture that the model saw, top left first and
    then clockwise as it saw it; null where no heat map was made."""
    heatmap: bool = False
    """Whether .../findings/{condition}/{level}/heatmap.png shows where the picture would
    change the grade."""


class FindingPart(Part):
    """One of the 25 findings: a grade, or why there is none."""

    condition: Condition
    level: Level
    severity: Literal["Normal/Mild", "Moderate", "Severe"] | None
    probabilities: ProbabilitiesPart | None
    status: Status
    reason: str
    basis: Basis | None
    evidence: EvidencePart | None


class UnsidedPart(Part):
    """A grade of a lone slice that is none of the 25: its level, its side or both are unknown."""

    condition: Literal[
        "spinal_canal_stenosis", "neural_foraminal_narrowing", "subarticular_stenosis"
    ]
    level: Level | None
    side: Side | None
    severity: Literal["Normal/Mild", "Moderate", "Severe"]
    probabilities: ProbabilitiesPart
    basis: Basis
    reason: str
    evidence: EvidencePart


class SeriesPart(Part):
    """A series of the study: the view that it was taken for, and why.

    `slices` are those that were decoded: 0 where it was taken for none.
    """

    series_id: str
    view: View | None
    reason: str
    slices: int


class SetAsidePart(Part):
    """A file that was sent and not used, by the name that it was sent under."""

    file: str
    reason: str


class ModelPart(Part):
    """The model that answered and what it was trained on."""

    bundle: str
    trained_on: str
    notice: Literal["Research use only - not a medical device"] = NOTICE


class Answer(Part):
    """The grades of one study."""

    study_id: str
    job: str | None = None
    """The job that holds this answer, its pictures and its other forms."""
    bundle: str
    """Name and digest of the model that answered."""
    model: ModelPart
    headline: HeadlinePart
    level_numbering: LevelNumbering
    notice: Literal["Research use only - not a medical device"] = NOTICE
    findings: tuple[FindingPart, ...]
    unsided: tuple[UnsidedPart, ...]
    """What lone slices show that is none of the 25 findings' grade; empty for a whole study."""
    series: tuple[SeriesPart, ...]
    set_aside: tuple[SetAsidePart, ...]
    seconds: Mapping[str, float]
    """Where the time went, by stage."""


class ModelAnswer(Part):
    """The model that answers, what it was trained on, and how its self-test went."""

    bundle: str
    notice: Literal["Research use only - not a medical device"] = NOTICE
    selftest_difference: float
    """Largest difference of a probability from the bundle's own expected rows."""
    card: Mapping[str, Any]


def answer_of(
    study: Study,
    grades: StudyGrades,
    names: Mapping[str, str],
    seconds: Mapping[str, float],
    taught_by: str = "",
) -> Answer:
    """The answer for a study; `names` gives a file the name that it was sent under,
    `taught_by` says what the model was trained on. The grades may be of `places.told_apart`."""
    words = headline(grades)
    places = places_of(study)
    return Answer(
        study_id=grades.study_id,
        bundle=grades.bundle,
        model=ModelPart(bundle=grades.bundle, trained_on=taught_by),
        headline=HeadlinePart(tone=words.tone.value, title=words.title, lines=words.lines),
        level_numbering=grades.level_numbering,
        findings=tuple(_finding(one, places) for one in grades.findings),
        unsided=tuple(_unsided(one, places) for one in grades.unsided),
        series=tuple(
            SeriesPart(series_id=s.series_id, view=s.view, reason=s.reason, slices=len(s))
            for s in study.series
        ),
        set_aside=tuple(
            SetAsidePart(file=names.get(aside.file, aside.file), reason=aside.reason)
            for aside in study.set_aside
        ),
        seconds={stage: round(spent, 4) for stage, spent in {**seconds, **grades.seconds}.items()},
    )


def _unsided(finding: UnsidedFinding, places: Places) -> UnsidedPart:
    return UnsidedPart.model_validate(
        {
            "condition": finding.family.condition,
            "level": finding.level,
            "side": finding.side,
            "severity": finding.severity.label,
            "probabilities": _named(finding.probabilities),
            "basis": finding.basis,
            "reason": finding.reason,
            "evidence": _evidence(finding.evidence, places),
        }
    )


def _named(shares: tuple[float, float, float]) -> dict[str, float]:
    return {s.column: p for s, p in zip(Severity, shares, strict=True)}


def _finding(finding: Finding, places: Places) -> FindingPart:
    shares = finding.probabilities
    return FindingPart.model_validate(
        {
            "condition": finding.cell.condition,
            "level": finding.cell.level,
            "severity": finding.severity.label if finding.severity is not None else None,
            "probabilities": _named(shares) if shares else None,
            "status": finding.status,
            "reason": finding.reason,
            "basis": finding.basis,
            "evidence": _evidence(finding.evidence, places) if finding.evidence else None,
        }
    )


def _evidence(evidence: Evidence, places: Places) -> EvidencePart:
    place = places.get((evidence.series_id, evidence.instance))
    return EvidencePart(
        view=evidence.view,
        series_id=evidence.series_id,
        instance=place.instance if place else evidence.instance,
        slice=place.number if place else None,
        point_px=evidence.point_px,
        point_mm=evidence.point_mm,
        field_mm=evidence.field_mm,
        confidence=evidence.confidence,
    )
