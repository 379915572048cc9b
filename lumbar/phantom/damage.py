"""Files as they arrive broken: seeded damage to the bytes of a DICOM file.

Each kind is something that happens to files, or that somebody does to them: bits that flip on a
disk, copies that end early, headers edited by hand, frames whose own header lies about their size.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np
from pydicom.uid import UID

from lumbar.phantom.syntaxes import SYNTAXES

__all__ = ["DAMAGES", "damaged", "mutants"]

Rng = np.random.Generator
Damage = Callable[[bytes, Rng], bytes]

_ITEM = b"\xfe\xff\x00\xe0"
_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_IMAGE_PIXEL = b"\x28\x00"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_NUMBERS = (0, 1, 2, 3, 7, 8, 12, 15, 16, 17, 255, 256, 4096, 32767, 32768, 65535)
_LENGTHS = (0, 1, 2, 7, 255, 65534, 2**20, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)


def damaged(data: bytes, seed: int, number: int) -> bytes:
    """The file with the damage of a seed and number: always the same, one kind after the other.

    Of a deflated data set it is what was deflated that is damaged, every other time.
    """
    kind = tuple(DAMAGES.values())[number % len(DAMAGES)]
    rng = np.random.default_rng([seed, number, zlib.crc32(data)])
    if _DEFLATED in data[:1024] and rng.random() < 0.5:
        start = _behind_meta(data)
        inflated = zlib.decompress(data[start:], -zlib.MAX_WBITS)
        packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
        return data[:start] + packer.compress(kind(inflated, rng)) + packer.flush()
    return kind(data, rng)


def mutants(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` damaged copies of a file, the kinds of DAMAGES in turn."""
    return (damaged(data, seed, number) for number in range(count))


def _behind_meta(data: bytes) -> int:
    """Where the data set begins: file meta starts with its own length (PS3.10 7.1)."""
    (length,) = struct.unpack_from("<I", data, 140)
    return 144 + int(length)


def _flipped(data: bytes, rng: Rng) -> bytes:
    """One to eight bits of the whole file."""
    return _with_flips(data, rng, 132 if len(data) > 400 else 0, len(data))


def _flipped_pixels(data: bytes, rng: Rng) -> bytes:
    """One to eight bits of the pixels and their item headers."""
    return _with_flips(data, rng, max(data.rfind(_PIXEL_DATA), 0), len(data))


def _flipped_frame_header(data: bytes, rng: Rng) -> bytes:
    """One to eight bits where a compressed frame says its size."""
    start = data.rfind(_PIXEL_DATA)
    start = max(start, 0) + 20
    return _with_flips(data, rng, start, min(start + 120, len(data)))


def _with_flips(data: bytes, rng: Rng, start: int, stop: int) -> bytes:
    made = bytearray(data)
    for place in rng.integers(start, max(stop, start + 1), rng.integers(1, 9)):
        if place < len(made):
            made[place] ^= 1 << int(rng.integers(8))
    return bytes(made)


def _cut(data: bytes, rng: Rng) -> bytes:
    """An end that is missing."""
    return data[: int(rng.integers(1, len(data)))]


def _cut_within_pixels(data: bytes, rng: Rng) -> bytes:
    """An end that is missing, the header whole."""
    start = max(data.rfind(_PIXEL_DATA), 0)
    return data[: int(rng.integers(start, len(data)))]


def _shifted(data: bytes, rng: Rng) -> bytes:
    """A stretch of bytes lost or there twice."""
    start, stop = np.sort(rng.integers(132, len(data), 2))
    if rng.random() < 0.5:
        return data[:start] + data[stop:]
    return data[:stop] + data[start:]


def _overwritten(data: bytes, rng: Rng) -> bytes:
    """A stretch of up to 512 bytes replaced by others."""
    start = int(rng.integers(132, len(data)))
    length = min(int(rng.integers(1, 512)), len(data) - start)
    return data[:start] + rng.bytes(length) + data[start + length :]


