"""Zip archives of unknown origin: judged by their directory, read a member at a time in memory.

Nothing is ever unpacked to disk. A member is read no further than the directory says that it is
long. Archives of other kinds (tar, gzip, 7z ...) are not opened: a zip does all that is needed, and
each further format would bring its own tricks.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from lumbar.errors import FormatError

__all__ = [
    "LOCAL",
    "UPLOADED",
    "ArchiveLimits",
    "Excess",
    "Tally",
    "ZipFiles",
    "archive_kind",
    "distinct",
    "excess",
]

MAX_MEMBER_BYTES = 512 * 2**20
"""A member that unpacks to more than this is refused unread."""
MAX_DIRECTORY_BYTES = 256 * 2**20
"""Of an archive's directory: 800 bytes an entry at the most entries."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What archives may hold, by what their directories say."""

    entries: int
    unpacked_bytes: int
    ratio: int = 100
    """Unpacked to packed bytes. Packed MRI stays below 10; a bomb reaches 1,000 and more."""


UPLOADED = ArchiveLimits(entries=5_000, unpacked_bytes=2 * 2**30)
"""Of one that was sent: ten times a long study, and no more than memory can hold."""
LOCAL = ArchiveLimits(entries=300_000, unpacked_bytes=2**40)
"""Of one that lies on disk and is read a study at a time: twice the challenge's archive."""


@dataclass(frozen=True, slots=True)
class Excess:
    """The limit that an archive exceeds (`files`, `unpacked-bytes`, `zip-ratio`), in words, and
    what to do about it."""

    limit: str
    words: str
    hint: str


class Tally:
    """Files and unpacked bytes of what is sent together, counted against the limits of one."""

    def __init__(self, limits: ArchiveLimits, entries: int = 0, unpacked_bytes: int = 0) -> None:
        """`entries` files of `unpacked_bytes` are there beside the archives."""
        self._limits, self._entries, self._unpacked = limits, entries, unpacked_bytes

    def add(self, archive: Path | bytes) -> Excess | None:
        """The first limit that a zip archive exceeds with what came before it, None for none.

        Only its directory is looked at, and that is counted before it is parsed: a million entries
        take half a gigabyte once parsed. What is no zip archive counts for nothing.
        """
        limits = self._limits
        among = "with the other files " if self._entries else ""
        try:
            with _opened(archive) as stream:
                entries = self._entries + _counted_entries(stream)
                if entries > limits.entries:
                    words = f"{among}holds more than {limits.entries:,} files"
                    return Excess("files", words, "send the MRI series of one study only")
                unpacked = sum(member.file_size for member in zipfile.ZipFile(stream).infolist())
                packed = stream.seek(0, io.SEEK_END)
        except Exception:  # what is wrong with it, is said when it is read
            return None
        self._entries, self._unpacked = entries, self._unpacked + unpacked
        if self._unpacked > limits.unpacked_bytes:
            words = f"{among}unpacks to more than {limits.unpacked_bytes / 2**20:,.4g} MiB"
            return Excess("unpacked-bytes", words, "send one study without its reports")
        if unpacked > limits.ratio * packed:
            words = f"unpacks to more than {limits.ratio} times its size"
            return Excess("zip-ratio", words, "send the files without packing them")
        return None


def excess(archive: Path | bytes, limits: ArchiveLimits) -> Excess | None:
    """The first limit that a zip archive exceeds by itself, None where it keeps to all."""
    return Tally(limits).add(archive)


def archive_kind(head: bytes) -> str:
    """What kind of archive a file is that starts with these 512 bytes, "" where it is none."""
    starts = (
        (b"PK\x03\x04", "zip"),
        (b"PK\x05\x06", "zip"),
        (b"\x1f\x8b", "gzip"),
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ", "xz"),
        (b"7z\xbc\xaf", "7z"),
        (b"Rar!", "rar"),
    )
    if head[257:262] == b"ustar":
        return "tar"
    return next((kind for start, kind in starts if head.startswith(start)), "")


