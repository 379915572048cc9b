"""What archives of unknown origin try: each trick has its own answer, in bounded memory."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from zips import Members, zipped

from lumbar.errors import FormatError
from lumbar.imaging import find_studies, find_uploaded, read_uploaded
from lumbar.imaging.archives import LOCAL, UPLOADED, ArchiveLimits, ZipFiles, excess
from lumbar.imaging.png import encode_png

MIB = 2**20
LOCAL_SIZE, CENTRAL_SIZE, CENTRAL_CRC = 22, 24, 16
"""Where file_size and the checksum stand in a member's two headers (APPNOTE.TXT 4.3.7, 4.3.12)."""


def patched(archive: bytes, place: int, value: bytes, signature: bytes) -> bytes:
    """The archive with other bytes at a place of its first header of that signature."""
    at = archive.index(signature) + place
    return archive[:at] + value + archive[at + len(value) :]


def said_to_hold(archive: bytes, size: int, crc: int | None = None) -> bytes:
    """An archive whose only member claims another size, and another checksum."""
    four = struct.pack("<L", size)
    lying = patched(
        patched(archive, LOCAL_SIZE, four, b"PK\x03\x04"), CENTRAL_SIZE, four, b"PK\x01\x02"
    )
    if crc is None:
        return lying
    return patched(lying, CENTRAL_CRC, struct.pack("<L", crc), b"PK\x01\x02")


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    """Python must not take more than this meanwhile."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit


@pytest.fixture
def study(stack_of_files: Callable[..., dict[str, bytes]]) -> Members:
    return dict(stack_of_files())


def aside(members: Members) -> dict[str, str]:
    """File -> reason of what is set aside of a zip of these; its pictures must be read."""
    (found,) = read_uploaded({"study.zip": zipped(members)})
    assert sum(map(len, found.series)) == 15
    return {entry.file: entry.reason for entry in found.set_aside}


@pytest.mark.parametrize("packed", [1, 100])
def test_bar_06_an_archive_of_a_hundred_times_its_size_is_refused_unread(packed: int) -> None:
    bomb = zipped({f"{n}.dcm": bytes(MIB) for n in range(packed)})
    with memory_below(MIB), pytest.raises(FormatError, match="more than 100 times its size"):
        read_uploaded({"bomb.zip": bomb})


def test_bar_06_members_that_share_their_bytes_count_each_for_itself() -> None:
    """A quine of a bomb: many entries, one member (D. Fifield, USENIX WOOT 2019)."""
    one = zipped({"a.dcm": bytes(MIB)})
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    directory = one[start:end] * 1_000
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1_000, 1_000, len(directory), start, 0)
    with pytest.raises(FormatError, match="more than 100 times its size"):
        read_uploaded({"bomb.zip": one[:start] + directory + record})


def test_bar_06_an_archive_in_an_archive_is_listed_and_never_opened(study: Members) -> None:
    inner = zipped({"a.dcm": bytes(10_000)})
    for _ in range(5):
        inner = zipped({"inner.zip": inner}, zipfile.ZIP_STORED)
    assert aside({"inner.zip": inner} | study) == {
        "inner.zip": "an archive inside an archive is not opened"
    }


@pytest.mark.parametrize("count_told", [65_535, 1])
def test_bar_06_a_million_entries_are_counted_and_not_parsed(count_told: int) -> None:
    name = b"a.dcm"
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, *[0] * 7, len(name), *[0] * 6) + name
    directory = entry * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count_told, count_told, len(directory), 4, 0)
    archive = b"PK\x03\x04" + directory + end
    with memory_below(3 * len(archive)), pytest.raises(FormatError, match="more than 5,000 files"):
        read_uploaded({"many.zip": archive})
    assert excess(archive, LOCAL) is not None


@pytest.mark.parametrize("cheat", ["decoy in the record", "decoy before the record"])
def test_bar_06_a_directory_that_only_one_reader_would_find_is_counted_too(cheat: str) -> None:
    """Readers look for the end record in different ways; Python's zipfile finds all members."""
    archive = zipped({f"{n}.dcm": b"data" for n in range(20)})
    at = archive.index(b"PK\x05\x06")
    if cheat == "decoy in the record":
        archive = archive[: at + 4] + b"PK\x05\x06" + archive[at + 8 :]
    else:
        none = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, *[0] * 6) + bytes(20)
        archive = archive[:at] + none + archive[at:]
        archive = patched(archive, 12, struct.pack("<L", at + len(none)), b"PK\x05\x06")
        archive = patched(archive, 16, struct.pack("<L", 0), b"PK\x05\x06")
    over = excess(archive, ArchiveLimits(10, MIB))
    assert over is not None
    assert over.limit == "files"


def test_bar_06_a_member_that_lies_about_its_size_is_read_no_further() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(MIB)) for _ in range(200)) + packer.flush()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.dcm", packed)
    data = whole.getvalue()
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data = patched(data, place, struct.pack("<H", zipfile.ZIP_DEFLATED), signature)
    with memory_below(2 * MIB), pytest.raises(FormatError, match="damaged in the archive"):
        ZipFiles(said_to_hold(data, 1_000)).read("a.dcm")
    agreed = said_to_hold(data, 1_000, zlib.crc32(bytes(1_000)))
    with memory_below(2 * MIB):
        assert ZipFiles(agreed).read("a.dcm") == bytes(1_000)


def test_bar_06_a_member_that_is_shorter_than_it_says_is_refused() -> None:
    lying = said_to_hold(zipped({"a.dcm": b"short"}), 50)
    with pytest.raises(FormatError, match=r"a\.dcm: (damaged|not as long)"):
        ZipFiles(lying).read("a.dcm")


