"""Bytes of one DICOM file to pictures: float32, rescale applied, high = bright.

Photometric interpretation: PS3.3 C.7.6.3.1.2. Rescale and modality table: PS3.3 C.11.1.
No window is applied: `lumbar.imaging.voi` maps a picture to what a viewer shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lumbar.errors import DecodeError
from lumbar.imaging import attributes
from lumbar.imaging.dicomfile import read_dataset
from lumbar.imaging.frames import group
from lumbar.imaging.headers import Header, headers_of
from lumbar.imaging.pixelformat import PixelFormat, pixel_format
from lumbar.imaging.stored import stored_values
from lumbar.imaging.study import Instance

__all__ = ["decode_frame", "decode_instance", "decode_instances", "grey_values", "rescaled"]

Values = NDArray[Any]
Picture = NDArray[np.float32]


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
    promised = pixel_format(dataset, header.source)
    pixels, inverted = grey_values(dataset, promised, header.frame or 0)
    pixels = rescaled(pixels, dataset, promised, header.frame)
    if inverted:
        limits = rescaled(_limits(promised), dataset, promised, header.frame)
        np.subtract(limits.sum(), pixels, out=pixels)
    return header.with_pixels(pixels)


def grey_values(dataset: Dataset, promised: PixelFormat, index: int) -> tuple[Picture, bool]:
    """Stored values of a frame `[rows, columns]`, colour made grey, and whether low is bright.

    Raises DecodeError naming the file where they cannot be read.
    """
    stored, photometric = stored_values(dataset, promised, index)
    if photometric == "PALETTE COLOR":
        stored, photometric = _coloured(dataset, stored, promised), "RGB"
    if photometric == "RGB":
        return _luminance(stored), False
    if stored.ndim == 3:  # the first sample of every YBR is the luminance (C.7.6.3.1.2)
        stored = stored[..., 0]
    return np.ascontiguousarray(stored, np.float32), photometric == "MONOCHROME1"


def rescaled(
    pixels: Picture, dataset: Dataset, promised: PixelFormat, frame: int | None
) -> Picture:
    """The pixels after the file's modality table or rescale, changed in place where they can be.

    Raises DecodeError where the table is damaged or the result would not be finite.
    """
    values = group(dataset, "PixelValueTransformationSequence", frame)
    slope = attributes.number(values, "RescaleSlope")
    intercept = attributes.number(values, "RescaleIntercept")
    if slope is None and attributes.has(dataset, "ModalityLUTSequence"):
        return _through_table(pixels, dataset, promised)
    if max(abs(slope or 0), abs(intercept or 0)) > _LARGEST:
        raise promised.refused("its rescale leaves no usable values; export the file again")
    if slope not in (None, 0.0, 1.0):
        pixels *= np.float32(slope)
    if intercept:
        pixels += np.float32(intercept)
    return pixels


_LARGEST = 1e24
"""A slope or intercept beyond this takes 32-bit values out of float32."""


def _through_table(pixels: Picture, dataset: Dataset, promised: PixelFormat) -> Picture:
    from pydicom.pixels.processing import apply_modality_lut

    try:
        return np.asarray(apply_modality_lut(pixels.astype(np.int64), dataset), np.float32)
    except Exception as error:
        raise promised.refused("its modality table is damaged; export the file again") from error


def _coloured(dataset: Dataset, stored: Values, promised: PixelFormat) -> Values:
    """Colours `[rows, columns, 3]` of indices, as bright as samples of the stored bits would be.

    A palette has bits of its own, often 16 where its indices have 8 (C.7.6.3.1.5).
    """
    from pydicom.pixels.processing import apply_color_lut

    try:
        bits = int(attributes.numbers(dataset, "RedPaletteColorLookupTableDescriptor")[2])
        colours = apply_color_lut(stored, dataset)[..., :3]
        return colours * np.float32((2**promised.stored - 1) / (2**bits - 1))
    except Exception as error:
        raise promised.refused(
            "its colour palette is missing or damaged; export it in grey"
        ) from error


def _luminance(colour: Values) -> Picture:
    """Grey of RGB `[rows, columns, 3]` (ITU-R BT.601 weights)."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(colour.astype(np.float32) @ weights)


def _limits(promised: PixelFormat) -> Picture:
    """Lowest and highest storable value: MONOCHROME1 is turned round between them."""
    lowest = -(1 << promised.stored - 1) if promised.signed else 0
    return np.array([lowest, lowest + (1 << promised.stored) - 1], np.float32)
