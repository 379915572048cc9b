"""Where bytes are opened: a folder, a zip archive or uploads in memory, all by name.

The rest of imaging knows names and bytes only, so that another source (an object store) needs no
more than these four members.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from lumbar.errors import FormatError
from lumbar.imaging.archives import ZipFiles

__all__ = ["Files", "FolderFiles", "JoinedFiles", "MemoryFiles", "open_files"]


class Files(Protocol):
    """Named files; names are relative and use `/`."""

    uri: str

    def names(self) -> list[str]:
        """Every file's name, sorted."""

    def open(self, name: str) -> BinaryIO:
        """A stream of one file's bytes; FormatError where it cannot be opened."""

    def read(self, name: str) -> bytes:
        """One file's bytes; FormatError where it cannot be read."""


class FolderFiles:
    """The files below a folder; links to other folders are not followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = str(folder)

    def names(self) -> list[str]:
        """Every file's name, sorted; hidden files and folders are passed over."""
        found = (
            Path(parent).relative_to(self.folder) / name
            for parent, folders, names in _walk(self.folder)
            for name in names
            if not name.startswith(".")
        )
        return sorted(path.as_posix() for path in found)

    def open(self, name: str) -> BinaryIO:
        """A stream of one file's bytes; FormatError where it cannot be opened."""
        try:
            return (self.folder / name).open("rb")
        except OSError as error:
            raise FormatError(f"{name}: cannot be read ({error.strerror})") from error

    def read(self, name: str) -> bytes:
        """One file's bytes; FormatError where it cannot be read."""
        with self.open(name) as stream:
            try:
                return stream.read()
            except OSError as error:
                raise FormatError(f"{name}: cannot be read ({error.strerror})") from error


class MemoryFiles:
    """Files that are already in memory, by name."""

    def __init__(self, files: Mapping[str, bytes], uri: str = "upload") -> None:
        self.files = files
        self.uri = uri

    def names(self) -> list[str]:
        """Every file's name, sorted."""
        return sorted(self.files)

    def open(self, name: str) -> BinaryIO:
        """A stream of one file's bytes."""
        return io.BytesIO(self.read(name))

    def read(self, name: str) -> bytes:
        """One file's bytes; FormatError where there is none of that name."""
        try:
            return self.files[name]
        except KeyError:
            raise FormatError(f"{name}: no such file in {self.uri}") from None


class JoinedFiles:
    """Several sources as one: each file's name stands behind its source's."""

    def __init__(self, sources: Mapping[str, Files], uri: str = "upload") -> None:
        self.uri = uri
        self._places = {
            f"{source}/{name}": (files, name)
            for source, files in sources.items()
            for name in files.names()
        }

    def names(self) -> list[str]:
        """Every file's name, sorted."""
        return sorted(self._places)

    def open(self, name: str) -> BinaryIO:
        """A stream of one file's bytes; FormatError where it cannot be opened."""
        files, inside = self._place(name)
        return files.open(inside)

    def read(self, name: str) -> bytes:
        """One file's bytes; FormatError where it cannot be read."""
        files, inside = self._place(name)
        return files.read(inside)

    def _place(self, name: str) -> tuple[Files, str]:
        if name not in self._places:
            raise FormatError(f"{name}: no such file in {self.uri}")
        return self._places[name]


def open_files(uri: str | Path) -> Files:
    """The files of a folder or of a zip archive. Raises FormatError where it is neither."""
    path = Path(uri)
    if path.is_dir():
        return FolderFiles(path)
    if not path.exists():
        raise FormatError(f"{path}: no such file or folder")
    if zipfile.is_zipfile(path):
        return ZipFiles(path)
    raise FormatError(f"{path}: neither a folder nor a zip archive")


def _walk(folder: Path) -> list[tuple[str, list[str], list[str]]]:
    import os

    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.append((parent, folders, names))
    return found
