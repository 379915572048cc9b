"""Neither an answer nor the log of the endpoint says what a file says of its patient."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest
from identify import identified, says
from starlette.testclient import TestClient
from zips import zipped

from serve.logs import LOGGER

WORD = "QUOKKA"
GRADE = "/api/v1/grade"


@pytest.fixture(scope="module")
def told(study_files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The example's study; in every eighth file all texts say the word."""
    return {
        name: identified(data, WORD, whole=n % 8 == 0)
        for n, (name, data) in enumerate(sorted(study_files.items()))
        if name.endswith(".dcm")
    }


@pytest.mark.parametrize(
    ("harm", "status"),
    [
        ("none", 200),
        ("a file cut short", 200),
        ("a file of text", 200),
        ("two patients", 422),
        ("nothing but text", 415),
    ],
)
def test_bar_23_an_answer_and_its_log_name_no_patient(
    harm: str,
    status: int,
    told: dict[str, bytes],
    client: TestClient,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = dict(told)
    first = min(files)
    if harm == "a file cut short":
        files[first] = files[first][: len(files[first]) // 2]
    if harm == "a file of text":
        files["note.dcm"] = WORD.encode() * 50
    if harm == "two patients":
        files[first] = identified(files[first], "WOMBAT")
    if harm == "nothing but text":
        files = {"note.dcm": WORD.encode() * 50}
    monkeypatch.setattr(LOGGER, "propagate", True)
    caplog.set_level(logging.DEBUG)
    response = client.post(GRADE, files=[("file", ("study.zip", zipped(files)))])
    assert response.status_code == status, response.text
    assert not says(response.content, WORD)
    out, err = capfd.readouterr()
    assert not says(out + err + caplog.text, WORD)
    assert any(record.name == LOGGER.name for record in caplog.records)
