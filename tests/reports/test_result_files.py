"""A study's result as CSV and as a page: every finding, what it rests on, and nothing that runs."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

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
    StudyGrades,
    UnsidedFinding,
    View,
)
from lumbar.reports.headline import headline
from lumbar.reports.provenance import NOTICE, Provenance
from lumbar.reports.result_csv import COLUMNS, result_csv
from lumbar.reports.result_html import result_html, worst_first

PROVENANCE = Provenance("demo@0123456789abcdef", "synthetic phantoms of lumbar.phantom")
HOSTILE = "</title><script>alert('x')</script>&\"' 😀"


@pytest.fixture
def one(grades: list[StudyGrades]) -> StudyGrades:
    """24 graded findings, one that was not assessed, and a lone slice's."""
    evidence = Evidence(View.SAGITTAL_T1, "1.2", "file.png", (10.0, 12.0), None, 48.0, 0.9)
    lone = UnsidedFinding(
        Family.FORAMINAL,
        Level.L4_L5,
        None,
        Severity.SEVERE,
        (0.1, 0.2, 0.7),
        Basis.REAL,
        "graded on Sagittal T1 at the located level",
        evidence,
    )
    return replace(grades[1], unsided=(lone,))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_the_25_rows_in_their_order_and_then_the_lone_slices(one: StudyGrades) -> None:
    rows = table(result_csv(one, PROVENANCE))
    named = [(row["condition"], row["level"]) for row in rows]
    assert named[:25] == [(cell.condition.value, cell.level.value) for cell in CELLS]
    assert named[25:] == [("neural_foraminal_narrowing", "l4_l5")]
    assert rows[25]["side"] == ""


def test_the_csv_holds_every_digit_and_leaves_empty_what_was_not_assessed(one: StudyGrades) -> None:
    rows = table(result_csv(one, PROVENANCE))
    for row, finding in zip(rows, one.findings, strict=False):
        shares = [float(row[f"p_{s.column}"]) for s in Severity if row[f"p_{s.column}"]]
        assert tuple(shares) == (finding.probabilities or ())
        assert row["severity"] == (finding.severity.label if finding.probabilities else "")
    assert rows[17]["status"] == "not_assessed"
    assert rows[17]["reason"] == "no axial series"


def test_every_csv_row_says_what_it_rests_on(one: StudyGrades) -> None:
    for row in table(result_csv(one, PROVENANCE)):
        assert row["notice"] == NOTICE
        assert row["bundle"] == PROVENANCE.bundle
        assert row["trained_on"] == PROVENANCE.trained_on
        assert row["level_numbering"] == "uncertain"
        assert tuple(row) == COLUMNS


def test_a_spreadsheet_runs_nothing_of_the_csv(one: StudyGrades) -> None:
    rows = table(result_csv(replace(one, study_id="=HYPERLINK(0)"), PROVENANCE))
    assert {row["study_id"] for row in rows} == {"'=HYPERLINK(0)"}


class Text(HTMLParser):
    """The page's tags and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_asks_for_nothing_and_runs_nothing(one: StudyGrades) -> None:
    page = result_html(one, PROVENANCE)
    seen = Text(page)
    assert not {"script", "link", "img", "iframe", "base"} & {tag for tag, _ in seen.tags}
    keys = {key for _, attributes in seen.tags for key in attributes}
    assert not {"src", "href"} & keys
    assert not [key for key in keys if key.startswith("on")]
    assert not re.findall(r"url\(|@import|https?://", page)


def test_the_page_escapes_whatever_it_is_told(one: StudyGrades) -> None:
    findings = list(one.findings)
    findings[3] = Finding.not_assessed(CELLS[3], HOSTILE)
    hostile = replace(one, study_id=HOSTILE, findings=tuple(findings))
    page = result_html(hostile, Provenance(HOSTILE, HOSTILE))
    assert "script" not in {tag for tag, _ in Text(page).tags}
    assert Text(page).text.count(HOSTILE) == 5  # study, model, training, and the reason twice


def test_the_page_says_headline_basis_notice_and_numbering(one: StudyGrades) -> None:
    text = Text(result_html(one, PROVENANCE)).text
    told = headline(one)
    for words in (told.title, *told.lines, NOTICE, PROVENANCE.bundle, PROVENANCE.trained_on):
        assert words in text
    certain = replace(one, level_numbering=LevelNumbering.CERTAIN)
    assert "uncertain" not in Text(result_html(certain, PROVENANCE)).text.lower()


def test_the_grid_names_all_25_cells_for_those_who_cannot_see_it(one: StudyGrades) -> None:
    labels = [
        attributes["aria-label"]
        for tag, attributes in Text(result_html(one, PROVENANCE)).tags
        if tag == "div" and attributes.get("role") == "img"
    ]
    told = {
        f"{f.cell.condition.words} {f.cell.level.words}: "
        f"{f.severity.label if f.severity is not None else 'not assessed'}"
        for f in one.findings
    }
    assert len(labels) == 25
    assert set(labels) == told


def test_the_grid_has_the_patients_right_on_the_left(one: StudyGrades) -> None:
    page = result_html(one, PROVENANCE)
    heads = re.findall(r"<th scope='col'>(.*?)</th>", page)
    assert heads == ["Right foramen", "Right recess", "Canal", "Left recess", "Left foramen"]


def test_findings_stand_worst_first(one: StudyGrades) -> None:
    ranked = worst_first(one)
    assert len(ranked) == 24
    severities = [finding.severity for finding in ranked]
    assert severities == sorted(severities, reverse=True)
    severe = [f.probabilities[2] for f in ranked if f.probabilities and f.severity == 2]
    assert severe == sorted(severe, reverse=True)


def test_a_row_above_the_likeliest_grade_names_that_and_the_rule(one: StudyGrades) -> None:
    assert "is likelier" not in result_html(one, PROVENANCE)
    tilted = replace(one.findings[0], severity=Severity.SEVERE, probabilities=(0.33, 0.44, 0.23))
    told = replace(one, findings=(tilted, *one.findings[1:]))
    page = result_html(told, PROVENANCE)
    assert "Moderate is likelier (why not: see the top)" in page
    assert "the model&#x27;s rule counts Moderate twice and Severe four times" in page


@pytest.mark.parametrize(
    ("card", "sentence"),
    [
        ({"trained_on": {"source": "patients' images", "folds": 5}}, "patients' images"),
        ({"trained_on": "nothing"}, "nothing"),
        ({}, "not told by the model's card"),
    ],
)
def test_what_a_model_was_trained_on_is_its_cards_word(
    card: dict[str, object], sentence: str
) -> None:
    provenance = Provenance.of("demo@0123456789abcdef", card)
    assert provenance.trained_on == sentence
    assert (provenance.name, provenance.digest) == ("demo", "0123456789abcdef")
