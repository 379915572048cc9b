"""What arrives by STOW-RS: the instances of a multipart/related body, and what each of them is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from lumbar.errors import InputError
from lumbar.imaging import attributes
from lumbar.imaging.dicomfile import read_dataset
from lumbar.imaging.headers import headers_of
from lumbar.imaging.pieces import Piece, answers
from serve.problems import Problem, Refused, too_large
from serve.settings import Limits

__all__ = ["Received", "receive_parts", "recognised"]

HINT = 'send multipart/related; type="application/dicom"; boundary=... (PS3.18 10.5)'


@dataclass(frozen=True, slots=True)
class Received:
    """One instance of a body. `study` is "" where the part is no DICOM that can be kept apart.

    UIDs are as they are told, "" in place of a study, an instance or a class that is no UID;
    `picture` says whether it is one that can be graded.
    """

    data: bytes = field(repr=False)
    study: str = ""
    series: str = ""
    sop: str = ""
    sop_class: str = ""
    picture: bool = False


async def receive_parts(request: Request, limits: Limits) -> list[bytes]:
    """The parts of the body; raises Refused for another content type or beyond a limit."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    told = options.get(b"type", b"application/dicom").lower()
    if kind != b"multipart/related" or not boundary or told != b"application/dicom":
        detail = "the request is no multipart/related of application/dicom with a boundary"
        raise Refused(Problem.of("content-type", 415, "Wrong content type", detail, HINT))
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limits.request_bytes:
        raise Refused(_body_too_large(limits))
    try:
        async with asyncio.timeout(limits.receive_s):
            return await _parts(request, boundary, limits)
    except TimeoutError:
        detail = f"the body did not arrive within {limits.receive_s:g} s"
        hint = "send it again over a faster connection, or fewer instances a request"
        raise Refused(Problem.of("slow", 408, "Too slow", detail, hint)) from None


def recognised(parts: Sequence[bytes]) -> list[Received]:
    """What each part is, told by its header, which is parsed in a child process."""
    told = answers(_look, [Piece("an instance", data) for data in parts])
    return [
        Received(data, *one) if isinstance(one, tuple) else Received(data)
        for data, one in zip(parts, told, strict=True)
    ]


class _Parts:
    """Collects the parts that a parser finds; only one that is whole counts."""

    def __init__(self, most: int) -> None:
        self.found: list[bytes] = []
        self.ended = False
        self._most, self._open = most, bytearray()

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._open.clear,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._open += data[start:end]

    def _end(self) -> None:
        self.found.append(bytes(self._open))
        self._open.clear()
        if len(self.found) > self._most:
            words = f"more than {self._most} instances in a request"
            raise Refused(too_large("files", words, "send them in several requests"))

    def _finish(self) -> None:
        self.ended = True


async def _parts(request: Request, boundary: bytes, limits: Limits) -> list[bytes]:
    parts = _Parts(limits.files)
    received = 0
    try:
        parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]
        async for chunk in request.stream():
            received += len(chunk)
            if received > limits.request_bytes:
                raise Refused(_body_too_large(limits))
            parser.write(chunk)
    except MultipartParseError:
        parts.ended = False
    if not parts.ended:
        detail = "the body is no whole multipart/related message"
        raise Refused(Problem.of("multipart", 400, "Damaged request", detail, HINT))
    if not parts.found:
        detail = "no instance came with the request"
        raise Refused(Problem.of("nothing-sent", 400, "Nothing was sent", detail, HINT))
    return parts.found


def _body_too_large(limits: Limits) -> Problem:
    words = f"the body is larger than {limits.request_bytes} bytes"
    return too_large("request-bytes", words, "send fewer instances a request")


def _look(data: bytes, source: str, about: None) -> tuple[str, str, str, str, bool]:
    """In the child: the identity of an instance, and whether it is a picture to grade."""
    dataset = read_dataset(bytes(data), source, pixels=False)
    study, series, sop, sop_class = (
        attributes.text(dataset, keyword)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    )
    if not sop_class:
        sop_class = attributes.text(dataset.file_meta, "MediaStorageSOPClassUID")
    try:
        picture = bool(headers_of(dataset, source))
    except InputError:
        picture = False
    return _uid(study), series, _uid(sop), _uid(sop_class), picture


def _uid(told: str) -> str:
    """A UID as real files have them, roots that are nobody's among them; "" for anything else."""
    return told if re.fullmatch(r"[0-9.]{1,64}", told, re.ASCII) else ""
