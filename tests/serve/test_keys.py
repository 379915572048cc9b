"""Who has a key is let in, and sees their own jobs; without keys only this machine is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs_of import JOBS, done
from starlette.testclient import TestClient

from lumbar.errors import ConfigError
from serve.api import make_api
from serve.board import Board
from serve.example import Example
from serve.grading import GradingService
from serve.identity import Callers
from serve.keys import main, read_keys
from serve.settings import KeepSettings, Limits, check_host


def made(name: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """A new key, and its line for the file."""
    assert main([name]) == 0
    key, line = (text.split(": ")[1].strip() for text in capsys.readouterr().out.splitlines())
    return key, line


@pytest.fixture
def keys(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return dict(made(name, capsys) for name in ("ward", "lab"))


@pytest.fixture
def keyed(service: GradingService, tmp_path: Path, keys: dict[str, str]) -> Iterator[TestClient]:
    file = tmp_path / "keys"
    file.write_text("# who may ask\n" + "\n".join(keys.values()) + "\n")
    file.chmod(0o600)
    board = Board(KeepSettings(folder=tmp_path / "jobs"), Limits())
    api = make_api(service, Limits(), board, callers=Callers(read_keys(file)))
    with TestClient(api, base_url="http://lumbar.example") as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("path", [JOBS, "/api/v1/model", "/metrics", "/api/v1/openapi.json"])
def test_without_a_key_nothing_is_answered(keyed: TestClient, path: str) -> None:
    for headers in ({}, bearer("wrong"), {"X-API-Key": "wrong"}, {"Authorization": "Basic ???"}):
        response = keyed.get(path, headers=headers)
        assert (response.status_code, response.json()["title"]) == (401, "A key is needed")
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_health_is_told_to_everybody(keyed: TestClient) -> None:
    assert keyed.get("/healthz").status_code == 200
    assert keyed.get("/page/nothing.js").status_code == 404


def test_a_browser_asks_for_the_key_at_the_page(keyed: TestClient, keys: dict[str, str]) -> None:
    refused = keyed.get("/")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic ")  # browsers know no Bearer
    told = ("reader", next(iter(keys)))
    assert keyed.get("/", auth=told).headers["content-type"].startswith("text/html")
    assert keyed.get(JOBS, auth=told).status_code == 200


def test_a_key_sees_its_own_jobs_and_no_others(
    keyed: TestClient, keys: dict[str, str], example: Example
) -> None:
    ward, lab = keys
    keyed.headers.update(bearer(ward))
    job = done(keyed, ("slice.dcm", example.dicom.read_bytes()))
    assert [one["id"] for one in keyed.get(JOBS).json()["jobs"]] == [job["id"]]
    assert keyed.get(JOBS, headers={**bearer(""), "X-API-Key": ward}).status_code == 401
    keyed.headers.update(bearer(lab))
    assert keyed.get(JOBS).json() == {"jobs": []}
    assert keyed.get(job["address"]).status_code == 404


def test_keys_may_stand_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]
) -> None:
    monkeypatch.setenv("LUMBAR_API_KEYS", ",".join(keys.values()))
    assert set(read_keys(None)) == {"ward", "lab"}


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("ward:abc", 0o600, "line 1"),
        ("", 0o600, "holds no key"),
        (f"ward:{'0' * 64}", 0o644, "chmod 600"),
        (f"ward:{'0' * 64}\nward:{'1' * 64}", 0o600, "line 2"),
    ],
)
def test_a_file_of_keys_that_cannot_be_used_is_one_clear_error(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=said):
        read_keys(file)


def test_bar_46_other_addresses_are_served_with_keys_only() -> None:
    assert check_host("0.0.0.0", keyed=True) == "0.0.0.0"
    with pytest.raises(ConfigError, match="without API keys only loopback"):
        check_host("0.0.0.0")
