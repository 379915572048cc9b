"""A study's files: headers first, then the pictures that are wanted.

In this process where the files are trusted; else in a child process that may be lost over a file
without harm to this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lumbar.errors import DecodeError, InputError
from lumbar.imaging.decode import decode_frame
from lumbar.imaging.dicomfile import read_dataset
from lumbar.imaging.files import Files, MemoryFiles
from lumbar.imaging.find import file_headers
from lumbar.imaging.headers import Header, headers_of
from lumbar.imaging.layout import placed_header
from lumbar.imaging.png import decode_png, is_png
from lumbar.imaging.study import Instance, SetAside
from lumbar.imaging.studyfiles import StudyFiles

__all__ = ["Decoded", "Loaded", "Make", "Reader", "instances", "loaded", "reader_of", "set_aside"]

Pixels = NDArray[Any]

Loaded = Dataset | bytes
"""A file in memory: a DICOM data set, or the bytes of a PNG."""

Make = Callable[[Loaded, Header], Pixels]
"""A function of a module that makes a picture `[rows, columns]`; raises InputError."""

Decoded = Callable[[int, int], None]
"""Told how many pictures of how many are made; what it raises ends the work."""


class Reader(Protocol):
    """One study's headers and pictures."""

    def headers(self, *, pictures: bool) -> tuple[list[Header], list[SetAside]]:
        """Every picture's header and what gave none; with `pictures`, they will be asked for."""

    def pictures(
        self, headers: Sequence[Header], make: Make, decoded: Decoded | None = None
    ) -> list[Pixels | InputError]:
        """The picture of each header, or why there is none."""


def reader_of(study: StudyFiles, files: Files, *, trusted: bool) -> Reader:
    """What reads a study's files: here where they are trusted, in a child process otherwise."""
    if trusted:
        return _HereReader(study, files)
    from lumbar.imaging.isolate import IsolatedReader  # brings pebble and multiprocessing

    return IsolatedReader(study, files)


def instances(
    reader: Reader, headers: Sequence[Header], decoded: Decoded | None = None
) -> list[Instance | InputError]:
    """The decoded picture of each header, or why it cannot be read."""
    shown = reader.pictures(headers, _decoded, decoded)
    return [
        pixels if isinstance(pixels, InputError) else header.with_pixels(pixels)
        for header, pixels in zip(headers, shown, strict=True)
    ]


def loaded(data: bytes, name: str) -> Loaded:
    """A file's bytes, parsed where they are DICOM; raises as `read_dataset` does."""
    return data if is_png(data) else read_dataset(data, name)


def set_aside(name: str, error: InputError) -> SetAside:
    """A file that gave no picture, with the reason; damaged where it should have given one."""
    reason = str(error).removeprefix(f"{name}: ")
    return SetAside(name, reason, isinstance(error, DecodeError))


def _decoded(file: Loaded, header: Header) -> Pixels:
    if isinstance(file, bytes):
        return decode_png(file, header).pixels
    return decode_frame(file, header).pixels


class _HereReader:
    """Parses each file once, whole, and keeps it for its pictures."""

    def __init__(self, study: StudyFiles, files: Files) -> None:
        self._study = study
        self._files = files
        self._loaded: dict[str, Loaded] = {}

    def headers(self, *, pictures: bool) -> tuple[list[Header], list[SetAside]]:
        found: list[Header] = []
        aside: list[SetAside] = []
        for series in self._study.series:
            for name in series.files:
                try:
                    headers = self._load(name) if pictures else file_headers(self._files, name)
                    found += [placed_header(self._study, series.series_id, h) for h in headers]
                except InputError as error:
                    aside.append(set_aside(name, error))
        return found, aside

    def pictures(
        self, headers: Sequence[Header], make: Make, decoded: Decoded | None = None
    ) -> list[Pixels | InputError]:
        made = []
        for header in headers:
            made.append(self._picture(header, make))
            if decoded is not None:
                decoded(len(made), len(headers))
        return made

    def _picture(self, header: Header, make: Make) -> Pixels | InputError:
        try:
            if header.source not in self._loaded:
                self._load(header.source)
            return make(self._loaded[header.source], header)
        except InputError as error:
            return error

    def _load(self, name: str) -> tuple[Header, ...]:
        data = self._files.read(name)
        file = self._loaded[name] = loaded(data, name)
        if isinstance(file, bytes):
            return file_headers(MemoryFiles({name: data}), name)
        return headers_of(file, name)
