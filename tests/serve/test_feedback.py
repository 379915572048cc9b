"""Each job's findings have remarks of their own, however its study is called."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from jobs_of import done
from PIL import Image
from starlette.testclient import TestClient

from lumbar.imaging.png import encode_png
from serve.example import Example

REMARK = {"condition": "spinal_canal_stenosis", "level": "l4_l5"}


@pytest.fixture
def reader(client: TestClient) -> Iterator[TestClient]:
    """The server's client as somebody who has said nothing yet."""
    before = dict(client.cookies)
    client.cookies.clear()
    yield client
    client.cookies.clear()
    client.cookies.update(before)


@pytest.fixture
def alike(reader: TestClient, example: Example) -> list[dict[str, Any]]:
    """Two jobs of other pictures, whose studies are both called `upload`."""
    picture = example.png.read_bytes()
    with Image.open(io.BytesIO(picture)) as opened:
        other = encode_png(np.roll(np.asarray(opened), 1, axis=0))
    jobs = [done(reader, ("slice.png", data)) for data in (picture, other)]
    assert [job["study_id"] for job in jobs] == ["upload"] * 2
    return jobs


def test_a_remark_on_one_job_leaves_that_on_another_of_the_same_name(
    reader: TestClient, alike: list[dict[str, Any]]
) -> None:
    first, second = (job["address"] for job in alike)
    for address, severity in ((first, "Moderate"), (second, "Severe"), (first, "Normal/Mild")):
        said = reader.post(f"{address}/feedback", json={**REMARK, "severity": severity})
        assert said.status_code == 201
    rows = csv.DictReader(io.StringIO(reader.get("/api/v1/feedback.csv").text))
    kept = [(row["job"].lstrip("'"), row["study_id"], row["seen"]) for row in rows]
    assert sorted(kept) == sorted(
        [(alike[0]["id"], "upload", "Normal/Mild"), (alike[1]["id"], "upload", "Severe")]
    )