def test_bar_06_what_all_members_unpack_to_together_has_a_limit() -> None:
    data = zipped({f"{n}.dcm": bytes(range(256)) * 40 for n in range(10)})
    most = ArchiveLimits(100, 100_000)
    with pytest.raises(FormatError, match=r"study\.zip: unpacks to more than 0\.09537 MiB"):
        find_uploaded({"study.zip": data}, limits=most)


def test_bar_06_a_member_packed_by_a_method_without_a_bound_is_refused(study: Members) -> None:
    buffer = io.BytesIO(zipped(study))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("bomb.dcm", bytes(100_000), zipfile.ZIP_LZMA)
    (found,) = read_uploaded({"study.zip": buffer.getvalue()})
    assert "another method than deflate" in found.set_aside[0].reason


@pytest.mark.parametrize(
    "name", ["../../x.dcm", "a/../../x.dcm", "/etc/x.dcm", "C:/x.dcm", "..\\x.dcm", "\\x.dcm"]
)
def test_bar_07_a_name_that_leads_out_of_the_archive_is_refused(name: str, study: Members) -> None:
    assert "leads out of the archive" in aside({name: b"data"} | study)[name]


def test_bar_07_a_symbolic_link_is_refused_and_not_followed(tmp_path: Path, study: Members) -> None:
    (tmp_path / "secret").write_text("CANARY")
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    reasons = aside({link: str(tmp_path / "secret").encode()} | study)
    assert "a symbolic link" in reasons["link.dcm"]


@pytest.mark.parametrize("compression", ["", "gz", "xz", "bz2"])
def test_bar_07_a_tar_is_refused_whole_whatever_is_in_it(
    compression: str, tmp_path: Path, study: Members
) -> None:
    path = tmp_path / "study.tar"
    with tarfile.open(path, f"w:{compression}") as archive:
        for name, data in study.items():
            member = tarfile.TarInfo(str(name))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    for found in (lambda: find_studies(path), lambda: read_uploaded({"a.tar": path.read_bytes()})):
        with pytest.raises(FormatError, match=r"archive is not opened; pack the files as zip"):
            list(found())


def encrypted(archive: bytes) -> bytes:
    """The archive with the flag of encryption at its first member (APPNOTE.TXT 4.4.4)."""
    flagged = patched(archive, 6, b"\x01\x00", b"PK\x03\x04")
    return patched(flagged, 8, b"\x01\x00", b"PK\x01\x02")


def test_bar_08_an_encrypted_member_is_refused_in_words(study: Members) -> None:
    (found,) = read_uploaded({"study.zip": encrypted(zipped({"0.dcm": b"data"} | study))})
    assert [(entry.file, entry.reason) for entry in found.set_aside] == [
        ("0.dcm", "encrypted; send the archive without a password")
    ]


def test_bar_08_an_archive_with_nothing_but_encrypted_members_says_so() -> None:
    with pytest.raises(FormatError, match="encrypted; send the archive without a password"):
        read_uploaded({"study.zip": encrypted(zipped({"0.dcm": b"data"}))})


@pytest.mark.parametrize("place", range(0, 46, 2))
def test_a_damaged_directory_is_read_all_the_same_or_is_an_error_of_ours(place: int) -> None:
    broken = patched(zipped({"a.dcm": b"data"}), place, b"\xff\xff", b"PK\x01\x02")
    with suppress(FormatError):
        assert ZipFiles(broken).read("a.dcm") == b"data"


def test_an_archive_of_a_whole_cohort_on_disk_has_room(tmp_path: Path) -> None:
    path = tmp_path / "cohort.zip"
    path.write_bytes(zipped({f"{n}.txt": b"x" for n in range(UPLOADED.entries + 1)}))
    assert excess(path, UPLOADED) is not None
    assert len(ZipFiles(path).names()) == UPLOADED.entries + 1


def test_members_of_one_name_are_all_read(study: Members) -> None:
    """An archiver may leave folders out, and numbers repeat from series to series."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in study.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                archive.writestr(str(name).rpartition("/")[2], data)
    (found,) = read_uploaded({"study.zip": buffer.getvalue()})
    assert sorted(map(len, found.series)) == [5, 5, 5]
    assert not found.set_aside


def test_names_that_begin_with_a_dot_folder_are_not_hidden(study: Members) -> None:
    (found,) = read_uploaded({"study.zip": zipped({f"./{n}": d for n, d in study.items()})})
    assert sum(map(len, found.series)) == 15
    hidden = {f"./.trash/{name}": data for name, data in study.items()}
    assert aside({**study, **hidden}) == {}


def test_a_study_in_several_archives_is_one(study: Members) -> None:
    parts = {
        f"{series}.zip": zipped({n: d for n, d in study.items() if str(n)[0] == series})
        for series in "123"
    }
    (found,) = read_uploaded(parts)
    assert sorted(map(len, found.series)) == [5, 5, 5]
    assert {i.source for s in found.series for i in s} == {
        f"{str(name)[0]}.zip/{name}" for name in study
    }
    parts["damaged.zip"] = b"PK\x03\x04 and nothing more"
    both = read_uploaded(parts)
    assert [sum(map(len, one.series)) for one in both] == [15]
    assert [one.study_id for one in both.refused] == ["damaged.zip"]


def test_folders_of_pictures_called_alike_in_two_archives_stay_two() -> None:
    picture = encode_png(np.eye(99, dtype=np.uint8))
    found = find_uploaded({f"{k}.zip": zipped({"study/1.png": picture}) for k in "ab"})
    assert [len(study.files) for study, _ in found] == [1, 1]
