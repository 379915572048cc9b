"""A result can be saved in four forms, and a reader can say what they see otherwise."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from jobs_of import done, stranger
from pydicom import dcmread
from starlette.testclient import TestClient

from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.imaging import read_uploaded
from serve.answer import Answer, answer_of
from serve.board import Board
from serve.example import Example
from serve.feedback import COLUMNS, FeedbackTable, Remark, main
from serve.restore import grades_of
from serve.settings import KeepSettings, Limits


@pytest.fixture(scope="module")
def job(client: TestClient, example: Example) -> dict[str, Any]:
    return done(client, ("study.zip", example.archive.read_bytes()))


@pytest.fixture(scope="module")
def answer(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    return dict(client.get(f"{job['address']}/result").json())


def test_grades_survive_their_json(served_bundle: Bundle, example: Example) -> None:
    for upload in (example.archive, example.dicom):
        study = read_uploaded({upload.name: upload.read_bytes()})[0]
        grades = Grader(served_bundle).grade(study)
        json = answer_of(study, grades, {}, {}).model_dump_json()
        again = grades_of(Answer.model_validate_json(json))
        assert again.findings == grades.findings
        assert again.unsided == grades.unsided


def test_the_csv_has_the_answers_rows(
    client: TestClient, job: dict[str, Any], answer: dict[str, Any]
) -> None:
    response = client.get(f"{job['address']}/result.csv")
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith("attachment")
    assert [(row["condition"], row["level"], row["severity"] or None) for row in rows] == [
        (f["condition"], f["level"], f["severity"]) for f in answer["findings"]
    ]


def test_the_html_has_the_headline_and_the_notice(
    client: TestClient, job: dict[str, Any], answer: dict[str, Any]
) -> None:
    response = client.get(f"{job['address']}/result.html")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert answer["headline"]["title"] in response.text
    assert "Research use only - not a medical device" in response.text


def test_the_report_is_of_the_studys_patient(
    client: TestClient, job: dict[str, Any], example: Example
) -> None:
    response = client.get(f"{job['address']}/result", headers={"Accept": "application/dicom"})
    assert response.headers["content-type"] == "application/dicom"
    report, source = dcmread(io.BytesIO(response.content)), dcmread(example.dicom)
    assert report.Modality == "SR"
    assert (report.StudyInstanceUID, report.PatientID) == (
        source.StudyInstanceUID,
        source.PatientID,
    )


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/html;q=0.9", "text/html; charset=utf-8"),
    ],
)
def test_accept_chooses_the_form(
    client: TestClient, job: dict[str, Any], accept: str, kind: str
) -> None:
    response = client.get(f"{job['address']}/result", headers={"Accept": accept})
    assert response.headers["content-type"] == kind


def test_a_png_has_no_report_and_says_why(client: TestClient, example: Example) -> None:
    job = done(client, ("slice.png", example.png.read_bytes()))
    response = client.get(f"{job['address']}/result.dcm")
    assert (response.status_code, response.json()["title"]) == (410, "No Structured Report")
    assert "without DICOM headers" in response.json()["detail"]
    assert client.get(f"{job['address']}/result.csv").status_code == 200


def test_a_remark_is_kept_beside_our_grade_and_exported(
    client: TestClient, job: dict[str, Any], answer: dict[str, Any]
) -> None:
    graded = next(f for f in answer["findings"] if f["severity"])
    said = {"condition": graded["condition"], "level": graded["level"], "severity": "Severe"}
    noted = client.post(f"{job['address']}/feedback", json=said)
    assert noted.status_code == 201
    assert noted.json() == {**said, "graded": graded["severity"]}
    (row,) = csv.DictReader(io.StringIO(client.get("/api/v1/feedback.csv").text))
    assert (row["study_id"], row["seen"], row["graded"], row["bundle"]) == (
        answer["study_id"],
        "Severe",
        graded["severity"],
        answer["bundle"],
    )
    assert len(stranger(client).get("/api/v1/feedback.csv").text.splitlines()) == 1


def remark(answer: Answer, severity: str, finding: int = 0) -> Remark:
    one = answer.findings[finding]
    told = {"condition": one.condition, "level": one.level, "severity": severity}
    return Remark.model_validate(told)


def kept(table: FeedbackTable, owner: str | None = None) -> list[tuple[str, str]]:
    rows = csv.DictReader(io.StringIO(table.as_csv(owner)))
    return [(row["level"], row["seen"]) for row in rows]


def test_the_last_word_on_a_finding_counts_and_said_twice_it_stands_once(
    tmp_path: Path, answer: dict[str, Any]
) -> None:
    told = Answer.model_validate(answer)
    table = FeedbackTable(tmp_path / "jobs.sqlite")
    for severity in ("Severe", "Moderate", "Moderate"):
        table.add("me", told, remark(told, severity))
    table.add("me", told, remark(told, "Severe", finding=1))
    first, second = (told.findings[n].level.value for n in (0, 1))
    assert sorted(kept(table, "me")) == sorted([(first, "Moderate"), (second, "Severe")])
    others = told.model_copy(update={"bundle": "another@0123"})
    table.add("me", others, remark(told, "Severe"))
    table.add("another", told, remark(told, "Severe"))
    assert len(kept(table)) == 4


def test_remarks_repeated_in_a_file_of_an_older_version_come_down_to_the_last(
    tmp_path: Path, answer: dict[str, Any]
) -> None:
    told = Answer.model_validate(answer)
    level = told.findings[0].level.value
    old = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None)
    old.execute(f"CREATE TABLE feedback (owner TEXT NOT NULL, {', '.join(COLUMNS)})")
    condition = told.findings[0].condition.value
    for at, seen in enumerate(("Severe", "Normal/Mild", "Moderate")):
        row = ("me", f"2026-0{at + 1}", told.study_id, condition, level, None, seen, told.bundle)
        old.execute("INSERT INTO feedback VALUES (?,?,?,?,?,?,?,?)", row)
    old.close()
    table = FeedbackTable(tmp_path / "jobs.sqlite")
    assert kept(table) == [(level, "Moderate")]
    for _ in range(2):
        table.add("me", told, remark(told, "Severe"))
    table.close()
    said = [(level, "Moderate"), (level, "Severe")]  # the first of a job that nobody knows
    assert kept(FeedbackTable(tmp_path / "jobs.sqlite")) == said


def test_a_spreadsheet_runs_nothing_of_the_remarks(tmp_path: Path, answer: dict[str, Any]) -> None:
    formula = '=HYPERLINK("http://x.example")'
    told = Answer.model_validate({**answer, "study_id": formula})
    table = FeedbackTable(tmp_path / "jobs.sqlite")
    table.add("me", told, remark(told, "Severe"))
    (row,) = csv.DictReader(io.StringIO(table.as_csv()))
    assert row["study_id"] == f"'{formula}"


@pytest.mark.parametrize(
    "said",
    [
        {"condition": "spinal_canal_stenosis", "level": "l1_l2", "severity": "Terrible"},
        {"condition": "spinal_canal_stenosis", "level": "l9_s1", "severity": "Severe"},
        {"condition": "spinal_canal_stenosis", "level": "l1_l2", "severity": "Severe", "x": "y"},
    ],
)
def test_a_remark_in_other_words_is_refused(
    client: TestClient, job: dict[str, Any], said: dict[str, str]
) -> None:
    assert client.post(f"{job['address']}/feedback", json=said).status_code == 422


def test_a_remark_of_any_size_is_not_read(client: TestClient, job: dict[str, Any]) -> None:
    response = client.post(f"{job['address']}/feedback", content=b" " * 2**17)
    assert (response.status_code, response.json()["type"]) == (
        413,
        "urn:lumbar:problem:request-bytes",
    )


def test_all_remarks_are_printed_for_who_runs_the_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    Board(KeepSettings(folder=tmp_path), Limits())
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("at,study_id,condition,level,graded,seen,bundle")
