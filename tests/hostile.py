"""Uploads that try a server: two patients in one archive, a study that is full of nasty text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from identify import identified
from pydicom import dcmread
from zips import zipped

from lumbar.phantom import make_study, zip_study

__all__ = ["NASTY", "members", "nasty_study", "two_patients"]

NASTY = "<img src=x onerror=alert(1)>\"'; DROP TABLE \U0001f600"


def members(archive: bytes) -> dict[str, bytes]:
    """The DICOM files of a zip archive by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {n: files.read(n) for n in sorted(files.namelist()) if n.endswith(".dcm")}


def two_patients() -> tuple[dict[str, bytes], bytes]:
    """Two phantoms' archives by StudyInstanceUID, and both in one, file by file in turn."""
    studies = [members(zip_study(make_study(7, index))) for index in range(2)]
    heap = {
        f"{n:04}-{which}.dcm": data
        for which, files in enumerate(studies)
        for n, data in enumerate(files.values())
    }
    uids = [str(dcmread(io.BytesIO(next(iter(f.values())))).StudyInstanceUID) for f in studies]
    apart = {uid: zipped(files) for uid, files in zip(uids, studies, strict=True)}
    return apart, zipped(dict(sorted(heap.items())))


def nasty_study(files: Mapping[str, bytes], word: str) -> bytes:
    """A study in which names and texts say `word` and NASTY, and 64 KiB of private text stand in
    every eighth file; a file that is no picture has a nasty name."""
    told = {
        name: identified(data, word, whole=n % 8 == 0)
        for n, (name, data) in enumerate(files.items())
    }
    for name, data in told.items():
        dataset = dcmread(io.BytesIO(data))
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientName = NASTY
        dataset.SeriesDescription = f"{dataset.SeriesDescription} {NASTY}"
        buffer = io.BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        told[name] = buffer.getvalue()
    return zipped(told | {f"{NASTY}.dcm": b"no picture"})
