"""One study in, its 25 findings out; anything else is a problem that says what to do."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from starlette.testclient import TestClient

from lumbar.domain import CELLS, Family, Finding, Level, Severity, View
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.imaging import read_uploaded, to_uint8
from lumbar.imaging.png import encode_png
from lumbar.phantom.unlike import KINDS
from serve.api import make_api
from serve.board import Board
from serve.example import Example
from serve.grading import GradingService
from serve.logs import LOGGER, unexpected
from serve.settings import KeepSettings, Limits

GRADE = "/api/v1/grade"
Sent = list[tuple[str, tuple[str, bytes]]]


def sent(*files: tuple[str, bytes]) -> Sent:
    return [("file", file) for file in files]


def rows(answer: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What 25 findings say, without where the time went."""
    keys = ("condition", "level", "severity", "probabilities", "status", "reason", "basis")
    return [tuple(finding[key] for key in keys) for finding in answer["findings"]]


def expected(finding: Finding) -> tuple[Any, ...]:
    shares = finding.probabilities
    return (
        finding.cell.condition.value,
        finding.cell.level.value,
        None if finding.severity is None else finding.severity.label,
        None if shares is None else {s.column: p for s, p in zip(Severity, shares, strict=True)},
        finding.status.value,
        finding.reason,
        None if finding.basis is None else finding.basis.value,
    )


@pytest.fixture(scope="module")
def answer(client: TestClient, example: Example) -> dict[str, Any]:
    response = client.post(GRADE, files=sent(("study.zip", example.archive.read_bytes())))
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_zip_has_the_rows_that_the_grader_gives(
    answer: dict[str, Any], served_bundle: Bundle, example: Example
) -> None:
    study = read_uploaded({"study.zip": example.archive.read_bytes()})[0]
    grades = Grader(served_bundle).grade(study)
    assert rows(answer) == [expected(finding) for finding in grades.findings]
    assert any(finding["status"] == "graded" for finding in answer["findings"])


def test_an_answer_names_its_study_its_bundle_and_the_notice(
    answer: dict[str, Any], served_bundle: Bundle
) -> None:
    assert answer["bundle"] == served_bundle.name
    assert answer["study_id"].startswith("2.25.")
    assert answer["notice"] == "Research use only - not a medical device"
    assert answer["level_numbering"] == "certain"


def test_a_grade_says_where_it_was_read_off(answer: dict[str, Any]) -> None:
    graded = [finding for finding in answer["findings"] if finding["status"] == "graded"]
    assert all(len(finding["evidence"]["point_px"]) == 2 for finding in graded)
    assert {finding["evidence"]["view"] for finding in graded} <= {
        "sagittal_t1",
        "sagittal_t2",
        "axial_t2",
    }


def test_an_answer_says_how_each_series_was_taken_and_where_the_time_went(
    answer: dict[str, Any],
) -> None:
    assert {series["view"] for series in answer["series"]} == {
        "sagittal_t1",
        "sagittal_t2",
        "axial_t2",
    }
    assert all(series["reason"] and series["slices"] for series in answer["series"])
    assert {"read", "locate", "crop", "grade"} <= answer["seconds"].keys()


def test_many_files_are_the_same_study_as_their_zip(
    client: TestClient, answer: dict[str, Any], study_files: Mapping[str, bytes]
) -> None:
    response = client.post(GRADE, files=sent(*study_files.items()))
    assert rows(response.json()) == rows(answer)


def test_files_of_the_same_name_are_all_kept(
    client: TestClient, answer: dict[str, Any], study_files: Mapping[str, bytes]
) -> None:
    short = [(name.rsplit("/", 1)[-1], data) for name, data in study_files.items()]
    assert len({name for name, _ in short}) < len(short)
    response = client.post(GRADE, files=sent(*short))
    assert rows(response.json()) == rows(answer)


def test_one_dicom_slice_is_graded_for_what_it_shows(client: TestClient, example: Example) -> None:
    response = client.post(GRADE, files=sent(("slice.dcm", example.dicom.read_bytes())))
    findings = response.json()["findings"]
    assert [(f["condition"], f["level"]) for f in findings] == [
        (cell.condition.value, cell.level.value) for cell in CELLS
    ]
    graded = {f["condition"] for f in findings if f["status"] == "graded"}
    assert graded == {"spinal_canal_stenosis"}
    assert all(f["reason"] for f in findings)


