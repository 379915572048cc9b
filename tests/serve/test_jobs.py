"""A study that is sent becomes a job: followed, looked at, listed for its owner, erased."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jobs_of import JOBS, changed, done, ended, send, stranger
from PIL import Image
from starlette.testclient import TestClient

from lumbar.imaging import read_uploaded
from lumbar.phantom import make_study, zip_study
from serve.board import Board
from serve.example import Example
from serve.grading import GradingService
from serve.job import new_job_id
from serve.pictures import shown
from serve.settings import KeepSettings, Limits


@pytest.fixture(scope="module")
def job(client: TestClient, example: Example) -> dict[str, Any]:
    return done(client, ("study.zip", example.archive.read_bytes()))


def picture(response: Any) -> np.ndarray[Any, Any]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(response.content)))


def test_a_job_says_what_came_of_its_study(job: dict[str, Any]) -> None:
    assert job["study_id"].startswith("2.25.")
    assert job["problem"] is None
    assert job["headline"]["tone"] in ("none", "possible", "found", "unknown")
    assert job["headline"]["title"]
    assert job["progress"]["stage"] == "done"
    assert job["progress"]["decoded"] == job["progress"]["of"] == job["files"] > 10
    assert job["progress"]["graded"] > 0
    assert job["created"] < job["expires"]


def test_ids_are_long_and_random() -> None:
    ids = {new_job_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert min(map(len, ids)) * 6 >= 128


def test_a_jobs_result_is_the_answer_with_its_headline_and_model(
    client: TestClient, job: dict[str, Any]
) -> None:
    answer = client.get(f"{job['address']}/result").json()
    assert answer == client.get(f"{job['address']}/result.json").json()
    assert (answer["job"], answer["headline"]) == (job["id"], job["headline"])
    assert answer["model"] == {
        "bundle": answer["bundle"],
        "trained_on": "nothing",
        "notice": "Research use only - not a medical device",
    }
    assert len(answer["findings"]) == 25


def test_events_tell_each_stage_and_then_the_end(client: TestClient, example: Example) -> None:
    (job,) = send(client, ("study.zip", example.archive.read_bytes()))
    with client.stream("GET", f"{job['address']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join(stream.iter_text())
    told = [part.split("\ndata: ") for part in text.split("\n\n") if "data: " in part]
    assert {name for name, _ in told} == {"event: progress", "event: done"}
    stages = [json.loads(data)["progress"]["stage"] for _, data in told]
    assert stages[-1] == "done"
    assert {"decoding", "grading"} & set(stages)
    assert json.loads(told[-1][1])["state"] == "done"


def test_the_series_are_described_without_a_word_of_their_headers(
    client: TestClient, job: dict[str, Any]
) -> None:
    series = client.get(f"{job['address']}/series").json()["series"]
    assert [one["index"] for one in series] == [0, 1, 2]
    assert {one["description"] for one in series} == {"Sagittal T1", "Sagittal T2/STIR", "Axial T2"}
    for one in series:
        assert len(one["marks"]) == len(one["instances"]) == one["slices"]
        left, right = ("R", "L") if one["plane"] == "axial" else ("A", "P")
        assert {(m["left"], m["right"]) for m in one["marks"]} == {(left, right)}


def test_a_slice_has_the_files_own_matrix_and_the_window_asked_for(
    client: TestClient, job: dict[str, Any], example: Example
) -> None:
    study = read_uploaded({"study.zip": example.archive.read_bytes()})[0]
    shown = client.get(f"{job['address']}/series").json()["series"][1]
    series = next(s for s in study.series if s.series_id == shown["series_id"])
    pixels = series.instances[2].pixels
    address = f"{job['address']}/series/1/slices/2.png"
    assert picture(client.get(address)).shape == pixels.shape == (shown["rows"], shown["columns"])
    middle = float(np.median(pixels))
    seen = picture(client.get(f"{address}?window={middle},2"))
    assert (seen[pixels > middle + 1] == 255).all()
    assert (seen[pixels < middle - 1] == 0).all()


@pytest.mark.parametrize("window", ["", "1", "1,0", "1,-5", "a,b", "nan,1", "1,2,3"])
def test_a_window_that_is_none_is_refused(
    client: TestClient, job: dict[str, Any], window: str
) -> None:
    response = client.get(f"{job['address']}/series/0/slices/0.png?window={window}")
    assert response.status_code == 422


@pytest.mark.parametrize("place", ["9/slices/0", "0/slices/999", "-1/slices/0"])
def test_a_slice_that_is_not_there_is_404(
    client: TestClient, job: dict[str, Any], place: str
) -> None:
    response = client.get(f"{job['address']}/series/{place}.png")
    assert (response.status_code, response.json()["title"]) == (404, "No such slice")


def test_a_graded_finding_has_a_heat_map_and_its_place(
    client: TestClient, job: dict[str, Any]
) -> None:
    findings = client.get(f"{job['address']}/result").json()["findings"]
    with_map = [f for f in findings if f["evidence"] and f["evidence"]["heatmap"]]
    assert with_map
    for finding in with_map:
        address = f"{job['address']}/findings/{finding['condition']}/{finding['level']}/heatmap.png"
        assert picture(client.get(address)).ndim == 2
        corners = np.array(finding["evidence"]["crop_px"])
        point = finding["evidence"]["point_px"]
        assert (corners.min(0) < point).all()
        assert (corners.max(0) > point).all()
    bare = [f for f in findings if not f["evidence"] or not f["evidence"]["heatmap"]]
    for finding in bare[:1]:
        address = f"{job['address']}/findings/{finding['condition']}/{finding['level']}/heatmap.png"
        assert client.get(address).status_code == 404


def test_two_studies_in_one_upload_are_two_jobs_of_one_owner(
    client: TestClient, example: Example
) -> None:
    one = example.dicom.read_bytes()
    other = changed(one, StudyInstanceUID="2.25.1", SeriesInstanceUID="2.25.2", PatientID="B")
    jobs = send(client, ("one.dcm", one), ("two.dcm", other))
    assert len(jobs) == 2
    assert {ended(client, job)["study_id"] for job in jobs} == {
        "2.25.1",
        read_uploaded({"one.dcm": one})[0].study_id,
    }
    listed = [job["id"] for job in client.get(JOBS).json()["jobs"]]
    assert set(listed[:2]) == {job["id"] for job in jobs}


def test_another_callers_job_is_unknown(client: TestClient, job: dict[str, Any]) -> None:
    other = stranger(client)
    assert other.get(JOBS).json() == {"jobs": []}
    for path in ("", "/result", "/series", "/series/0/slices/0.png", "/events"):
        assert other.get(job["address"] + path).status_code == 404
    assert other.delete(job["address"]).status_code == 404
    assert client.get(job["address"]).status_code == 200


def test_the_cookie_is_out_of_a_scripts_reach(client: TestClient, example: Example) -> None:
    other = stranger(client)
    files = [("file", ("slice.dcm", example.dicom.read_bytes()))]
    with other:
        cookie = other.post(JOBS, files=files).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_an_erased_job_is_gone_with_its_files(client: TestClient, example: Example) -> None:
    job = done(client, ("slice.dcm", example.dicom.read_bytes()))
    assert client.delete(job["address"]).status_code == 204
    for path in ("", "/result", "/series", "/series/0/slices/0.png"):
        response = client.get(job["address"] + path)
        assert (response.status_code, response.json()["title"]) == (410, "Gone")
    assert job["id"] not in [one["id"] for one in client.get(JOBS).json()["jobs"]]


def test_a_study_that_cannot_be_used_is_a_failed_job_with_the_reason(
    client: TestClient, example: Example
) -> None:
    data = example.dicom.read_bytes()
    files = [
        (f"{n}.dcm", changed(data, PatientID=f"patient {n}", SOPInstanceUID=f"2.25.{n}"))
        for n in (1, 2)
    ]
    (job,) = send(client, *files)
    failed = ended(client, job)
    assert failed["state"] == "failed"
    assert failed["problem"]["status"] == 422
    assert "patient 1" not in str(failed)
    assert client.get(f"{job['address']}/result").status_code == 422


def test_a_result_that_is_not_there_yet_is_409(
    client: TestClient, service: GradingService, example: Example
) -> None:
    free = threading.Event()
    service._thread.submit(free.wait, 60)  # as if the study before it took long
    (job,) = send(client, ("slice.dcm", example.dicom.read_bytes()))
    early = client.get(f"{job['address']}/result")
    free.set()
    assert (early.status_code, early.json()["title"]) == (409, "Not done yet")
    assert ended(client, job)["state"] == "done"


def test_grade_answers_with_the_job_where_it_may_not_wait(
    client: TestClient, example: Example
) -> None:
    files = [("file", ("study.zip", example.archive.read_bytes()))]
    response = client.post("/api/v1/grade?wait=0", files=files)
    assert response.status_code == 202
    (job,) = response.json()["jobs"]
    assert response.headers["location"] == job["address"]
    assert ended(client, job)["state"] == "done"


def test_the_folder_of_results_is_private(tmp_path: Path) -> None:
    Board(KeepSettings(folder=tmp_path / "jobs"), Limits())
    assert (tmp_path / "jobs").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "jobs" / "results").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "jobs" / "jobs.sqlite").stat().st_mode & 0o777 == 0o600


def test_every_answer_forbids_a_browser_what_the_page_does_not_need(client: TestClient) -> None:
    for path in ("/", "/healthz", "/api/v1/nothing", "/page/nothing.js"):
        headers = client.get(path).headers
        assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_slices_of_other_matrices_than_the_first_tell_their_own() -> None:
    study = read_uploaded(
        {"s.zip": zip_study(make_study(7, 0, traps=["mixed_matrix"]), ["mixed_matrix"])}
    )[0]
    mixed = False
    for told, series in zip(shown(study).listed.series, study.series, strict=True):
        assert [(m.rows, m.columns) for m in told.matrices] == [i.shape for i in series]
        assert [m.spacing_mm for m in told.matrices] == [i.pixel_mm() for i in series]
        mixed |= len(set(told.matrices)) > 1
    assert mixed
