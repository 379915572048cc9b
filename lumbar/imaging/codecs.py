"""Which library decodes which transfer syntax: by name, so that none that happens to be installed
changes the values unseen.

Each is called directly instead of through pydicom's decoders, which are shared by the whole
process: nothing is registered with them, and none of their own plug-ins is ever tried. What a
codec returns is held against both headers, the frame's own and the file's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid

from lumbar.imaging.codestream import (
    Codestream,
    CodestreamError,
    jpeg2000_codestream,
    jpeg_codestream,
)
from lumbar.imaging.pixelformat import PixelFormat

__all__ = ["CODECS", "UNCOMPRESSED", "Codec", "Decoded"]

Values = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Decoded:
    """Values `[rows, columns]` or `[rows, columns, samples]`, of which `bits` carry meaning.

    `photometric` is how the samples are to be understood, which a codec may have changed.
    """

    values: Values
    bits: int
    photometric: str


@dataclass(frozen=True, slots=True)
class Codec:
    """A library that decodes: the distribution that brings it, its module, and how it is called.

    `decode` takes a frame's bytes and the file's promise; it raises CodestreamError, or whatever
    the library raises, where the frame cannot be decoded or does not hold what was promised.
    """

    package: str
    module: str
    decode: Callable[[bytes, PixelFormat], Decoded]

    @property
    def available(self) -> bool:
        """Whether the library is installed (it is not imported)."""
        return find_spec(self.module) is not None

    @property
    def install(self) -> str:
        """The line that installs it."""
        return f"pip install {self.package}"


def _rle(frame: bytes, promised: PixelFormat) -> Decoded:
    """PackBits by bytes (PS3.5 annex G); colours come plane by plane."""
    from rle.utils import decode_pixel_data

    if len(frame) < 64 or frame[0] != promised.samples * promised.allocated // 8:
        raise CodestreamError(
            f"{frame[0] if frame else 0} RLE segments where the header needs others"
        )
    flat = decode_pixel_data(
        frame,
        version=2,
        rows=promised.rows,
        columns=promised.columns,
        bits_allocated=promised.allocated,
    )
    values = _pixels(flat, f"<u{promised.allocated // 8}", promised, planar=True)
    return Decoded(values, promised.stored, promised.photometric)


def _jpeg(frame: bytes, promised: PixelFormat) -> Decoded:
    """Baseline, extended and lossless JPEG, 8 to 16 bits, by libjpeg-turbo; no colour change."""
    from imagecodecs import jpeg8_decode

    found = _agreeing(jpeg_codestream(frame), promised)
    lossless = promised.syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1)
    if found.bits < promised.stored and (promised.signed or not lossless):
        raise CodestreamError(
            f"{found.bits} bits compressed where the header says {promised.stored}"
        )
    as_it_is = None if found.samples == 1 else "RGB"
    values = jpeg8_decode(frame, colorspace=as_it_is, outcolorspace=as_it_is)
    return Decoded(values, min(found.bits, promised.stored), _colour(found, promised))


def _jpegls(frame: bytes, promised: PixelFormat) -> Decoded:
    """JPEG-LS by CharLS, which knows no sign: the values are unsigned."""
    from jpeg_ls import decode_pixel_data

    found = _agreeing(jpeg_codestream(frame), promised)
    flat, told = decode_pixel_data(frame)
    values = _pixels(flat, _container(found), promised, planar=told["interleave_mode"] == 0)
    return Decoded(values, _bits(found, promised), _colour(found, promised))


def _jpeg2000(frame: bytes, promised: PixelFormat) -> Decoded:
    """JPEG 2000, high-throughput or not, by OpenJPEG; its colour transforms are undone.

    imagecodecs decodes HTJ2K in half the time, but ignores the codec's errors and returns memory
    that was never written: no way to tell a damaged frame (2026.3.6).
    """
    from openjpeg.utils import decode_pixel_data

    found = _agreeing(jpeg2000_codestream(frame), promised)
    flat = decode_pixel_data(frame, version=2)
    values = _pixels(flat, _container(found), promised, planar=False)
    transformed = promised.photometric in ("YBR_ICT", "YBR_RCT")
    photometric = "RGB" if transformed else promised.photometric
    return Decoded(values, _bits(found, promised), photometric)


def _bits(found: Codestream, promised: PixelFormat) -> int:
    """Bits of a value: of a signed one as stored, since a codestream that has more holds the word
    as it was, whose bits above may say nothing of the sign."""
    return min(found.bits, promised.stored) if promised.signed else found.bits


def _agreeing(found: Codestream, promised: PixelFormat) -> Codestream:
    """The frame's header where it describes the picture that the file's header promises."""
    ours = (found.rows, found.columns, found.samples)
    theirs = (promised.rows, promised.columns, promised.samples)
    if ours != theirs:
        raise CodestreamError(
            f"{found.rows} x {found.columns} pixels of {found.samples} samples, unlike its header"
        )
    if not 2 <= found.bits <= promised.allocated:
        raise CodestreamError(
            f"{found.bits} bits compressed for {promised.allocated} allocated ones"
        )
    return found


def _pixels(flat: Any, kind: str, promised: PixelFormat, *, planar: bool) -> Values:
    """A codec's bytes as `[rows, columns]` or, plane after plane or not, with samples behind."""
    values = np.frombuffer(flat, kind)
    if promised.samples == 1 or not planar:
        return values.reshape(promised.shape)
    planes: Values = values.reshape(promised.samples, promised.rows, promised.columns)
    return planes.transpose(1, 2, 0)


def _container(found: Codestream) -> str:
    size = 1 if found.bits <= 8 else 2 if found.bits <= 16 else 4
    return f"<{'i' if found.signed else 'u'}{size}"


def _colour(found: Codestream, promised: PixelFormat) -> str:
    """What the samples are: the image itself knows better than the file's header."""
    return found.colour if found.samples == 3 and found.colour else promised.photometric


_RLE = Codec("pylibjpeg-rle", "rle", _rle)
_JPEG = Codec("imagecodecs", "imagecodecs", _jpeg)
_JPEG_LS = Codec("pyjpegls", "jpeg_ls", _jpegls)
_JPEG_2000 = Codec("pylibjpeg-openjpeg", "openjpeg", _jpeg2000)

UNCOMPRESSED: tuple[uid.UID, ...] = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
)
"""Transfer syntaxes whose pixels need no codec (the deflated one is inflated on reading)."""

CODECS: Mapping[uid.UID, Codec] = MappingProxyType(
    {
        uid.RLELossless: _RLE,
        uid.JPEGBaseline8Bit: _JPEG,
        uid.JPEGExtended12Bit: _JPEG,
        uid.JPEGLossless: _JPEG,
        uid.JPEGLosslessSV1: _JPEG,
        uid.JPEGLSLossless: _JPEG_LS,
        uid.JPEGLSNearLossless: _JPEG_LS,
        uid.JPEG2000Lossless: _JPEG_2000,
        uid.JPEG2000: _JPEG_2000,
        uid.HTJ2KLossless: _JPEG_2000,
        uid.HTJ2KLosslessRPCL: _JPEG_2000,
        uid.HTJ2K: _JPEG_2000,
    }
)
"""Every compressed transfer syntax that can be decoded, and the library that does it."""
