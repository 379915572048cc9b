"""Slices as 8-bit PNG files, one study at a time; nothing of a file but its picture is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lumbar.errors import DecodeError, InputError
from lumbar.imaging.dicomfile import read_dataset
from lumbar.imaging.files import Files, open_files
from lumbar.imaging.headers import Header, headers_of
from lumbar.imaging.layout import placed_header
from lumbar.imaging.png import encode_png, is_png
from lumbar.imaging.study import SetAside
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.imaging.voi import displayed

__all__ = ["Exported", "export_study"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of one study: PNG files written, and the files that gave none (or were damaged)."""

    written: int
    set_aside: tuple[SetAside, ...]


def export_study(study: StudyFiles, output: Path) -> Exported:
    """Write every DICOM slice of a study to `<output>/<study>/<series>/<n>.png`.

    `n` is the slice's number, or its place in its series where numbers are missing or repeat.
    Raises OSError where the output cannot be written.
    """
    if not study.series:
        return Exported(0, study.set_aside)
    files = open_files(study.uri)
    written = 0
    aside = list(study.set_aside)
    for series in study.series:
        pictures = []
        for name in series.files:
            try:
                pictures += _pictures(files, study, series.series_id, name)
            except InputError as error:
                reason = str(error).removeprefix(f"{name}: ")
                aside.append(SetAside(name, reason, isinstance(error, DecodeError)))
        _write(pictures, output / _safe(study.study_id) / _safe(series.series_id))
        written += len(pictures)
    return Exported(written, tuple(aside))


def _write(pictures: list[tuple[Header, bytes]], folder: Path) -> None:
    for stem, png in _numbered(pictures):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.png").write_bytes(png)


def _pictures(
    files: Files, study: StudyFiles, series_id: str, name: str
) -> list[tuple[Header, bytes]]:
    """Each frame of one file as header and PNG."""
    data = files.read(name)
    if is_png(data):
        raise InputError(f"{name}: is a PNG already")
    dataset = read_dataset(data, name)
    found = []
    for header in headers_of(dataset, name):
        png = encode_png(displayed(dataset, header))
        found.append((placed_header(study, series_id, header), png))
    return found


def _numbered(pictures: list[tuple[Header, bytes]]) -> Iterator[tuple[str, bytes]]:
    numbers = {header.number for header, _ in pictures}
    unique = None not in numbers and len(numbers) == len(pictures)
    for place, (header, png) in enumerate(pictures, 1):
        yield str(header.number if unique else place), png


def _safe(name: str) -> str:
    """An id as a folder's name, whatever characters the file put into it."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).strip(".") or "unnamed"
