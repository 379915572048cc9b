"""From a request's body to named files, within the limits and before anything is unpacked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from lumbar.imaging.archives import Tally
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
    counted = Request(request.scope, _counted(request.receive, limits))
    try:
        async with asyncio.timeout(limits.receive_s):
            async with counted.form(max_files=limits.files) as form:  # Starlette's default: 1,000
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
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    times: Counter[str] = Counter()
    for given, data in sent:
        parts = [p for p in given.replace("\\", "/").split("/") if p not in ("", ".", "..")]
        if len(parts) == 1 and is_png(data):
            parts.insert(0, LOOSE)
        name = "/".join(parts) or "unnamed"
        while name in files:
            times[name] += 1
            name = _numbered(name, times[name] + 1)
        files[name], names[name] = data, given
    return Upload(files, names)


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


def _numbered(name: str, number: int) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem} ({number}){path.suffix}"))


def _body_too_large(limits: Limits) -> Problem:
    detail = f"the request is larger than {_mib(limits.request_bytes)}"
    return too_large("request-bytes", detail, "send one study, its MRI series only, as a zip")


def _too_many(limits: Limits, where: str) -> Problem:
    detail = f"{where} more than {limits.files:,} files"
    return too_large("files", detail, "send the MRI series of one study only")


def _mib(count: int) -> str:
    return f"{count / 2**20:,.4g} MiB"
