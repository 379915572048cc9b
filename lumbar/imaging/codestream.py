"""What a compressed frame says of itself, read before a codec sees it.

A codec written in C allocates what the frame's own header asks for and fills up what is missing
with grey, so a frame is held against its DICOM header first: size, samples, bits, and its end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["Codestream", "CodestreamError", "jpeg2000_codestream", "jpeg_codestream"]


class CodestreamError(ValueError):
    """A compressed frame breaks its own format; the message says how, for the file's error."""


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size, samples a pixel and bits a sample; `colour` is "RGB", "YBR_FULL" or "" (not said)."""

    rows: int
    columns: int
    samples: int
    bits: int
    signed: bool = False
    colour: str = ""


_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""SOF of JPEG's processes (ITU-T T.81 table B.1) and of JPEG-LS (ITU-T T.87 table C.1)."""


def jpeg_codestream(frame: bytes) -> Codestream:
    """The frame header of a JPEG or JPEG-LS image (ITU-T T.81 B.2.2, T.87 C.2.2).

    Raises CodestreamError where there is none or the image does not end with its end marker.
    """
    if frame[:2] != b"\xff\xd8":
        raise CodestreamError("no JPEG image")
    _check_end(frame)
    colour = ""
    place = 2
    while place + 4 <= len(frame):
        lead, marker, length = struct.unpack_from(">BBH", frame, place)
        if lead != 0xFF or marker == 0xDA:
            break
        if marker == 0xFF:  # fill
            place += 1
            continue
        segment = frame[place + 4 : place + 2 + length]
        if marker in _FRAME_HEADERS and len(segment) >= 6:
            bits, rows, columns, samples = struct.unpack_from(">BHHB", segment)
            if segment[6::3] in (b"RGB", b"rgb"):
                colour = "RGB"
            return Codestream(rows, columns, samples, bits, colour=colour)
        colour = _told_colour(marker, segment) or colour
        place += 2 + length
    raise CodestreamError("a JPEG image without its header")


def _told_colour(marker: int, segment: bytes) -> str:
    """Adobe's transform flag (T.872 6.5.3) or JFIF's fixed colour space (T.871 section 7)."""
    if marker == 0xEE and segment[:5] == b"Adobe" and len(segment) >= 12:
        return "YBR_FULL" if segment[11] else "RGB"
    if marker == 0xE0 and segment[:4] == b"JFIF":
        return "YBR_FULL"
    return ""


_START = b"\xff\x4f\xff\x51"
_BOXED = b"\x00\x00\x00\x0cjP  "


def jpeg2000_codestream(frame: bytes) -> Codestream:
    """The SIZ segment of a JPEG 2000 codestream, bare or in a JP2 file (ITU-T T.800 A.5.1).

    Raises CodestreamError where there is none, where a tile-part is cut off, or where components
    differ in kind.
    """
    start = frame.find(_START) if frame.startswith(_BOXED) else 0
    if start < 0 or frame[start : start + 4] != _START or len(frame) < start + 45:
        raise CodestreamError("no JPEG 2000 image")
    _check_end(frame)
    width, height, left, top = struct.unpack_from(">4I", frame, start + 8)
    (samples,) = struct.unpack_from(">H", frame, start + 40)
    kinds = frame[start + 42 : start + 42 + 3 * samples : 3]
    if not samples or len(set(kinds)) != 1 or len(kinds) != samples:
        raise CodestreamError("a JPEG 2000 image whose components are of different kinds")
    _check_tile_parts(frame, start)
    bits = (kinds[0] & 0x7F) + 1
    return Codestream(height - top, width - left, samples, bits, signed=bool(kinds[0] & 0x80))


def _check_tile_parts(frame: bytes, start: int) -> None:
    """Whether each tile-part is as long as it says (T.800 A.4.2): OpenJPH fills in silence."""
    place = start + 2
    end = len(frame)
    while place + 12 <= end:
        marker, length = struct.unpack_from(">HH", frame, place)
        if marker == 0xFF90:
            (length,) = struct.unpack_from(">I", frame, place + 6)
            if length == 0:  # the last one reaches to the end
                return
            place += max(length, 14)
            if place > end - 2:
                raise CodestreamError("a JPEG 2000 image that ends early")
        elif marker == 0xFFD9 or marker < 0xFF00:
            return
        else:
            place += 2 + length


def _check_end(frame: bytes) -> None:
    """Whether an end-of-image marker closes the frame; padding behind it is allowed (PS3.5 A.4)."""
    if not frame[-1024:].rstrip(b"\x00\xff").endswith(b"\xff\xd9"):
        raise CodestreamError("a compressed image that ends early")
