"""Results on disk: a private folder with a folder a job, there whole or not at all.

A job's folder holds its answer, its series' description, a file of slices a series, and its heat
maps. Nothing else of what was sent is kept; headers stay in memory (`board`).
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Content", "Shelf", "StorageFull"]

Content = bytes | Sequence[NDArray[np.generic]]
"""Of a file: its bytes, or arrays that are read one at a time."""

NO_SUCH = frozenset({errno.ENOENT, errno.ENAMETOOLONG})
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
UNFINISHED = ".part"


class StorageFull(Exception):  # noqa: N818 - not the caller's error: there is no room
    """There is no room for a result; nothing of it was left behind."""


class Shelf:
    """Folders of results below a private one (0700), which is made where it is missing.

    What they hold is counted once, at the start: nobody else writes here. `most_bytes` may be set
    to another value at any time.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self.most_bytes = folder, most_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._bytes = {entry.name: _bytes_below(entry) for entry in folder.iterdir()}
        self._counting = threading.Lock()

    def put(self, job_id: str, files: Mapping[str, Content]) -> None:
        """Keep a job's files, in place of those that it has.

        Raises StorageFull where they find no room, keeping none of them.
        """
        self._reserve(job_id, sum(map(_size, files.values())))
        part, whole = self._folder / f"{job_id}{UNFINISHED}", self._folder / job_id
        try:
            for old in (part, whole):
                _remove(old)
            part.mkdir(mode=0o700)
            for name, content in files.items():
                _write(part / name, content)
            self._count(job_id, _bytes_below(part))
            part.rename(whole)
        except BaseException as error:
            self._count(job_id, None)
            shutil.rmtree(part, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in FULL:
                raise StorageFull("the disk of the folder of results is full") from None
            raise

    def read(self, job_id: str, name: str) -> bytes | None:
        """One file of a job, None where there is none."""
        try:
            return (self._folder / job_id / name).read_bytes()
        except OSError as error:
            if error.errno not in NO_SUCH:
                raise
            return None

    def array(self, job_id: str, name: str, index: int) -> NDArray[np.generic] | None:
        """One array of a job's file, None where there is none."""
        try:
            with np.load(self._folder / job_id / name, allow_pickle=False) as arrays:
                found: NDArray[np.generic] = arrays[f"arr_{index}"]
                return found
        except KeyError:
            return None
        except OSError as error:
            if error.errno not in NO_SUCH:
                raise
            return None

    def erase(self, job_id: str) -> None:
        """Remove a job's files; raises OSError where they cannot be."""
        _remove(self._folder / job_id)
        self._count(job_id, None)

    def keep_only(self, job_ids: Iterable[str]) -> None:
        """Remove the files of every other job, and what a crash left half-written."""
        for name in set(self._bytes) - set(job_ids):
            with suppress(OSError):  # it is still counted
                self.erase(name)

    @property
    def bytes(self) -> int:
        """Bytes of all that is kept, and of what is being written."""
        with self._counting:
            return sum(self._bytes.values())

    def _reserve(self, job_id: str, size: int) -> None:
        with self._counting:
            others = sum(many for name, many in self._bytes.items() if name != job_id)
            if others + size > self.most_bytes:
                raise StorageFull("the folder of results holds as much as it may")
            self._bytes[job_id] = size

    def _count(self, job_id: str, size: int | None) -> None:
        with self._counting:
            if size is None:
                self._bytes.pop(job_id, None)
            else:
                self._bytes[job_id] = size


def _remove(folder: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else sum(one.nbytes for one in content)


def _bytes_below(folder: Path) -> int:
    return sum(entry.lstat().st_size for entry in folder.rglob("*") if not entry.is_dir())


def _write(path: Path, content: Content) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            np.savez(file, *content)
        file.flush()
        os.fsync(file.fileno())
