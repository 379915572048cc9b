"""The bar, lines 1 to 9 and 12: what is wrong with an upload or a request is said in words."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from jobs_of import changed
from starlette.testclient import TestClient
from zips import zipped

from lumbar.imaging.archives import UPLOADED
from serve.api import make_api
from serve.board import Board
from serve.example import Example
from serve.grading import GradingService
from serve.settings import KeepSettings, Limits

GRADE = "/api/v1/grade"
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


def problem(response: Any) -> tuple[int, str]:
    """Status and name of a problem, which has all that RFC 9457 and we ask for."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    told = response.json()
    assert set(told) == {"type", "title", "status", "detail", "hint"}
    assert told["status"] == response.status_code
    return response.status_code, told["type"].rsplit(":", 1)[-1]


def post(client: TestClient, name: str, data: bytes) -> Any:
    return client.post(GRADE, files=[("file", (name, data))])


def set_aside(response: Any) -> str:
    """Name and reason of the one file that was set aside; the rest was graded."""
    assert response.status_code == 200, response.text
    (aside,) = response.json()["set_aside"]
    return f"{aside['file']}: {aside['reason']}"


@pytest.mark.parametrize(
    ("body", "name"),
    [(b"", "malformed"), (b"--b--\r\n", "nothing-sent"), (b"nothing of a form", "malformed")],
)
def test_bar_01_an_empty_body(client: TestClient, body: bytes, name: str) -> None:
    response = client.post(GRADE, content=body, headers=BOUNDARY)
    assert problem(response) == (400, name)


def test_bar_02_a_zero_byte_file(client: TestClient) -> None:
    assert problem(post(client, "empty.dcm", b"")) == (415, "wrong-format")


def test_bar_03_text_renamed_dcm(client: TestClient) -> None:
    response = post(client, "notes.dcm", b"this is text\n" * 100)
    assert problem(response) == (415, "wrong-format")
    assert "notes.dcm" in response.json()["detail"]


def test_bar_04_a_jpeg_photo_renamed_png(client: TestClient) -> None:
    from PIL import Image

    photo = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 120, 40)).save(photo, "JPEG")
    response = post(client, "photo.png", photo.getvalue())
    assert problem(response) == (415, "wrong-format")
    assert "photo.png" in response.json()["detail"]


