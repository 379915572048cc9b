"""What a run's result follows from: the bytes of its studies and the code that grades them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lumbar
from lumbar.errors import InputError
from lumbar.imaging.archives import ZipFiles
from lumbar.imaging.files import open_files
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.version import lumbar_version

__all__ = ["code_version", "studies_digest"]

SAMPLE_BYTES = 4096
"""Of a file's beginning and of its middle: header and anatomy. To read all of an archive would take
as long as to grade it."""
READERS = 16
"""Threads: a file of a network's disk is mostly waited for."""
DIGITS = 16

_GRADES = ("domain.py", "config.py", "imaging", "grading", "pipelines/score.py")
"""The code that findings depend on."""


def code_version() -> str:
    """`lumbar_version`, a plus and a digest of the code that grades, as a checkout changes it."""
    root = Path(lumbar.__file__).parent
    digest = hashlib.sha256()
    for name in _GRADES:
        place = root / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return f"{lumbar_version()}+{digest.hexdigest()[:DIGITS]}"


def studies_digest(studies: Iterable[StudyFiles]) -> str:
    """16 hexadecimal digits of what studies hold, wherever they lie and whenever it was written.

    Names, what tables say, and of each file its size and a sample of its bytes; of an archive's
    members size and CRC-32. A file that is not there counts as such.
    """
    digest = hashlib.sha256()
    archives: dict[str, dict[str, str]] = {}
    with ThreadPoolExecutor(READERS) as pool:
        for study in studies:
            row = study.to_row()
            told = {key: row[key] for key in ("study_id", "series", "rsna_layout", "shown")}
            held = _held(study.uri, study.files, archives, pool)
            digest.update(json.dumps([told, held], sort_keys=True).encode())
    return digest.hexdigest()[:DIGITS]


def _held(
    uri: str, names: Sequence[str], archives: dict[str, dict[str, str]], pool: ThreadPoolExecutor
) -> list[str]:
    if os.path.isdir(uri):
        return list(pool.map(_sample, [os.path.join(uri, name) for name in names]))
    if uri not in archives:
        archives[uri] = _members(uri)
    return [archives[uri].get(name, _ABSENT) for name in names]


_ABSENT = "absent"


def _members(uri: str) -> dict[str, str]:
    try:
        files = open_files(uri)
    except InputError:  # said when the study is read
        return {}
    return files.sums() if isinstance(files, ZipFiles) else {}


def _sample(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            found = hashlib.sha256(stream.read(SAMPLE_BYTES))
            stream.seek(size // 2)
            found.update(stream.read(SAMPLE_BYTES))
    except OSError:
        return _ABSENT
    return f"{size} {found.hexdigest()[:DIGITS]}"
