"""Slices as 8-bit PNG files, one study at a time; nothing of a file but its picture is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lumbar.errors import InputError
from lumbar.imaging.files import open_files
from lumbar.imaging.find import series_of
from lumbar.imaging.headers import Header
from lumbar.imaging.png import encode_png
from lumbar.imaging.reader import Loaded, reader_of, set_aside
from lumbar.imaging.study import SetAside
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.imaging.voi import displayed

__all__ = ["Exported", "export_study"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of one study: PNG files written, and the files that gave none (or were damaged)."""

    written: int
    set_aside: tuple[SetAside, ...]


def export_study(study: StudyFiles, output: Path, *, trusted: bool = False) -> Exported:
    """Write every DICOM slice of a study to `<output>/<study>/<series>/<n>.png`.

    `n` is the slice's number, or its place in its series where numbers are missing or repeat.
    `trusted` as in `read_study`. Raises OSError where the output cannot be written.
    """
    if not study.series:
        return Exported(0, study.set_aside)
    reader = reader_of(study, open_files(study.uri), trusted=trusted)
    headers, aside = reader.headers(pictures=True)
    written = 0
    for series_id, members in series_of(headers).items():
        shown = list(zip(members, reader.pictures(members, _shown), strict=True))
        aside += [set_aside(h.source, error) for h, error in shown if isinstance(error, InputError)]
        pictures = [(h, pixels) for h, pixels in shown if not isinstance(pixels, InputError)]
        _write(pictures, output / _safe(study.study_id) / _safe(series_id))
        written += len(pictures)
    return Exported(written, (*study.set_aside, *aside))


def _shown(file: Loaded, header: Header) -> NDArray[np.uint8]:
    if isinstance(file, bytes):
        raise InputError(f"{header.source}: is a PNG already")
    return displayed(file, header)


def _write(pictures: list[tuple[Header, NDArray[np.uint8]]], folder: Path) -> None:
    numbers = {header.number for header, _ in pictures}
    unique = None not in numbers and len(numbers) == len(pictures)
    for place, (header, pixels) in enumerate(pictures, 1):
        folder.mkdir(parents=True, exist_ok=True)
        stem = header.number if unique else place
        (folder / f"{stem}.png").write_bytes(encode_png(pixels))


def _safe(name: str) -> str:
    """An id as a folder's name, whatever characters the file put into it."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).strip(".") or "unnamed"
