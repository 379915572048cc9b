"""Files cut off or made to do harm: refused by name, in bounded time and memory."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from pydicom import uid

from lumbar.errors import DecodeError, FormatError, InputError
from lumbar.imaging import decode_instance, read_headers, read_uploaded
from lumbar.phantom.syntaxes import SYNTAXES, file_bytes, transcoded

SMALL = (np.arange(64 * 70).reshape(64, 70) % 251).astype(np.uint8)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_bar_05_a_file_cut_off_in_its_header_or_its_pixels_is_refused_by_name(
    make_dataset, syntax
) -> None:
    whole = file_bytes(transcoded(make_dataset(SMALL), syntax))
    assert decode_instance(whole, "a.dcm").shape == (64, 70)
    pixels = whole.rfind(b"\x7f\xe0\x00\x10" if "Big" in syntax.keyword else b"\xe0\x7f\x10\x00")
    inside = pixels if pixels > 0 else len(whole) // 2  # a deflated file hides where they begin
    for kept in (140, inside // 2, inside, inside + 12, (inside + len(whole)) // 2):
        with pytest.raises(InputError, match=r"^a\.dcm: "):
            decode_instance(whole[:kept], "a.dcm")


def test_bar_05_of_a_study_only_the_file_cut_off_is_set_aside(stack_of_files) -> None:
    files = stack_of_files()
    files["2/3.dcm"] = files["2/3.dcm"][: len(files["2/3.dcm"]) - 600]
    files["2/4.dcm"] = files["2/4.dcm"][:300]
    (study,) = read_uploaded(files, all_series=True)
    aside = {entry.file: entry for entry in study.set_aside}
    assert set(aside) == {"2/3.dcm", "2/4.dcm"}
    assert all(entry.damaged for entry in aside.values())
    assert sum(map(len, study.series)) == 13


def behind_meta(whole: bytes) -> int:
    """Where the data set begins: file meta starts with its own length (PS3.10 7.1)."""
    return 144 + int(struct.unpack_from("<I", whole, 140)[0])


def deflated(make_dataset, tail: bytes, times: int) -> bytes:
    """A deflated file whose data set goes on with `tail` so many times."""
    dataset = transcoded(make_dataset(SMALL), uid.DeflatedExplicitVRLittleEndian)
    whole = file_bytes(dataset)
    start = behind_meta(whole)
    packer = zlib.compressobj(6, wbits=-zlib.MAX_WBITS)
    packed = packer.compress(zlib.decompress(whole[start:], -zlib.MAX_WBITS))
    packed += packer.flush(zlib.Z_FULL_FLUSH)
    more = packer.compress(tail) + packer.flush(zlib.Z_FULL_FLUSH)  # stands for itself, so repeats
    return whole[:start] + packed + more * times + packer.flush()


def test_bar_24_a_deflated_bomb_is_refused_and_its_header_read_in_bounded_memory(
    make_dataset, tmp_path
) -> None:
    bomb = deflated(make_dataset, bytes(2**24), 256)  # 4 GiB out of 4 MiB
    assert len(bomb) < 5 * 2**20
    path = tmp_path / "bomb.dcm"
    path.write_bytes(bomb)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from lumbar.errors import DecodeError\n"
        "from lumbar.imaging import decode_instance, read_headers\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "read_headers(Path(sys.argv[1]))\n"
        "headers = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: decode_instance(Path(sys.argv[1]))\n"
        "except DecodeError as error: print(error)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print((headers - before) >> 10, (after - before) >> 10)"
    )
    run = [sys.executable, "-c", code, str(path)]
    message, used = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[:2]
    assert "inflates to more than 256 MiB" in message
    of_headers, of_all = map(int, used.split())
    assert of_headers < 64
    assert of_all < 768


def test_bar_24_a_deflated_data_set_below_the_bound_is_read(make_dataset) -> None:
    padding = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, 2**20) + bytes(2**20)
    data = deflated(make_dataset, padding, 1)
    assert np.array_equal(decode_instance(data, "a.dcm").pixels, SMALL)


def nested(depth: int, *, lengths: bool) -> bytes:
    """A sequence in a sequence in a sequence ..., of undefined or of told lengths."""
    if not lengths:
        start = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
        stop = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
        return start * depth + stop * depth
    inside = b""
    for _ in range(depth):
        item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inside)) + inside
        inside = b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<I", len(item)) + item
    return inside


@pytest.mark.parametrize("depth", [1000, 50_000])
def test_bar_24_sequences_nested_a_thousand_deep_end_as_an_input_error(make_dicom, depth) -> None:
    whole = make_dicom()
    place = behind_meta(whole)
    made = whole[:place] + nested(depth, lengths=False) + whole[place:]
    with pytest.raises(DecodeError, match=r"^a\.dcm: damaged DICOM file \(RecursionError\)"):
        decode_instance(made, "a.dcm")
    with pytest.raises(DecodeError, match=r"^a\.dcm: damaged DICOM file \(RecursionError\)"):
        read_headers(made, "a.dcm")


def test_bar_24_a_deep_sequence_of_told_length_that_nobody_asks_for_is_never_opened(
    make_dicom,
) -> None:
    whole = make_dicom()
    place = behind_meta(whole)
    made = whole[:place] + nested(3000, lengths=True) + whole[place:]
    assert decode_instance(made, "a.dcm").shape == (20, 30)


def test_bar_24_a_deep_sequence_that_is_asked_for_has_no_more_than_one_level(make_dicom) -> None:
    whole = make_dicom()
    deep = b"\x00\x52\x30\x92" + nested(3000, lengths=True)[4:]  # functional groups a frame
    place = whole.rfind(b"\xe0\x7f\x10\x00")
    assert read_headers(whole[:place] + deep + whole[place:], "a.dcm")[0].frame == 0


def test_a_damaged_file_is_no_file_that_cannot_be_read(make_dicom) -> None:
    whole = make_dicom()
    open_ended = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
    with pytest.raises(DecodeError, match=r"^a\.dcm: damaged DICOM file"):
        decode_instance(whole[: behind_meta(whole)] + open_ended, "a.dcm")
    with pytest.raises(FormatError, match=r"^a\.dcm: an empty file"):
        decode_instance(b"", "a.dcm")
