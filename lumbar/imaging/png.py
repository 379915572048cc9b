"""PNG pictures: grey pixels without geometry, except what `slice_geometry.csv` says of them."""

from __future__ import annotations

import io
import math
import struct
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lumbar.errors import DecodeError, FormatError
from lumbar.imaging.headers import Header
from lumbar.imaging.limits import MAX_SIDE
from lumbar.imaging.study import Instance
from lumbar.imaging.tables import ShownSlice

__all__ = ["A_PNG", "decode_png", "encode_png", "is_png", "png_header", "with_geometry"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
A_PNG = "a PNG"
"""Why such a picture has no place."""


def is_png(head: bytes) -> bool:
    """Whether a file that starts with these bytes is a PNG (PNG specification, section 5.2)."""
    return head.startswith(_SIGNATURE)


def png_header(
    data: bytes, source: str, study_id: str, series_id: str, number: int | None = None
) -> Header:
    """Header of a PNG: its size and the names that its place gives it, no geometry.

    Raises FormatError where the bytes are no PNG or larger than 8,192 pixels a side.
    """
    if not is_png(data) or len(data) < 24:
        raise FormatError(f"{source}: no PNG file; accepted are DICOM, PNG and zip")
    columns, rows = struct.unpack(">II", data[16:24])
    instance_id = source.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if not 0 < min(rows, columns) <= max(rows, columns) <= MAX_SIDE:
        raise FormatError(f"{source}: {rows} x {columns} pixels; at most {MAX_SIDE} a side")
    return Header(
        source, study_id, series_id, instance_id, number, rows, columns, plane_reason=A_PNG
    )


def with_geometry(header: Header, shown: ShownSlice) -> Header:
    """The header of a PNG with what `slice_geometry.csv` says: true aspect and side.

    A picture of `rows` x `columns` square pixels squashed to another size has pixels of relative
    height rows / shown rows and width columns / shown columns (scaled to a mean of 1).
    """
    height = shown.rows / header.rows
    width = shown.columns / header.columns
    mean = math.sqrt(height * width)
    return replace(header, aspect=(height / mean, width / mean), side=shown.side)


def decode_png(data: bytes, header: Header) -> Instance:
    """The picture of a PNG as its header describes it; 8 or 16 bits, colour made grey.

    Raises DecodeError naming the file where the pixels cannot be read.
    """
    return header.with_pixels(_grey(data, header.source))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """An 8-bit grey PNG of `[rows, columns]`, without any text or date."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _grey(data: bytes, source: str) -> NDArray[np.float32]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            deep = picture.mode.startswith("I")
            return np.asarray(picture if deep else picture.convert("L"), np.float32)
    except Exception as error:  # Pillow raises many kinds over damaged files
        raise DecodeError(f"{source}: damaged PNG; save or copy it again") from error
