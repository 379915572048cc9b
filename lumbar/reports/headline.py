"""What a study's grades come to in one sentence, and the lines under it, for every output.

"No degeneration" is said only where every finding that was graded is Normal/Mild, and never
without how many those were and what they rest on. A Moderate or Severe of a model that was never
tested on patients takes those words away without claiming the contrary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lumbar.domain import (
    MIDDLE_UNKNOWN,
    Basis,
    Finding,
    LevelNumbering,
    Severity,
    Status,
    StudyGrades,
    UnsidedFinding,
    View,
)
from lumbar.reports.weighed import WEIGHED, likelier

__all__ = ["NUMBERING_UNCERTAIN", "Headline", "Tone", "headline"]

NUMBERING_UNCERTAIN = "Level numbering uncertain: a level may be named one too high or one too low"

_REAL = "known from real patients"
_SYNTHETIC = "graded by a model never tested on patients"
_REASONS = 3
"""Reasons why findings were not assessed that are named; a line holds no more."""


class Tone(StrEnum):
    """How a headline is shown: nothing found, perhaps something, something, nothing known."""

    NONE = "none"
    POSSIBLE = "possible"
    FOUND = "found"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Headline:
    """The sentence over a study's findings and the lines that never go without it."""

    tone: Tone
    title: str
    lines: tuple[str, ...]


def headline(grades: StudyGrades) -> Headline:
    """The headline of a study; lone slices' grades that are no row's count like the others."""
    graded: list[Finding | UnsidedFinding] = [*grades.graded(), *grades.unsided]
    real = [finding for finding in graded if finding.basis is Basis.REAL]
    synthetic = [finding for finding in graded if finding.basis is not Basis.REAL]
    tone = _tone(real, synthetic)
    line = [*_counts(tone, real, synthetic), *_not_assessed(grades)]
    lines = ["; ".join(line), *_weighed(graded), *_lone(grades.unsided), *_beside(grades)]
    named = [*grades.graded(), *(one for one in grades.unsided if one.level is not None)]
    if named and grades.level_numbering is LevelNumbering.UNCERTAIN:
        lines.append(NUMBERING_UNCERTAIN)
    return Headline(tone, _TITLES[tone], tuple(lines))


_Graded = Sequence[Finding | UnsidedFinding]

_TITLES = {
    Tone.NONE: "No degeneration",
    Tone.POSSIBLE: "Possible degeneration, from a model never tested on patients",
    Tone.FOUND: "Degeneration found",
    Tone.UNKNOWN: "No finding could be graded",
}


def _tone(real: _Graded, synthetic: _Graded) -> Tone:
    if _narrow(real):
        return Tone.FOUND
    if _narrow(synthetic):
        return Tone.POSSIBLE
    return Tone.NONE if real or synthetic else Tone.UNKNOWN


def _narrow(findings: _Graded) -> list[Severity]:
    """The grades above Normal/Mild."""
    severities = [finding.severity for finding in findings]
    return [severity for severity in severities if severity]


def _counts(tone: Tone, real: _Graded, synthetic: _Graded) -> list[str]:
    """How many findings were graded, how they came out, and what they rest on."""
    parts = {Basis.REAL: (real, _REAL), Basis.SYNTHETIC: (synthetic, _SYNTHETIC)}
    order = [Basis.SYNTHETIC, Basis.REAL] if tone is Tone.POSSIBLE else list(Basis)
    told: list[str] = []
    for findings, basis in (parts[basis] for basis in order):
        if findings:
            many = f"{len(findings)} more" if told else _findings(findings)
            told.append(f"{_outcome(tone, findings, first=not told)}{many} {basis}")
    return told


def _outcome(tone: Tone, findings: _Graded, *, first: bool) -> str:
    """What stands before a number of findings; the title has said it where all are Normal/Mild."""
    if tone is Tone.NONE:
        return "in " if first else ""
    counts = Counter(_narrow(findings))
    severities = [f"{counts[s]} {s.label}" for s in reversed(Severity) if counts[s]]
    return f"{' and '.join(severities) or 'no degeneration'} in "


def _weighed(graded: _Graded) -> list[str]:
    """How many grades are not the likeliest one, and why."""
    higher = [one for one in graded if likelier(one.severity, one.probabilities) is not None]
    if not higher:
        return []
    have = "has" if len(higher) == 1 else "have"
    return [f"{_findings(higher)} {have} a grade above the likeliest one: {WEIGHED}"]


def _findings(findings: _Graded) -> str:
    return f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"


def _not_assessed(grades: StudyGrades) -> list[str]:
    """How many rows have no grade and why; `_lone` tells of a lone slice."""
    lone = {finding.family for finding in grades.unsided}
    reasons = Counter(
        _short(finding.reason)
        for finding in grades.findings
        if finding.status is Status.NOT_ASSESSED and finding.cell.condition.family not in lone
    )
    if not reasons:
        return []
    named = {reason for reason, _ in reasons.most_common(_REASONS)}
    others = ", and other reasons" if len(reasons) > _REASONS else ""
    told = _listed([reason for reason in reasons if reason in named])
    return [f"{reasons.total()} not assessed: {told}{others}"]


def _short(reason: str) -> str:
    """A reason without the figures that differ from finding to finding."""
    return reason.partition(" (")[0].partition(";")[0]


def _listed(reasons: Sequence[str]) -> str:
    """The reasons after one another; several series that are absent share their words."""
    absent = [_SERIES[reason] for reason in reasons if reason in _SERIES]
    others = [reason for reason in reasons if reason not in _SERIES]
    if absent:
        words = " or ".join(filter(None, (", ".join(absent[:-1]), absent[-1])))
        others.insert(0, f"no {words} series")
    return ", ".join(others)


_SERIES = {
    f"no {view.description} series": word
    for view, word in zip(View, ("T1", "T2", "axial"), strict=True)
}
"""Reasons of a view that is absent, and the view in a headline's words."""


def _lone(unsided: Iterable[UnsidedFinding]) -> list[str]:
    """What is not known of the lone slices among the pictures."""
    lines = []
    for findings in _by_family(unsided):
        unknown = [
            word
            for word, told in (
                ("side", [finding.side for finding in findings]),
                ("level", [finding.level for finding in findings]),
            )
            if None in told
        ]
        lines.append(
            f"{_findings(findings)} on a lone {findings[0].evidence.view.description} slice: "
            f"nothing says which {' and '.join(unknown)} it shows"
        )
    return lines


def _beside(grades: StudyGrades) -> list[str]:
    """How many grades are of slices that may not show the canal's middle."""
    findings = [one for one in grades.graded() if one.reason.endswith(MIDDLE_UNKNOWN)]
    if not findings:
        return []
    return [f"{_findings(findings)} on sagittal T2: {MIDDLE_UNKNOWN}"]


def _by_family(unsided: Iterable[UnsidedFinding]) -> list[list[UnsidedFinding]]:
    groups: dict[str, list[UnsidedFinding]] = {}
    for finding in unsided:
        groups.setdefault(finding.family, []).append(finding)
    return list(groups.values())