def _edited_number(data: bytes, rng: Rng) -> bytes:
    """Rows, BitsAllocated or another number of the Image Pixel module changed (explicit VR US)."""
    places = [n for n in _all(data, b"US\x02\x00") if data[n - 4 : n - 2] == _IMAGE_PIXEL]
    places += [n for n in _all(data, b"\x02\x00\x00\x00") if data[n - 4 : n - 2] == _IMAGE_PIXEL]
    return _put(data, places, rng, 4, struct.pack("<H", int(rng.choice(_NUMBERS))))


def _edited_text(data: bytes, rng: Rng) -> bytes:
    """A text of group 0028 changed: NumberOfFrames, PhotometricInterpretation, PixelSpacing ..."""
    places = []
    for vr in (b"IS", b"CS", b"DS"):
        places += [n for n in _all(data, vr) if data[n - 4 : n - 2] == _IMAGE_PIXEL]
    if not places:
        return _flipped(data, rng)
    place = int(rng.choice(places))
    (length,) = struct.unpack_from("<H", data, place + 2)
    words = (b"99999999", b"-1", b"0", b"1e400", b"RGB", b"YBR_FULL_422", b"PALETTE COLOR", b"\xff")
    value = words[int(rng.integers(len(words)))][:length].ljust(length)
    return data[: place + 4] + value + data[place + 4 + length :]


def _edited_length(data: bytes, rng: Rng) -> bytes:
    """The length of some element changed."""
    places = [n for vr in (b"US", b"CS", b"DS", b"UI", b"LO", b"IS") for n in _all(data, vr)]
    value = int(rng.choice(_LENGTHS)) & 0xFFFF
    return _put(data, places, rng, 2, struct.pack("<H", value))


def _edited_item_length(data: bytes, rng: Rng) -> bytes:
    """The length of an item changed: of a sequence, or of a compressed frame."""
    return _put(data, _all(data, _ITEM), rng, 4, struct.pack("<I", int(rng.choice(_LENGTHS))))


def _another_syntax(data: bytes, rng: Rng) -> bytes:
    """Said to be in another transfer syntax than it is written in."""
    place = data.find(b"\x02\x00\x10\x00UI")
    if place < 0:
        return _flipped(data, rng)
    (length,) = struct.unpack_from("<H", data, place + 6)
    syntax: UID = SYNTAXES[int(rng.integers(len(SYNTAXES)))]
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    head = data[: place + 6] + struct.pack("<H", len(value)) + value
    return head + data[place + 8 + length :]


def _all(data: bytes, wanted: bytes) -> list[int]:
    """Every place of some bytes behind the preamble."""
    places: list[int] = []
    place = data.find(wanted, 4)
    while place >= 0 and len(places) < 500:
        places.append(place)
        place = data.find(wanted, place + 1)
    return places


def _put(data: bytes, places: list[int], rng: Rng, beyond: int, value: bytes) -> bytes:
    """`value` written `beyond` bytes behind one of the places; bits flipped where there is none."""
    if not places:
        return _flipped(data, rng)
    place = int(rng.choice(places)) + beyond
    return data[:place] + value + data[place + len(value) :]


DAMAGES: Mapping[str, Damage] = MappingProxyType(
    {
        "bits flipped": _flipped,
        "bits of the pixels flipped": _flipped_pixels,
        "bits of the frame's header flipped": _flipped_frame_header,
        "cut off": _cut,
        "cut off within the pixels": _cut_within_pixels,
        "bytes lost or doubled": _shifted,
        "bytes overwritten": _overwritten,
        "a number of the header edited": _edited_number,
        "a text of the header edited": _edited_text,
        "a length edited": _edited_length,
        "an item's length edited": _edited_item_length,
        "another transfer syntax": _another_syntax,
    }
)
"""Every kind of damage by what it does."""
