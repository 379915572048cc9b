"""Results on disk: a private folder with a folder a job, there whole or not at all.

A job's folder holds its answer, its series' description, their slices and its heat maps. Nothing
else of what was sent is kept; headers stay in memory (`board`).
"""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shelf", "StorageFull"]

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
UNFINISHED = ".part"


class StorageFull(Exception):  # noqa: N818 - not the caller's error: there is no room
    """There is no room for a result; nothing of it was left behind."""


class Shelf:
    """Folders of results below a private one (0700), which is made where it is missing."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)

    def put(self, job_id: str, files: Mapping[str, bytes | NDArray[np.generic]]) -> None:
        """Keep a job's files; raises StorageFull where they find no room, keeping none of them."""
        part = self._folder / f"{job_id}{UNFINISHED}"
        try:
            if self.bytes + sum(map(_size, files.values())) > self._most:
                raise StorageFull("the folder of results holds as much as it may")
            part.mkdir(mode=0o700)
            for name, content in files.items():
                _write(part / name, content)
            part.rename(self._folder / job_id)
        except OSError as error:
            if error.errno in FULL:
                raise StorageFull("the disk of the folder of results is full") from None
            raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def read(self, job_id: str, name: str) -> bytes | None:
        """One file of a job, None where there is none."""
        try:
            return (self._folder / job_id / name).read_bytes()
        except FileNotFoundError:
            return None

    def array(self, job_id: str, name: str) -> NDArray[np.generic] | None:
        """One array of a job, None where there is none."""
        data = self.read(job_id, name)
        if data is None:
            return None
        found: NDArray[np.generic] = np.load(io.BytesIO(data), allow_pickle=False)
        return found

    def erase(self, job_id: str) -> None:
        """Remove a job's files."""
        shutil.rmtree(self._folder / job_id, ignore_errors=True)

    def keep_only(self, job_ids: Iterable[str]) -> None:
        """Remove the files of every other job, and what a crash left half-written."""
        kept = set(job_ids)
        for entry in list(self._folder.iterdir()):
            if entry.name not in kept:
                shutil.rmtree(entry, ignore_errors=True)

    @property
    def bytes(self) -> int:
        """Bytes of all that is kept."""
        return sum(_sizes(self._folder))


def _size(content: bytes | NDArray[np.generic]) -> int:
    return len(content) if isinstance(content, bytes) else content.nbytes


def _sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(parent, name)).st_size
            except FileNotFoundError:  # erased meanwhile
                continue


def _npy(array: NDArray[np.generic]) -> memoryview:
    """An array as a .npy file in memory: numpy's own writing to a full disk loses the errno."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getbuffer()


def _write(path: Path, content: bytes | NDArray[np.generic]) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content if isinstance(content, bytes) else _npy(content))
        file.flush()
        os.fsync(file.fileno())
