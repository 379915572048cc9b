"""The stored values of one frame, whatever its transfer syntax, held against what was promised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from lumbar.imaging import attributes
from lumbar.imaging.codecs import CODECS, UNCOMPRESSED, Decoded
from lumbar.imaging.codestream import CodestreamError
from lumbar.imaging.encapsulated import frame_of_items
from lumbar.imaging.pixelformat import PixelFormat

__all__ = ["stored_values"]

Values = NDArray[Any]

_AGAIN = "copy the file again from its source"


def stored_values(dataset: Dataset, promised: PixelFormat, index: int = 0) -> tuple[Values, str]:
    """Frame `index` as the file stores it, and its photometric interpretation.

    Values `[rows, columns]` or `[rows, columns, samples]`, signed where the file says so, without
    what lies above BitsStored; they may be a read-only view of the file's bytes. Raises
    DecodeError naming the file where they are missing, damaged or not what the header promises.
    """
    if not attributes.has(dataset, "PixelData"):
        raise promised.refused("header without PixelData; send the whole file")
    if not 0 <= index < promised.frames:
        raise promised.refused(f"has {promised.frames} frames, not {index + 1}")
    if promised.syntax in UNCOMPRESSED:
        decoded = Decoded(_native(dataset, promised, index), promised.stored, promised.photometric)
    else:
        decoded = _compressed(dataset, promised, index)
    if decoded.values.shape != promised.shape:
        raise promised.refused(
            f"decoded to {decoded.values.shape}, not to the {promised.shape} of its header; "
            "export the file again"
        )
    return _as_promised(decoded.values, decoded.bits, promised.signed), decoded.photometric


def _native(dataset: Dataset, promised: PixelFormat, index: int) -> Values:
    """A view of an uncompressed frame (PS3.5 8.1, 8.2)."""
    buffer = attributes.raw_bytes(dataset, "PixelData")
    _check_length(len(buffer), promised)
    big = promised.syntax == ExplicitVRBigEndian
    size = promised.allocated // 8
    count, start = promised.frame_bytes // size, promised.frame_bytes * index
    if big and size == 1 and _is_words(dataset):
        flat = _bytes_of_words(buffer, start, count)
    else:
        flat = np.frombuffer(buffer, f"{'>' if big else '<'}u{size}", count, start)
    if promised.photometric == "YBR_FULL_422":
        return _unpaired(flat, promised)
    if promised.samples > 1 and promised.planar:
        planes = flat.reshape(promised.samples, promised.rows, promised.columns)
        return planes.transpose(1, 2, 0)
    return flat.reshape(promised.shape)


def _check_length(found: int, promised: PixelFormat) -> None:
    """Raise DecodeError unless the bytes are those of the promised frames.

    A few bytes more are padding; as many as a row or column holds mean that the header promises
    another matrix than was written, and the picture would be sheared.
    """
    whole = promised.frame_bytes * promised.frames
    if found < whole:
        raise promised.refused(
            f"truncated, {found:,} of {whole:,} bytes of pixels; copy it again from its source"
        )
    square = promised.rows == promised.columns
    side = min(promised.rows, promised.columns) * promised.samples * promised.allocated // 8
    if found - whole >= side + square:
        raise promised.refused(
            f"{found:,} bytes of pixels where its header promises {whole:,}; export the file again"
        )


def _is_words(dataset: Dataset) -> bool:
    element = dataset.get_item("PixelData", keep_deferred=True)
    return element is not None and element.VR == "OW"


def _bytes_of_words(buffer: memoryview, start: int, count: int) -> Values:
    """8-bit samples out of big endian words, whose two bytes stand swapped (PS3.5 8.1.2)."""
    first = start - start % 2
    whole = np.frombuffer(buffer, np.uint8, min(len(buffer) - first, count + 2) // 2 * 2, first)
    return whole.reshape(-1, 2)[:, ::-1].reshape(-1)[start - first : start - first + count]


def _unpaired(flat: Values, promised: PixelFormat) -> Values:
    """Y1 Y2 Cb Cr of each two pixels to three samples each (PS3.3 C.7.6.3.1.2)."""
    if promised.columns % 2:
        raise promised.refused("an odd number of columns, whose colour is told for pairs of pixels")
    pairs = flat.reshape(-1, 4)
    whole = np.empty((len(pairs), 2, 3), flat.dtype)
    whole[..., 0] = pairs[:, :2]
    whole[..., 1:] = pairs[:, None, 2:]
    return whole.reshape(promised.shape)


def _compressed(dataset: Dataset, promised: PixelFormat, index: int) -> Decoded:
    codec = CODECS.get(promised.syntax)
    if codec is None:
        unknown = promised.syntax.name == promised.syntax
        known = "a transfer syntax that is not known" if unknown else promised.syntax.name
        raise promised.refused(
            f"pixels in {known}, which cannot be decoded; export it as Explicit VR Little Endian"
        )
    name = promised.syntax.name
    try:
        frame = frame_of_items(dataset, index, promised.frames)
        return codec.decode(frame, promised)
    except CodestreamError as error:
        raise promised.refused(f"{name} pixels are damaged: {error}; {_AGAIN}") from error
    except ImportError as error:
        raise promised.refused(f"pixels in {name}; {codec.install}") from error
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__ != _RUST_PANIC:
            raise
        raise promised.refused(f"{name} pixels are truncated or damaged; {_AGAIN}") from error


_RUST_PANIC = "pyo3_runtime"
"""Where the exceptions live that a codec written in Rust raises beside Python's Exception."""


def _as_promised(values: Values, bits: int, signed: bool) -> Values:
    """Values of `bits` bits in the promised sign: what lies above them is cut off (PS3.5 8.1.1)."""
    kind = "i" if signed else "u"
    if values.dtype.kind != kind:
        values = values.view(values.dtype.str.replace(values.dtype.kind, kind))
    unused = 8 * values.dtype.itemsize - bits
    if unused <= 0:
        return values
    if signed:
        return (values << unused) >> unused
    limit = (1 << bits) - 1
    return values & values.dtype.type(limit) if int(values.max()) > limit else values