class ZipFiles:
    """The members of a zip archive, read one at a time and never unpacked to disk."""

    def __init__(self, archive: Path | bytes, uri: str = "", limits: ArchiveLimits = LOCAL) -> None:
        """Raises FormatError where it is no zip archive, a damaged one, or beyond the limits."""
        self.uri = uri or (str(archive) if isinstance(archive, Path) else "upload.zip")
        if over := excess(archive, limits):
            raise FormatError(f"{self.uri}: {over.words}; {over.hint}")
        try:
            source = archive if isinstance(archive, Path) else io.BytesIO(archive)
            self._archive = zipfile.ZipFile(source)
        except Exception as error:  # a damaged directory raises many kinds
            raise FormatError(f"{self.uri}: no zip archive, or a damaged one") from error
        named = [
            (member.filename.removeprefix("./"), member) for member in self._archive.infolist()
        ]
        shown = [(name, one) for name, one in named if not one.is_dir() and not _hidden(name)]
        names = distinct(name for name, _ in shown)
        self._members = dict(zip(names, (member for _, member in shown), strict=True))

    def names(self) -> list[str]:
        """Every member's name, sorted; hidden ones and a Mac's resource forks are passed over.

        A name that is there again is numbered, since its members are different files.
        """
        return sorted(self._members)

    def sums(self) -> dict[str, str]:
        """Each member's size and CRC-32 by the archive's directory; nothing is unpacked."""
        return {name: f"{one.file_size} {one.CRC:08x}" for name, one in self._members.items()}

    def open(self, name: str) -> BinaryIO:
        """A stream of one member's bytes."""
        return io.BytesIO(self.read(name))

    def read(self, name: str) -> bytes:
        """One member's bytes; FormatError with the reason where it cannot be had."""
        member = self._members.get(name)
        if member is None:
            raise FormatError(f"{name}: no such member in {self.uri}")
        if why := _refusal(member):
            raise FormatError(f"{name}: {why}")
        try:
            with self._archive.open(member) as stream:
                data = stream.read(member.file_size + 1)
        except Exception as error:  # zlib, CRC and a damaged header each raise their own kind
            raise FormatError(f"{name}: damaged in the archive; pack it again") from error
        if len(data) != member.file_size:
            raise FormatError(f"{name}: not as long as the archive says; pack it again")
        return data


def distinct(names: Iterable[str]) -> Iterator[str]:
    """Each name; one that came before as the first of `name (2)`, `name (3)` that did not."""
    used: set[str] = set()
    times: Counter[str] = Counter()
    for name in names:
        path, other = PurePosixPath(name), name
        while other in used:
            times[name] += 1
            other = str(path.with_name(f"{path.stem} ({times[name] + 1}){path.suffix}"))
        used.add(other)
        yield other


def _refusal(member: zipfile.ZipInfo) -> str:
    """Why a member is not read, "" where nothing speaks against it."""
    if member.flag_bits & 1:
        return "encrypted; send the archive without a password"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a symbolic link; pack the file that it stands for"
    if _leads_out(member.filename):
        return "a name that leads out of the archive; pack it again with relative names"
    if member.file_size > MAX_MEMBER_BYTES:
        return f"unpacks to more than {MAX_MEMBER_BYTES >> 20} MiB"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "packed by another method than deflate; pack it again as a plain zip"
    return ""


def _leads_out(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or not parts[0] or parts[0].endswith(":")


@contextmanager
def _opened(archive: Path | bytes) -> Iterator[BinaryIO]:
    with archive.open("rb") if isinstance(archive, Path) else io.BytesIO(archive) as stream:
        yield stream


_END = struct.Struct("<4s4H2LH")
"""End of central directory record: its sixth item is the directory's size (APPNOTE.TXT 4.3.16)."""
_END_64 = struct.Struct("<4sQ2H2L4Q")
"""The same in zip64: its ninth item (4.3.14), before a locator of 20 bytes (4.3.15)."""
_LOCATOR_BYTES = 20
_ENTRY = b"PK\x01\x02"


def _counted_entries(stream: BinaryIO) -> int:
    """Entries of the directory by their signatures: the count that an archive gives may be a lie.

    An archive can be built so that readers differ over where its directory is: the largest counts.
    """
    return max((_count(stream, stop, size) for stop, size in _directories(stream)), default=0)


def _directories(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    """(end, size) of every directory that a reader may take for the archive's."""
    start = max(0, stream.seek(0, io.SEEK_END) - _END.size - 2**16)
    stream.seek(start)
    tail = stream.read()
    for at in {tail.rfind(b"PK\x05\x06"), len(tail) - _END.size}:
        if not 0 <= at <= len(tail) - _END.size or tail[at : at + 4] != b"PK\x05\x06":
            continue
        yield start + at, _END.unpack_from(tail, at)[5]
        wide = start + at - _LOCATOR_BYTES - _END_64.size
        if wide >= 0:
            stream.seek(wide)
            found = _END_64.unpack(stream.read(_END_64.size))
            if found[0] == b"PK\x06\x06":
                yield wide, found[8]


def _count(stream: BinaryIO, stop: int, size: int) -> int:
    """Entries in the `size` bytes before `stop`; as many as there may be where those are many."""
    size = min(size, stop)
    if size > MAX_DIRECTORY_BYTES:
        return size // 46
    stream.seek(stop - size)
    return stream.read(size).count(_ENTRY)


def _hidden(name: str) -> bool:
    parts = [part for part in name.split("/") if not part.startswith("..")]
    return any(part.startswith((".", "__MACOSX")) for part in parts)
