"""The client sends, waits and saves; what the endpoint refuses it says in the endpoint's words."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from lumbar.client import Client, _named, grade, main
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
    headline = json.loads(saved.read_text())["headline"]
    assert all(words in said.out for words in (headline["title"], *headline["lines"]))
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


def test_one_form_that_cannot_be_had_loses_no_other(
    client: TestClient, example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, study = tmp_path / "slice.png", tmp_path / "study.zip"
    picture.write_bytes(example.png.read_bytes())
    study.write_bytes(example.archive.read_bytes())
    out = tmp_path / "out"
    speaker = Client(client)  # type: ignore[arg-type]
    assert grade(speaker, [picture, study], out, ["dcm", "json"]) == 1
    assert sorted(path.suffix for path in out.iterdir()) == [".dcm", ".json", ".json"]
    assert "without DICOM headers" in capsys.readouterr().err


class Unsteady:
    """A connection that fails now and then: at every second request for a job."""

    def __init__(self, client: TestClient) -> None:
        self.base_url, self._client, self.asked = client.base_url, client, 0

    def request(self, method: str, address: str, **what: Any) -> httpx.Response:
        self.asked += 1
        if method == "GET" and self.asked % 2:
            raise httpx.ConnectError("reset")
        return self._client.request(method, address, **what)


def test_a_poll_that_fails_is_made_again(client: TestClient, example: Example) -> None:
    speaker = Client(Unsteady(client))  # type: ignore[arg-type]
    (job,) = speaker.send([example.archive])
    assert speaker.wait(job, every_s=0.01)["state"] == "done"


def test_folders_called_alike_stay_apart(tmp_path: Path) -> None:
    for patient in "ab":
        folder = tmp_path / patient / "study"
        folder.mkdir(parents=True)
        (folder / "1.png").write_bytes(patient.encode())
    names = [name for name, _ in _named([tmp_path / "a" / "study", tmp_path / "b" / "study"])]
    assert names == ["study/1.png", "study (2)/1.png"]


def test_files_are_open_only_while_they_are_read(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.dcm" for n in range(300)]
    for path in paths:
        path.write_bytes(b"x" * 100)
    before, most = len(os.listdir("/proc/self/fd")), 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal most
        size = 0
        for part in request.stream:  # type: ignore[union-attr]
            size += len(part)
            most = max(most, len(os.listdir("/proc/self/fd")))
        assert size == int(request.headers["content-length"]) > 300 * 100
        return httpx.Response(202, json={"jobs": []})

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://127.0.0.1")
    assert Client(http).send(paths) == []
    assert most < before + 10


@pytest.mark.parametrize(
    ("server", "proxied"),
    [
        ("http://127.0.0.1:8000", False),
        ("http://localhost:8000", False),
        ("http://pacs.example", True),
    ],
)
def test_what_goes_to_this_machine_goes_by_no_proxy(
    server: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    http = Client.at(server)._http
    transport = http._transport_for_url(httpx.URL(server))
    assert ("HTTPProxy" in repr(transport._pool)) is proxied  # type: ignore[attr-defined]
