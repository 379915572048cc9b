"""Headers and pictures of files that are not trusted, made in a child process."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from lumbar.errors import DecodeError, InputError
from lumbar.imaging.files import Files, FolderFiles, MemoryFiles
from lumbar.imaging.find import file_headers
from lumbar.imaging.headers import Header
from lumbar.imaging.layout import placed_header
from lumbar.imaging.limits import MAX_FILE_BYTES, MAX_STUDY_PIXELS
from lumbar.imaging.pieces import ROOM_BYTES, Piece, answers
from lumbar.imaging.reader import Decoded, Loaded, Make, loaded, set_aside
from lumbar.imaging.study import SetAside
from lumbar.imaging.studyfiles import StudyFiles

__all__ = ["IsolatedReader", "isolated_headers"]

MAX_PIECE_BYTES = 256 * 2**20
"""Of pixels, decoded in one call of a child: half its time with the slowest codec."""


def isolated_headers(
    files: Files, names: Sequence[str]
) -> Iterator[tuple[str, tuple[Header, ...] | InputError]]:
    """Each file's name with its headers, or with what `file_headers` says that is wrong with it."""
    pieces = (_header_piece(files, name) for name in names)
    return zip(names, answers(_headers_in_child, pieces), strict=True)


class _Kept:
    """Files that are read twice, their bytes kept in between: unpacking them again takes longer."""

    def __init__(self, files: Files) -> None:
        self.uri, self._files, self._kept = files.uri, files, dict[str, bytes]()

    def names(self) -> list[str]:
        return self._files.names()

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self.read(name))

    def read(self, name: str) -> bytes:
        if name not in self._kept:
            self._kept[name] = self._files.read(name)
        return self._kept[name]


class IsolatedReader:
    """Has headers parsed and pictures decoded in a child process; only bytes pass through here.

    What its methods mean is said at `reader.Reader`.
    """

    def __init__(self, study: StudyFiles, files: Files) -> None:
        self._study = study
        self._files = files

    def headers(self, *, pictures: bool) -> tuple[list[Header], list[SetAside]]:
        """Every picture's header and what gave none."""
        series_of = {n: series.series_id for series in self._study.series for n in series.files}
        found: list[Header] = []
        aside: list[SetAside] = []
        if pictures and not isinstance(self._files, FolderFiles):
            self._files = _Kept(self._files)
        for name, headers in isolated_headers(self._files, list(series_of)):
            if isinstance(headers, InputError):
                aside.append(set_aside(name, headers))
            else:
                found += [placed_header(self._study, series_of[name], h) for h in headers]
        return found, aside

    def pictures(
        self, headers: Sequence[Header], make: Make, decoded: Decoded | None = None
    ) -> list[NDArray[Any] | InputError]:
        """The picture of each header, or why there is none; InputError for too many pixels."""
        if sum(header.rows * header.columns for header in headers) > MAX_STUDY_PIXELS:
            raise InputError(
                f"study {self._study.study_id}: more than {MAX_STUDY_PIXELS:,} pixels; send only "
                "the series that are to be graded"
            )
        portions = list(_portions(headers))
        pieces = (self._piece(portion, make) for portion in portions)
        made: dict[Header, NDArray[Any] | InputError] = {}
        for portion, answer in zip(portions, answers(_pictures_in_child, pieces), strict=True):
            alike = isinstance(answer, InputError)
            made |= dict.fromkeys(portion, answer) if alike else zip(portion, answer, strict=True)
            if decoded is not None:
                decoded(len(made), len(headers))
        return [made[header] for header in headers]

    def _piece(self, portion: Sequence[Header], make: Make) -> Piece | InputError:
        piece = _read(self._files, portion[0].source)
        if isinstance(piece, InputError):
            return piece
        return replace(piece, about=(make, tuple(portion)), room=sum(map(_bytes, portion)))


def _portions(headers: Iterable[Header]) -> Iterator[list[Header]]:
    """Headers of one file together, as many as a piece has room for.

    A file of very many frames is cut into few pieces, because each of them carries it whole.
    """
    files: dict[str, list[Header]] = {}
    for header in headers:
        files.setdefault(header.source, []).append(header)
    for frames in files.values():
        whole = sum(map(_bytes, frames))
        room = max(ROOM_BYTES, min(whole // 8, MAX_PIECE_BYTES))
        count = max(1, room // max(map(_bytes, frames)))
        yield from (frames[n : n + count] for n in range(0, len(frames), count))


def _bytes(header: Header) -> int:
    """Of the picture in float32."""
    return 4 * header.rows * header.columns


def _pictures_in_child(
    data: bytes, name: str, about: tuple[Make, Sequence[Header]]
) -> list[NDArray[Any] | InputError]:
    make, headers = about
    file = loaded(data, name)
    return [_picture(file, header, make) for header in headers]


def _picture(file: Loaded, header: Header, make: Make) -> NDArray[Any] | InputError:
    try:
        return make(file, header)
    except InputError as error:
        return error


def _header_piece(files: Files, name: str) -> Piece | InputError:
    """Of a folder's file the child reads what it needs; of another it is given all bytes."""
    if isinstance(files, FolderFiles):
        return Piece(name, b"", files.folder)
    return _read(files, name)


def _headers_in_child(data: bytes, name: str, folder: Path | None) -> tuple[Header, ...]:
    return file_headers(FolderFiles(folder) if folder else MemoryFiles({name: data}), name)


def _read(files: Files, name: str) -> Piece | InputError:
    try:
        data = files.read(name)
    except InputError as error:
        return error
    if len(data) > MAX_FILE_BYTES:
        return DecodeError(f"{name}: larger than {MAX_FILE_BYTES >> 20} MiB; leave it out")
    return Piece(name, data)