@pytest.mark.parametrize(
    ("share", "reason"),
    [
        ("header", "header without PixelData"),
        ("half", "RLE Lossless pixels are damaged: truncated within an item"),
    ],
)
def test_bar_05_a_truncated_dicom(
    client: TestClient, example: Example, share: str, reason: str
) -> None:
    whole = example.dicom.read_bytes()
    pixels = whole.index(b"\xe0\x7f\x10\x00")
    response = post(client, "cut.dcm", whole[: pixels if share == "header" else len(whole) // 2])
    assert set_aside(response).startswith(f"cut.dcm: {reason}")
    assert {f["status"] for f in response.json()["findings"]} == {"not_assessed"}


def test_bar_06_a_zip_bomb_by_ratio(client: TestClient) -> None:
    assert problem(post(client, "bomb.zip", zipped({"a": bytes(30_000_000)}))) == (413, "zip-ratio")


def test_bar_06_a_nested_archive_is_not_opened(client: TestClient, example: Example) -> None:
    inner = zipped({"a": bytes(30_000_000)})
    response = post(client, "nested.zip", zipped({"1.dcm": example.dicom.read_bytes(), "i": inner}))
    assert "an archive inside an archive is not opened" in set_aside(response)


def test_bar_06_a_million_entries(client: TestClient) -> None:
    entries = 1_000_000
    directory = (b"PK\x01\x02" + bytes(42)) * entries
    head = b"PK\x03\x04" + bytes(26)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 16960, 16960, len(directory), len(head), 0)
    assert problem(post(client, "many.zip", head + directory + end)) == (413, "files")


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/cron.d/x", "C:\\x", "a/../../x"])
def test_bar_07_a_name_that_leads_out(client: TestClient, example: Example, name: str) -> None:
    data = example.dicom.read_bytes()
    aside = set_aside(post(client, "s.zip", zipped({"ok/1.dcm": data, name: data + b"\0\0"})))
    assert "leads out of the archive" in aside
    assert not Path("/etc/cron.d/x").exists()


def test_bar_07_a_symbolic_link(client: TestClient) -> None:
    link = zipfile.ZipInfo("1.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    response = post(client, "link.zip", zipped({link: b"/etc/passwd"}))
    assert problem(response) == (415, "wrong-format")
    assert "a symbolic link" in response.json()["detail"]
    assert "root:" not in response.text


def test_bar_07_a_tar_is_not_opened(client: TestClient) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../x"))
    response = post(client, "s.tar", buffer.getvalue())
    assert problem(response) == (415, "wrong-format")
    assert "pack the files as zip" in response.json()["detail"]


def test_bar_08_an_encrypted_zip(client: TestClient, example: Example) -> None:
    data = bytearray(zipped({"1.dcm": example.dicom.read_bytes()}))
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(start) + place] |= 1
    response = post(client, "locked.zip", bytes(data))
    assert problem(response)[0] in (415, 422)
    assert "send the archive without a password" in response.json()["detail"]


@pytest.fixture(scope="module")
def narrow(service: GradingService, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client for limits of its own."""

    def client(**values: Any) -> TestClient:
        limits = Limits(**values)
        board = Board(KeepSettings(folder=tmp_path_factory.mktemp("jobs")), limits)
        return TestClient(make_api(service, limits, board), base_url="http://127.0.0.1")

    return client


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        ({"request_bytes": 1000}, "request-bytes"),
        ({"files": 3}, "files"),
        ({"unpacked_bytes": 1000}, "unpacked-bytes"),
        ({"zip_ratio": 2}, "zip-ratio"),
    ],
)
def test_bar_09_each_limit_answers_413_in_its_own_words(
    narrow: Any, example: Example, limit: dict[str, int], name: str
) -> None:
    data = example.dicom.read_bytes()
    study = zipped({**{f"{n}.dcm": data for n in range(4)}, "padding": bytes(1_000_000)})
    response = post(narrow(**limit), "study.zip", study)
    assert problem(response) == (413, name)
    assert response.json()["hint"]


def test_bar_09_more_studies_than_may_ever_wait_are_413(narrow: Any, example: Example) -> None:
    one = example.dicom.read_bytes()
    files = [
        ("file", (f"{n}.dcm", changed(one, StudyInstanceUID=f"2.25.{n}"))) for n in range(1, 4)
    ]
    client = narrow(queue=4, jobs_a_client=2)
    response = client.post("/api/v1/jobs", files=files)
    assert problem(response) == (413, "studies")
    assert "3 studies" in response.json()["detail"]
    assert "2 may wait" in response.json()["detail"]
    assert "several requests" in response.json()["hint"]
    with client:
        assert client.post("/api/v1/jobs", files=files[:2]).status_code == 202


def test_bar_09_the_defaults_are_the_designs() -> None:
    limits = Limits()
    assert (limits.request_bytes, limits.files) == (512 * 2**20, 5_000)
    assert (limits.unpacked_bytes, limits.zip_ratio, limits.study_s) == (2 * 2**30, 100, 120)
    assert limits.archive == UPLOADED


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("POST", GRADE, {"Content-Type": "text/plain"}, (415, "content-type")),
        ("POST", GRADE, {}, (415, "content-type")),
        ("GET", GRADE, {}, (405, "method")),
        ("PUT", "/api/v1/jobs", {}, (405, "method")),
        ("GET", "/nothing", {}, (404, "no-such-route")),
        ("GET", "/api/v1/jobs/unknown", {}, (404, "no-such-job")),
        ("GET", "/page/%2e%2e/app.py", {}, (404, "no-such-route")),
        ("GET", "/healthz", {"X-Huge": "x" * 20_000}, (431, "header-bytes")),
        ("GET", "/healthz", {"Host": "elsewhere.example"}, (421, "host")),
        ("POST", GRADE, {"Sec-Fetch-Site": "cross-site"}, (403, "cross-site")),
    ],
)
def test_bar_12_a_request_of_another_kind_is_a_problem(
    client: TestClient,
    method: str,
    path: str,
    headers: dict[str, str],
    expected: tuple[int, str],
) -> None:
    assert problem(client.request(method, path, headers=headers)) == expected
