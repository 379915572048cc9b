"""From a request's body to named files, within the limits and before anything is unpacked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from lumbar.imaging.archives import Tally, distinct
from lumbar.imaging.png import is_png
from serve.problems import HOW_TO_SEND, Problem, Refused, too_large
from serve.settings import Limits

__all__ = ["Upload", "check_archives", "name_files", "receive_upload"]

ZIP = b"PK\x03\x04"
EPILOGUE = 4096
"""Bytes at a form's end that are searched for its last boundary; after it nothing needs to come."""
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
    body = _Body(request.receive, limits)
    try:
        async with asyncio.timeout(limits.receive_s):
            counted = Request(request.scope, body.receive)
            async with counted.form(max_files=limits.files) as form:  # Starlette's default: 1,000
                if not body.ended(request.headers["content-type"]):
                    raise HTTPException(400, "the form breaks off before its last boundary")
                return await _read(form)
    except HTTPException as error:
        if error.detail.startswith("Too many files"):
            raise Refused(_too_many(limits, "there are")) from None
        raise
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
    return name_files([(part.filename or "", await part.read()) for part in parts])


class _Body:
    """A request's body as it comes; it refuses to go on once that is beyond the limit."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._received, self._last = 0, b""

    async def receive(self) -> Message:
        """The next part of the body."""
        message = await self._receive()
        part = message.get("body", b"")
        self._received += len(part)
        if self._received > self._limits.request_bytes:
            raise Refused(_body_too_large(self._limits))
        self._last = (self._last + part)[-EPILOGUE:]
        return message

    def ended(self, content_type: str) -> bool:
        """Whether the last boundary came; Starlette's parser takes a form that breaks off."""
        _, options = parse_options_header(content_type)
        return b"--" + options.get(b"boundary", b"") + b"--" in self._last


def _body_too_large(limits: Limits) -> Problem:
    detail = f"the request is larger than {_mib(limits.request_bytes)}"
    return too_large("request-bytes", detail, "send one study, its MRI series only, as a zip")


def _too_many(limits: Limits, where: str) -> Problem:
    detail = f"{where} more than {limits.files:,} files"
    return too_large("files", detail, "send the MRI series of one study only")


def _mib(count: int) -> str:
    return f"{count / 2**20:,.4g} MiB"