def test_a_png_alone_is_recognised_and_graded_for_what_it_shows(
    client: TestClient, example: Example
) -> None:
    response = client.post(GRADE, files=sent(("slice.png", example.png.read_bytes())))
    answer = response.json()
    assert [series["view"] for series in answer["series"]] == ["sagittal_t2"]
    assert "its picture looks like Sagittal T2/STIR" in answer["series"][0]["reason"]
    graded = {f["condition"] for f in answer["findings"] if f["status"] == "graded"}
    assert graded == {"spinal_canal_stenosis"}
    assert answer["unsided"] == []


@pytest.mark.parametrize(
    ("view", "condition", "levels"),
    [
        (View.SAGITTAL_T1, "neural_foraminal_narrowing", [level.value for level in Level]),
        (View.AXIAL_T2, "subarticular_stenosis", [None, None]),
    ],
)
def test_a_png_whose_side_nothing_tells_has_its_grades_in_unsided(
    client: TestClient, example: Example, view: View, condition: str, levels: list[str | None]
) -> None:
    study = read_uploaded({"study.zip": example.archive.read_bytes()})[0]
    series = study.of_view(view)[0]
    picture = encode_png(to_uint8(series.instances[len(series) // 3].pixels))
    answer = client.post(GRADE, files=sent(("slice.png", picture))).json()
    assert [series["view"] for series in answer["series"]] == [view.value]
    assert {f["status"] for f in answer["findings"]} == {"not_assessed"}
    assert [(u["condition"], u["level"], u["side"]) for u in answer["unsided"]] == [
        (condition, level, None) for level in levels
    ]
    assert all(sum(u["probabilities"].values()) == pytest.approx(1) for u in answer["unsided"])


def test_a_picture_that_is_no_lumbar_mr_is_refused_as_such(client: TestClient) -> None:
    rng = np.random.default_rng(0)
    chart = encode_png(KINDS["chart"](rng, 200, 240).astype(np.uint8))
    response = client.post(GRADE, files=sent(("chart.png", chart)))
    problem = response.json()
    assert (response.status_code, problem["type"]) == (422, "urn:lumbar:problem:unusable-input")
    assert "chart.png" in problem["detail"]
    assert "not recognised as a lumbar MR slice" in problem["detail"]


def test_a_png_whose_view_is_told_is_graded(client: TestClient, example: Example) -> None:
    files = sent(("slice.png", example.png.read_bytes()))
    findings = client.post(f"{GRADE}?view=sagittal_t2", files=files).json()["findings"]
    canal = [
        f for f, cell in zip(findings, CELLS, strict=True) if cell.condition.family is Family.CANAL
    ]
    assert [f["status"] for f in canal] == ["graded"] * 5


def test_a_server_without_ray_says_that_it_has_no_metrics(client: TestClient) -> None:
    response = client.get("/metrics")
    assert (response.status_code, response.json()["title"]) == (404, "No metrics")
    assert response.headers["content-type"] == "application/problem+json"


def test_pngs_without_folders_are_one_study(client: TestClient, example: Example) -> None:
    picture = example.png.read_bytes()
    with Image.open(io.BytesIO(picture)) as opened:
        other = encode_png(np.roll(np.asarray(opened), 1, axis=0))
    response = client.post(GRADE, files=sent(("1.png", picture), ("2.png", other)))
    assert response.status_code == 200
    assert [series["slices"] for series in response.json()["series"]] == [2]


def test_what_is_no_picture_is_set_aside_by_its_name(client: TestClient, example: Example) -> None:
    response = client.post(
        GRADE,
        files=sent(("slice.dcm", example.dicom.read_bytes()), ("../notes <b>.txt", b"hello")),
    )
    aside = response.json()["set_aside"]
    assert [entry["file"] for entry in aside] == ["../notes <b>.txt"]
    assert "no DICOM" in aside[0]["reason"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt", b"hello"),
        ("renamed.dcm", b"this is text"),
        ("photo.png", b"\xff\xd8\xff\xe0 a JPEG"),
        ("empty.dcm", b""),
        ("damaged.zip", b"PK\x03\x04 and nothing more"),
    ],
)
def test_a_wrong_format_is_a_problem_with_a_hint(
    client: TestClient, name: str, data: bytes
) -> None:
    response = client.post(GRADE, files=sent((name, data)))
    problem = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "hint"}
    assert (response.status_code, problem["status"], problem["title"]) == (415, 415, "Wrong format")
    assert name in problem["detail"]
    assert "DICOM" in problem["hint"]


def test_two_patients_in_one_study_are_refused(client: TestClient, example: Example) -> None:
    files = []
    for number in (1, 2):
        data = dcmread(io.BytesIO(example.dicom.read_bytes()))
        data.PatientID, data.SOPInstanceUID = f"patient {number}", f"2.25.{number}"
        buffer = io.BytesIO()
        data.save_as(buffer, enforce_file_format=True)
        files.append((f"{number}.dcm", buffer.getvalue()))
    response = client.post(GRADE, files=sent(*files))
    assert (response.status_code, response.json()["type"]) == (
        422,
        "urn:lumbar:problem:unusable-input",
    )
    assert "patient 1" not in response.text


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", GRADE, 405, "method"),
        ("GET", "/api/v1/nothing", 404, "no-such-route"),
        ("POST", f"{GRADE}?view=coronal", 422, "parameter"),
        ("POST", GRADE, 415, "content-type"),
    ],
)
def test_requests_of_another_kind_are_problems(
    client: TestClient, method: str, path: str, status: int, name: str
) -> None:
    response = client.request(method, path, content=b"x")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == f"urn:lumbar:problem:{name}"


