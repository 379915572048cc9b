"""The client sends, waits and saves; what the endpoint refuses it says in the endpoint's words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lumbar.client import Client, grade, main
from lumbar.errors import InputError
from serve.example import Example


def test_a_study_is_sent_waited_for_and_saved_in_two_forms(
    client: TestClient, example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speaker = Client(client)  # type: ignore[arg-type]
    assert grade(speaker, [example.archive], tmp_path, ["json", "csv"]) == 0
    (saved,) = tmp_path.glob("*.json")
    assert len(json.loads(saved.read_text())["findings"]) == 25
    assert saved.with_suffix(".csv").read_text().count("\n") >= 26
    said = capsys.readouterr()
    assert str(saved) in said.out
    assert "done" in said.err


def test_what_is_refused_is_told_in_the_endpoints_words(client: TestClient, tmp_path: Path) -> None:
    text = tmp_path / "notes.dcm"
    text.write_text("no picture")
    with pytest.raises(InputError, match=r"^Wrong format: .*accepted are DICOM files"):
        grade(Client(client), [text], tmp_path / "out", ["json"])  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_job_that_is_not_there_is_an_error(client: TestClient) -> None:
    with pytest.raises(InputError, match=r"\(.+\)"):
        Client(client).result({"address": "/api/v1/jobs/none"})  # type: ignore[arg-type]


def test_what_is_not_there_and_nobody_who_answers_are_errors_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["grade", str(tmp_path / "absent"), "--server", "http://127.0.0.1:9"]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    (tmp_path / "one.png").write_bytes(b"x")
    assert main(["grade", str(tmp_path / "one.png"), "--server", "http://127.0.0.1:9"]) == 2
    assert "is the endpoint running?" in capsys.readouterr().err
