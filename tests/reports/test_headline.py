"""The headline: when "No degeneration" may be said, and what never goes without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lumbar.domain import (
    CELLS,
    Basis,
    Evidence,
    Family,
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
from lumbar.reports.headline import NUMBERING_UNCERTAIN, Tone, headline

SHARES = {
    Severity.NORMAL_MILD: (0.8, 0.15, 0.05),
    Severity.MODERATE: (0.2, 0.7, 0.1),
    Severity.SEVERE: (0.1, 0.2, 0.7),
}
MILD, MODERATE, SEVERE = Severity
EVIDENCE = Evidence(View.SAGITTAL_T1, "1.2", "1.2.3", (10.0, 12.0), None, 48.0, 0.9)


def study(
    foraminal: dict[int, Severity] | str | None = None,
    others: dict[int, Severity] | str | None = None,
    *,
    numbering: LevelNumbering = LevelNumbering.CERTAIN,
    unsided: tuple[UnsidedFinding, ...] = (),
) -> StudyGrades:
    """A study with foramina known from patients and the rest from phantoms.

    A text is the reason why those were not assessed; a mapping names the rows (of its 10 or 15)
    that are not Normal/Mild.
    """
    findings: list[Finding] = []
    numbers = {True: 0, False: 0}
    for cell in CELLS:
        real = cell.condition.family is Family.FORAMINAL
        given = (foraminal if real else others) or {}
        if isinstance(given, str):
            reason = given.format(cell.condition.family.view.description)
            findings.append(Finding.not_assessed(cell, reason))
            continue
        severity = given.get(numbers[real], MILD)
        numbers[real] += 1
        basis = Basis.REAL if real else Basis.SYNTHETIC
        findings.append(
            Finding(cell, Status.GRADED, "", severity, SHARES[severity], basis, EVIDENCE)
        )
    return StudyGrades("1.2.3", tuple(findings), numbering, "demo@0", unsided=unsided)


def lone(
    severity: Severity,
    basis: Basis = Basis.REAL,
    level: Level | None = Level.L1_L2,
    side: Side | None = None,
    family: Family = Family.FORAMINAL,
) -> UnsidedFinding:
    evidence = replace(EVIDENCE, view=family.view)
    return UnsidedFinding(
        family, level, side, severity, SHARES[severity], basis, "graded", evidence
    )


LONE_SIDE = "nothing says which side the lone slice shows; its grades are in `unsided`"


def test_no_degeneration_says_how_many_findings_and_what_they_rest_on() -> None:
    told = headline(study())
    assert (told.tone, told.title) == (Tone.NONE, "No degeneration")
    assert told.lines == (
        "in 10 findings known from real patients; "
        "15 more graded by a model never tested on patients",
    )


def test_no_degeneration_says_what_was_not_assessed_and_why() -> None:
    told = headline(study(others="no {} series"))
    assert told.title == "No degeneration"
    assert told.lines == (
        "in 10 findings known from real patients; 15 not assessed: no T2 or axial series",
    )


def test_no_degeneration_of_phantoms_alone_rests_on_no_patient() -> None:
    told = headline(study(foraminal="no {} series"))
    assert told.tone is Tone.NONE
    assert told.lines == (
        "in 15 findings graded by a model never tested on patients; 10 not assessed: no T1 series",
    )


@pytest.mark.parametrize("severity", [MODERATE, SEVERE])
def test_one_finding_of_a_patient_tested_model_is_degeneration_found(severity: Severity) -> None:
    told = headline(study({3: severity}))
    assert (told.tone, told.title) == (Tone.FOUND, "Degeneration found")
    assert told.lines == (
        f"1 {severity.label} in 10 findings known from real patients; "
        "no degeneration in 15 more graded by a model never tested on patients",
    )


def test_degeneration_of_both_bases_is_counted_apart() -> None:
    told = headline(study({0: MODERATE, 1: SEVERE, 2: SEVERE}, {0: MODERATE}))
    assert told.tone is Tone.FOUND
    assert told.lines == (
        "2 Severe and 1 Moderate in 10 findings known from real patients; "
        "1 Moderate in 15 more graded by a model never tested on patients",
    )


@pytest.mark.parametrize("severity", [MODERATE, SEVERE])
def test_a_synthetic_finding_alone_is_only_possible(severity: Severity) -> None:
    told = headline(study(others={7: severity}))
    assert told.tone is Tone.POSSIBLE
    assert told.title == "Possible degeneration, from a model never tested on patients"
    assert told.lines == (
        f"1 {severity.label} in 15 findings graded by a model never tested on patients; "
        "no degeneration in 10 more known from real patients",
    )


def test_a_study_where_nothing_was_graded_says_that_and_why() -> None:
    told = headline(study("no {} series", "no {} series", numbering=LevelNumbering.UNCERTAIN))
    assert (told.tone, told.title) == (Tone.UNKNOWN, "No finding could be graded")
    assert told.lines == ("25 not assessed: no T2, T1 or axial series",)


def test_reasons_that_differ_in_a_figure_only_are_one_reason() -> None:
    grades = study(others="no {} series")
    findings = list(grades.findings)
    for number in range(5, 8):
        reason = f"its level was not found with confidence (0.1{number} of at least 0.30)"
        findings[number] = Finding.not_assessed(CELLS[number], reason)
    told = headline(replace(grades, findings=tuple(findings)))
    assert told.lines == (
        "in 7 findings known from real patients; 18 not assessed: "
        "no T2 or axial series, its level was not found with confidence",
    )


def test_more_reasons_than_a_line_holds_are_not_dropped_in_silence() -> None:
    findings = tuple(
        Finding.not_assessed(cell, f"reason {number % 4}") for number, cell in enumerate(CELLS)
    )
    told = headline(replace(study(), findings=findings))
    assert told.lines == ("25 not assessed: reason 0, reason 1, reason 2, and other reasons",)


def test_uncertain_level_numbering_is_said_under_every_headline() -> None:
    for foraminal in ({}, {1: SEVERE}):
        told = headline(study(foraminal, numbering=LevelNumbering.UNCERTAIN))
        assert told.lines[-1] == NUMBERING_UNCERTAIN


def test_a_lone_slice_of_unknown_side_makes_the_headline() -> None:
    grades = study(
        LONE_SIDE,
        "no {} series",
        numbering=LevelNumbering.UNCERTAIN,
        unsided=(lone(MILD), lone(SEVERE, level=Level.L2_L3)),
    )
    told = headline(grades)
    assert told.tone is Tone.FOUND
    assert told.lines == (
        "1 Severe in 2 findings known from real patients; 15 not assessed: no T2 or axial series",
        "2 findings on a lone Sagittal T1 slice: nothing says which side it shows",
        NUMBERING_UNCERTAIN,
    )


def test_a_lone_slice_without_level_has_no_level_to_be_uncertain_of() -> None:
    recesses = tuple(
        lone(MILD, Basis.SYNTHETIC, None, side, Family.SUBARTICULAR) for side in (None, None)
    )
    told = headline(
        study("no {} series", LONE_SIDE, numbering=LevelNumbering.UNCERTAIN, unsided=recesses)
    )
    assert told.title == "No degeneration"
    assert told.lines[-1] == (
        "2 findings on a lone Axial T2 slice: nothing says which side and level it shows"
    )


def test_a_lone_slice_of_a_synthetic_family_is_only_possible() -> None:
    recess = lone(MODERATE, Basis.SYNTHETIC, None, Side.LEFT, Family.SUBARTICULAR)
    told = headline(study("no {} series", LONE_SIDE, unsided=(recess,)))
    assert told.tone is Tone.POSSIBLE
    assert told.lines[-1] == (
        "1 finding on a lone Axial T2 slice: nothing says which level it shows"
    )


def test_grades_above_the_likeliest_one_are_counted_and_explained() -> None:
    plain = study()
    assert not any("likeliest" in line for line in headline(plain).lines)
    tilted = replace(plain.findings[3], severity=SEVERE, probabilities=(0.33, 0.44, 0.23))
    told = headline(replace(plain, findings=(*plain.findings[:3], tilted, *plain.findings[4:])))
    assert told.lines[1] == (
        "1 finding has a grade above the likeliest one: the model's rule counts Moderate twice "
        "and Severe four times, to miss fewer of them"
    )
