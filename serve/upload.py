"""From a request's body to named files, within the limits and before anything is unpacked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from lumbar.imaging.archives import Tally, distinct
from lumbar.imaging.png import is_png
from serve.problems import HOW_TO_SEND, Problem, Refused, too_large
from serve.settings import Limits

__all__ = ["Upload", "check_archives", "name_files", "receive_upload"]

ZIP = b"PK\x03\x04"
LOOSE = "upload"
"""Pictures sent without a folder are one series of a study of this name: a PNG has no ids."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What was sent: bytes by the name to read them under, and the name each was sent under."""

    files: Mapping[str, bytes]
    names: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """Bytes of all the files."""
        return sum(map(len, self.files.values()))


async def receive_upload(request: Request, limits: Limits) -> Upload:
    """The files of a multipart request; raises Refused for what is wrong with it.

    A body that says it is too large is refused before it is read, one that says nothing as soon
    as it is, and a client that takes longer than `limits.receive_s` is cut off.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        detail = "the request is no multipart/form-data"
        raise Refused(Problem.of("content-type", 415, "Wrong content type", detail, HOW_TO_SEND))
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limits.request_bytes:
        raise Refused(_body_too_large(limits))
    body = Request(request.scope, _counted(request.receive, limits)).stream()
    parser = _Form(request.headers, body, max_files=limits.files)
    try:
        async with asyncio.timeout(limits.receive_s):
            form = await parser.parse()
            if not parser.whole:
                raise HTTPException(400, "the form breaks off before its last boundary")
            return await _read(form)
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise Refused(_too_many(limits, "there are")) from None
        raise HTTPException(400, error.message) from None
    except TimeoutError:
        detail = f"the body did not arrive within {limits.receive_s:g} s"
        hint = "send it again over a faster connection, or fewer files"
        raise Refused(Problem.of("slow", 408, "Too slow", detail, hint)) from None


def name_files(sent: list[tuple[str, bytes]]) -> Upload:
    """Names to read the files under: relative, without `..`, none twice."""
    names = list(distinct(_name(given, data) for given, data in sent))
    return Upload(
        {name: data for name, (_, data) in zip(names, sent, strict=True)},
        {name: given for name, (given, _) in zip(names, sent, strict=True)},
    )


def _name(given: str, data: bytes) -> str:
    parts = [p for p in given.replace("\\", "/").split("/") if p not in ("", ".", "..")]
    if len(parts) == 1 and is_png(data):
        parts.insert(0, LOOSE)
    return "/".join(parts) or "unnamed"


def check_archives(files: Mapping[str, bytes], limits: Limits) -> None:
    """Raise Refused where archives and files have too many members or would unpack to too much.

    They count together. Only directories are read: a member cannot unpack to more than its
    directory says of it.
    """
    archives = {name: data for name, data in files.items() if data[:4] == ZIP}
    plain = [len(data) for name, data in files.items() if name not in archives]
    tally = Tally(limits.archive, len(plain), sum(plain))
    for name, data in archives.items():
        if over := tally.add(data):
            raise Refused(too_large(over.limit, f"{name} {over.words}", over.hint))


async def _read(form: FormData) -> Upload:
    parts = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
    if not parts:
        detail = "no file came with the request"
        raise Refused(Problem.of("nothing-sent", 400, "Nothing was sent", detail, HOW_TO_SEND))
    sent = []
    for part in parts:
        sent.append((part.filename or "", await part.read()))
        await part.close()  # its bytes would be held twice
    return name_files(sent)


class _Form(MultiPartParser):
    """Starlette's parser, with all files in memory: nothing that was sent is written to disk."""

    spool_max_size = 0
    """No size from which on a file is."""
    whole = False
    """Whether the last boundary came; the parser takes a form that breaks off before it."""

    def on_end(self) -> None:
        """The last boundary has come."""
        self.whole = True


def _counted(receive: Receive, limits: Limits) -> Receive:
    """`receive` that refuses to go on once the body is beyond the limit."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limits.request_bytes:
            raise Refused(_body_too_large(limits))
        return message

    return counted


def _body_too_large(limits: Limits) -> Problem:
    detail = f"the request is larger than {_mib(limits.request_bytes)}"
    return too_large("request-bytes", detail, "send one study, its MRI series only, as a zip")


def _too_many(limits: Limits, where: str) -> Problem:
    detail = f"{where} more than {limits.files:,} files"
    return too_large("files", detail, "send the MRI series of one study only")


def _mib(count: int) -> str:
    return f"{count / 2**20:,.4g} MiB"