def test_a_form_without_a_file_is_nothing_sent(client: TestClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post(GRADE, content=body, headers=headers)
    assert (response.status_code, response.json()["title"]) == (400, "Nothing was sent")


def test_a_broken_form_is_malformed(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = client.post(GRADE, content=b"no boundary anywhere", headers=headers)
    assert (response.status_code, response.json()["title"]) == (400, "Malformed request")


def test_a_name_of_another_machine_is_refused(client: TestClient) -> None:
    response = client.get("/api/v1/model", headers={"Host": "rebound.example:8000"})
    assert (response.status_code, response.json()["title"]) == (421, "Wrong host")


def test_ready_means_that_the_model_has_passed_its_selftest(
    client: TestClient, served_bundle: Bundle
) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "bundle": served_bundle.name}
    model = client.get("/api/v1/model").json()
    assert model["card"]["trained_on"] == "nothing"
    assert 0 <= model["selftest_difference"] < 0.02


def test_the_routes_are_described(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert {"/api/v1/grade", "/api/v1/model", "/healthz", "/readyz"} <= set(described["paths"])
    form = described["paths"]["/api/v1/grade"]["post"]["requestBody"]["content"]
    assert "multipart/form-data" in form


def test_a_study_that_takes_too_long_is_a_problem(
    service: GradingService, example: Example, tmp_path: Path
) -> None:
    limits = Limits(study_s=0.001)
    board = Board(KeepSettings(folder=tmp_path), limits)
    with TestClient(make_api(service, limits, board), base_url="http://127.0.0.1") as client:
        response = client.post(GRADE, files=sent(("study.zip", example.archive.read_bytes())))
    assert (response.status_code, response.json()["title"]) == (504, "Took too long")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the endpoint logs; Ray's loggers do not hand their records on to pytest's."""
    LOGGER.addHandler(caplog.handler)
    with caplog.at_level(logging.INFO, logger=LOGGER.name):
        yield caplog
    LOGGER.removeHandler(caplog.handler)


def test_nothing_that_was_sent_is_logged(
    client: TestClient, example: Example, logged: pytest.LogCaptureFixture
) -> None:
    data = dcmread(io.BytesIO(example.dicom.read_bytes()))
    data.PatientName = data.PatientID = "CANARY"
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    outcomes = []
    for content in (buffer.getvalue(), b"text"):
        client.post(GRADE, files=sent(("CANARY.dcm", content)))
        lines = {r.getMessage() for r in logged.records if r.name == LOGGER.name}
        outcomes += [line for line in lines if line not in outcomes]
    assert {line.split()[3] for line in outcomes if line.startswith("http")} == {"200", "415"}
    (study,) = (line for line in outcomes if line.startswith("grade"))
    assert study.startswith(f"grade 200 files=1 bytes={len(buffer.getvalue())} ")
    assert not any(
        secret in line for line in outcomes for secret in ("CANARY", str(data.StudyInstanceUID))
    )


def test_an_error_that_nobody_foresaw_is_told_without_its_text(
    logged: pytest.LogCaptureFixture,
) -> None:
    try:
        raise KeyError("CANARY")
    except KeyError as error:
        problem = unexpected(error)
    assert problem.status == 500
    assert "KeyError" in problem.detail
    assert "KeyError at test_api.py:" in logged.records[-1].getMessage()
    assert "CANARY" not in problem.detail + logged.text
