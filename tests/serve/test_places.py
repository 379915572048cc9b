"""The slice that a grade was read off is told by its number, for ids may repeat."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from lumbar.imaging.png import encode_png
from serve.example import Example


def evidence(client: TestClient, *files: tuple[str, bytes]) -> list[dict[str, Any]]:
    sent = [("file", file) for file in files]
    answer = client.post("/api/v1/grade?view=sagittal_t2", files=sent).json()
    return [f["evidence"] for f in answer["findings"] if f["evidence"]]


@pytest.fixture
def pictures(example: Example) -> list[bytes]:
    """An empty picture, and one that is graded."""
    picture = example.png.read_bytes()
    with Image.open(io.BytesIO(picture)) as opened:
        other = encode_png(np.zeros_like(np.asarray(opened)))
    return [other, picture]


def test_pictures_that_are_called_alike_are_told_apart(
    client: TestClient, pictures: list[bytes]
) -> None:
    unlike = evidence(client, *zip(("1.png", "2.png"), pictures, strict=True))
    assert {(e["instance"], e["slice"]) for e in unlike} == {("2", 1)}
    alike = evidence(client, *zip(("1.PNG", "1.png"), pictures, strict=True))
    assert {e["instance"] for e in alike} == {"1"}
    for one, other in zip(alike, unlike, strict=True):
        for key in ("slice", "point_px", "confidence"):
            assert one[key] == other[key]
