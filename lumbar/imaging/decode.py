"""Bytes of one DICOM file to pictures: float32, rescale applied, high = bright.

Photometric interpretation: PS3.3 C.7.6.3.1.2. Rescale: PS3.3 C.11.1.1.2. Stored bits: PS3.5 8.1.1.
Uncompressed grey pixels are read straight from the buffer; the rest goes through pydicom's
decoders, the plug-in chosen by name so that an installed library never changes the values unseen.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from lumbar.errors import DecodeError
from lumbar.imaging import attributes
from lumbar.imaging.frames import frame_count, group
from lumbar.imaging.headers import Header, headers_of, read_dataset
from lumbar.imaging.study import Instance

__all__ = ["decode_frame", "decode_instance", "decode_instances"]

MAX_SIDE = 8192
"""Rows or columns beyond this are refused before anything is allocated."""

_PLUGINS = ("pylibjpeg", "pyjpegls", "gdcm", "pillow", "pydicom")
"""Order of preference; the first that is installed decodes."""
_LITTLE_ENDIAN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)


def decode_instance(data: bytes | Path | Dataset, source: str = "") -> Instance:
    """The one picture of a single-frame DICOM file.

    Raises FormatError where the file is no MRI slice, DecodeError where its pixels cannot be read
    or it holds several frames (then `decode_instances`).
    """
    instances = decode_instances(data, source)
    if len(instances) != 1:
        raise DecodeError(f"{source}: holds {len(instances)} frames where one slice was expected")
    return instances[0]


def decode_instances(data: bytes | Path | Dataset, source: str = "") -> tuple[Instance, ...]:
    """Every picture of a DICOM file: one of a plain file, one a frame of an Enhanced MR file.

    Raises FormatError where the file is no MRI slice, DecodeError where its pixels cannot be read.
    """
    dataset = data if isinstance(data, Dataset) else read_dataset(data, source)
    headers = headers_of(dataset, source or "data set")
    return tuple(decode_frame(dataset, header) for header in headers)


def decode_frame(dataset: Dataset, header: Header) -> Instance:
    """The picture that `header` describes, from its data set (pixels included).

    Raises DecodeError naming the file and what to do.
    """
    pixels = _grey(dataset, header)
    values = group(dataset, "PixelValueTransformationSequence", header.frame)
    slope = attributes.number(values, "RescaleSlope")
    intercept = attributes.number(values, "RescaleIntercept")
    if slope not in (None, 0.0, 1.0):
        pixels *= np.float32(slope)
    if intercept:
        pixels += np.float32(intercept)
    return Instance(
        header.series_id,
        header.instance_id,
        header.source,
        pixels,
        header.plane,
        header.number,
        header.aspect,
        header.side,
    )


def _grey(dataset: Dataset, header: Header) -> NDArray[np.float32]:
    """Stored values `[rows, columns]`, high = bright, before rescale."""
    if max(header.rows, header.columns) > MAX_SIDE:
        raise DecodeError(
            f"{header.source}: {header.rows} x {header.columns} pixels; at most {MAX_SIDE} a side"
        )
    if "PixelData" not in dataset:
        raise DecodeError(f"{header.source}: header without PixelData; send the whole file")
    stored = _stored(dataset, header)
    if stored.shape != (header.rows, header.columns):
        raise DecodeError(
            f"{header.source}: decoded to {stored.shape}, not to the {header.rows} rows and "
            f"{header.columns} columns of its header; export the file again"
        )
    pixels = stored.astype(np.float32)
    if header.photometric == "MONOCHROME1":
        np.subtract(np.float32(_sum_of_limits(dataset)), pixels, out=pixels)
    return pixels


def _stored(dataset: Dataset, header: Header) -> NDArray[Any]:
    syntax = _transfer_syntax(dataset, header)
    samples = attributes.integer(dataset, "SamplesPerPixel") or 1
    allocated = attributes.integer(dataset, "BitsAllocated") or 0
    if syntax in _LITTLE_ENDIAN and samples == 1 and allocated in (8, 16):
        stored = _from_buffer(dataset, header, allocated)
    else:
        stored = _through_plugin(dataset, header, syntax)
    if header.photometric == "PALETTE COLOR":
        stored = _coloured(dataset, stored, header)
    return _luminance(stored) if stored.ndim == 3 else stored


def _from_buffer(dataset: Dataset, header: Header, allocated: int) -> NDArray[Any]:
    buffer = dataset.get_item("PixelData", keep_deferred=True).value
    count = header.rows * header.columns
    needed = count * allocated // 8
    whole = needed * frame_count(dataset)
    if not isinstance(buffer, bytes) or len(buffer) < whole:
        found = len(buffer) if isinstance(buffer, bytes) else 0
        raise DecodeError(
            f"{header.source}: truncated, {found:,} of {whole:,} bytes of pixels; copy it again "
            "from its source"
        )
    signed = attributes.integer(dataset, "PixelRepresentation") == 1
    kind = np.dtype(f"<{'i' if signed else 'u'}{allocated // 8}")
    flat = np.frombuffer(buffer, kind, count, needed * (header.frame or 0))
    return _without_unused_bits(flat, dataset, allocated).reshape(header.rows, header.columns)


def _without_unused_bits(flat: NDArray[Any], dataset: Dataset, allocated: int) -> NDArray[Any]:
    """Values of BitsStored bits: what the file left above them is cut off (PS3.5 8.1.1)."""
    unused = allocated - (attributes.integer(dataset, "BitsStored") or allocated)
    if not 0 < unused < allocated:
        return flat
    if flat.dtype.kind == "u":
        limit = (1 << (allocated - unused)) - 1
        return flat & flat.dtype.type(limit) if int(flat.max()) > limit else flat
    return (flat << unused) >> unused


def _through_plugin(dataset: Dataset, header: Header, syntax: UID) -> NDArray[Any]:
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise DecodeError(
            f"{header.source}: pixels in {syntax.name}, which cannot be decoded; export the file "
            "as Explicit VR Little Endian"
        ) from None
    plugin = next((name for name in _PLUGINS if name in decoder.available_plugins), "")
    if not decoder.is_available:
        needed = "; ".join(decoder.missing_dependencies)
        raise DecodeError(f"{header.source}: pixels in {syntax.name}; install one of: {needed}")
    colour = (attributes.integer(dataset, "SamplesPerPixel") or 1) > 1
    try:
        return decoder.as_array(
            dataset, index=header.frame or 0, raw=not colour, decoding_plugin=plugin
        )[0]
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__ != _RUST_PANIC:
            raise
        raise DecodeError(
            f"{header.source}: {syntax.name} pixels are truncated or damaged; copy the file "
            "again from its source"
        ) from error


_RUST_PANIC = "pyo3_runtime"
"""Where the exceptions live that a codec written in Rust raises beside Python's Exception."""


def _transfer_syntax(dataset: Dataset, header: Header) -> UID:
    meta = getattr(dataset, "file_meta", None)
    syntax = attributes.text(meta, "TransferSyntaxUID") if meta is not None else ""
    if not syntax and "PixelData" in dataset:
        return ImplicitVRLittleEndian
    return UID(syntax)


def _coloured(dataset: Dataset, stored: NDArray[Any], header: Header) -> NDArray[Any]:
    from pydicom.pixels.processing import apply_color_lut

    try:
        return apply_color_lut(stored, dataset)[..., :3]
    except Exception as error:
        raise DecodeError(
            f"{header.source}: its colour palette is missing or damaged; export it in grey"
        ) from error


def _luminance(colour: NDArray[Any]) -> NDArray[np.float32]:
    """Grey of RGB `[rows, columns, 3]` (ITU-R BT.601 weights)."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(colour[..., :3].astype(np.float32) @ weights)


def _sum_of_limits(dataset: Dataset) -> int:
    """Lowest plus highest storable value: what MONOCHROME1 is subtracted from."""
    bits = attributes.integer(dataset, "BitsStored") or 16
    signed = attributes.integer(dataset, "PixelRepresentation") == 1
    return -1 if signed else (1 << bits) - 1
