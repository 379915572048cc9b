"""What is too much is refused at once, each limit in its own words."""

from __future__ import annotations

import asyncio
import io
import tempfile
import zipfile

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from serve.problems import Refused
from serve.settings import Limits
from serve.upload import Upload, check_archives, name_files, receive_upload

BOUNDARY = "b"


def body(*names: str, size: int = 10) -> bytes:
    parts = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        f"{'x' * size}\r\n"
        for name in names
    )
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()


class Client:
    """The sending side: pieces of a body, and how many of them were taken."""

    def __init__(self, pieces: list[bytes], stall: bool = False) -> None:
        self.pieces, self.taken, self.stall = pieces, 0, stall

    async def receive(self) -> Message:
        if self.taken == len(self.pieces) and self.stall:
            await asyncio.sleep(60)
        piece = self.pieces[self.taken]
        self.taken += 1
        more = self.stall or self.taken < len(self.pieces)
        return {"type": "http.request", "body": piece, "more_body": more}

    def send(self, limits: Limits, length: int | None = None) -> Upload:
        headers = [(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        scope = {"type": "http", "method": "POST", "headers": headers, "app": None}
        return asyncio.run(receive_upload(Request(scope, self.receive), limits))


def refused(client: Client, limits: Limits, length: int | None = None) -> tuple[int, str]:
    with pytest.raises(Refused) as raised:
        client.send(limits, length)
    problem = raised.value.problem
    return problem.status, problem.name


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return buffer.getvalue()


def why(data: bytes, limits: Limits) -> str:
    with pytest.raises(Refused) as raised:
        check_archives({"study.zip": data}, limits)
    assert raised.value.problem.status == 413
    assert "study.zip" in raised.value.problem.detail
    return raised.value.problem.name


def test_files_within_the_limits_arrive_by_name() -> None:
    upload = Client([body("a.dcm", "b.dcm")]).send(Limits())
    assert upload.files == {"a.dcm": b"x" * 10, "b.dcm": b"x" * 10}
    assert upload.bytes == 20


def test_more_files_than_starlette_takes_by_default_arrive() -> None:
    upload = Client([body(*(f"{n}.dcm" for n in range(1_200)), size=1)]).send(Limits())
    assert len(upload.files) == 1_200


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    client = Client([body("a.dcm")])
    assert refused(client, Limits(request_bytes=10), 11) == (413, "request-bytes")
    assert client.taken == 0


def test_a_body_that_says_nothing_is_read_up_to_the_limit() -> None:
    client = Client([body("a.dcm", size=100)[:60]] + [b"x" * 50] * 100)
    assert refused(client, Limits(request_bytes=200)) == (413, "request-bytes")
    assert client.taken == 4


def test_too_many_files_are_refused() -> None:
    client = Client([body("a", "b", "c", "d")])
    assert refused(client, Limits(files=3)) == (413, "files")
    assert refused(Client([body("a", "b", "c", "d", "e", "f")]), Limits(files=3)) == (413, "files")
    assert len(Client([body("a", "b", "c")]).send(Limits(files=3)).files) == 3


def test_a_client_that_stalls_is_cut_off() -> None:
    client = Client([body("a.dcm")[:20]], stall=True)
    assert refused(client, Limits(receive_s=0.05)) == (408, "slow")


def test_an_archive_of_too_many_members_is_refused() -> None:
    data = archive({f"{n}.dcm": b"x" for n in range(4)})
    assert why(data, Limits(files=3)) == "files"
    check_archives({"study.zip": data}, Limits(files=4))


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    data = archive({"a.dcm": bytes(range(256)) * 40})
    assert why(data, Limits(unpacked_bytes=10_000)) == "unpacked-bytes"


def test_an_archive_that_unpacks_to_too_many_times_its_size_is_refused() -> None:
    data = archive({"a.dcm": bytes(2**20)})
    assert why(data, Limits()) == "zip-ratio"
    check_archives({"study.zip": data}, Limits(zip_ratio=2_000))


def together(files: dict[str, bytes], limits: Limits) -> str:
    with pytest.raises(Refused) as raised:
        check_archives(files, limits)
    return f"{raised.value.problem.name}: {raised.value.problem.detail}"


def test_the_members_of_all_archives_and_the_files_beside_them_count_together() -> None:
    two = archive({"a.dcm": b"x", "b.dcm": b"x"})
    files = {"one.zip": two, "loose.dcm": b"x", "two.zip": two}
    assert together(files, Limits(files=4)) == (
        "files: two.zip with the other files holds more than 4 files"
    )
    check_archives(files, Limits(files=5))


def test_what_all_archives_unpack_to_and_the_files_beside_them_count_together() -> None:
    packed = archive({"a.dcm": bytes(range(256)) * 4})
    files = {"one.zip": packed, "two.zip": packed, "loose.dcm": bytes(1000)}
    limits = Limits(unpacked_bytes=3047)
    assert together(files, limits).startswith("unpacked-bytes: two.zip with the other files")
    check_archives(files, Limits(unpacked_bytes=3048))


def test_a_damaged_archive_counts_for_nothing_beside_others() -> None:
    two = archive({"a.dcm": b"x", "b.dcm": b"x"})
    check_archives({"cut.zip": two[:-10], "whole.zip": two}, Limits(files=2))


def test_a_damaged_archive_is_left_to_the_reader() -> None:
    check_archives({"study.zip": b"PK\x03\x04 and nothing more"}, Limits())


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ("a/b/1.dcm", "a/b/1.dcm"),
        ("/etc/passwd", "etc/passwd"),
        ("../../1.dcm", "1.dcm"),
        ("C:\\scans\\1.dcm", "C:/scans/1.dcm"),
        ("", "unnamed"),
    ],
)
def test_names_are_made_relative(given: str, read_as: str) -> None:
    upload = name_files([(given, b"data")])
    assert list(upload.files) == [read_as]
    assert upload.names == {read_as: given}


def test_no_name_hides_another() -> None:
    upload = name_files([("1.dcm", b"a"), ("1.dcm", b"b"), ("1 (2).dcm", b"c"), ("1.dcm", b"d")])
    assert sorted(upload.files.values()) == [b"a", b"b", b"c", b"d"]
    assert sorted(upload.names.values()) == ["1 (2).dcm", "1.dcm", "1.dcm", "1.dcm"]


def test_a_form_that_breaks_off_is_refused() -> None:
    """Starlette's parser takes it, without the file that has not come whole."""
    whole = body("1.dcm", "2.dcm")
    for data in (whole[: -len(BOUNDARY) - 6], whole[: whole.rindex(b"x" * 10) + 5]):
        with pytest.raises(HTTPException, match="breaks off before its last boundary") as raised:
            Client([data]).send(Limits())
        assert raised.value.status_code == 400
    assert len(Client([whole[:-3], whole[-3:], b"epilogue"]).send(Limits()).files) == 2


def test_nothing_that_was_sent_is_written_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starlette would put a file of more than 1 MiB into the system's temporary folder."""

    def written(_: object) -> None:
        raise AssertionError("a file on disk")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", written)
    data = body("study.zip", size=3 * 2**20)
    assert Client([data[: 2**20], data[2**20 :]]).send(Limits()).bytes == 3 * 2**20
