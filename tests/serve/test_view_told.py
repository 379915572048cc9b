"""`view` says what one series shows; said of several or of none it is a 422 with what to do."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from jobs_of import ended, send
from PIL import Image
from starlette.testclient import TestClient

from lumbar.imaging.png import encode_png
from serve.example import Example

GRADE = "/api/v1/grade?view=sagittal_t2"
SAID = "?view=sagittal_t2"


def two_folders(example: Example) -> list[tuple[str, bytes]]:
    """Two series of a study, a picture each."""
    picture = example.png.read_bytes()
    with Image.open(io.BytesIO(picture)) as opened:
        other = encode_png(np.roll(np.asarray(opened), 1, axis=0))
    return [("study/t1/1.png", picture), ("study/t2/1.png", other)]


def refused(client: TestClient, *files: tuple[str, bytes]) -> dict[str, Any]:
    response = client.post(GRADE, files=[("file", file) for file in files])
    assert response.status_code == 422, response.text
    problem = dict(response.json())
    assert problem["type"] == "urn:lumbar:problem:parameter"
    assert "leave `view` out" in problem["detail"]
    return problem


def test_said_of_two_open_series_it_is_refused_with_their_files(
    client: TestClient, example: Example
) -> None:
    problem = refused(client, *two_folders(example))
    assert "study/t1/1.png, study/t2/1.png" in problem["detail"]
    assert "send that series alone" in problem["detail"]


def test_said_of_a_study_that_says_it_itself_it_is_refused(
    client: TestClient, example: Example
) -> None:
    refused(client, ("study.zip", example.archive.read_bytes()))


def test_said_of_two_studies_it_is_refused_before_there_is_a_job(
    client: TestClient, example: Example
) -> None:
    picture, dicom = example.png.read_bytes(), example.dicom.read_bytes()
    before = client.get("/api/v1/jobs").json()
    problem = refused(client, ("slice.png", picture), ("slice.dcm", dicom))
    assert "2 studies came" in problem["detail"]
    assert client.get("/api/v1/jobs").json() == before


def test_a_job_that_it_cannot_be_said_of_has_the_problem(
    client: TestClient, example: Example
) -> None:
    (job,) = send(client, *two_folders(example), query=SAID)
    found = ended(client, job)
    assert (found["state"], found["problem"]["status"]) == ("failed", 422)
    assert "leave `view` out" in found["problem"]["detail"]
