"""What a viewer shows: the values of interest that a file names, mapped to 0..255 (PS3.3 C.11.2).

Grading never sees this: pixels stay as they are stored and rescaled, and a window that a
technician chose says nothing about the patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lumbar.imaging import attributes
from lumbar.imaging.decode import grey_values, rescaled
from lumbar.imaging.frames import group
from lumbar.imaging.headers import Header
from lumbar.imaging.pixelformat import pixel_format
from lumbar.imaging.resample import to_uint8

__all__ = ["VoiFunction", "VoiTable", "Window", "displayed", "to_display", "voi_of", "window_of"]

Picture = NDArray[np.float32]
Shown = NDArray[np.uint8]


class VoiFunction(Enum):
    """VOI LUT Function (0028,1056), PS3.3 C.11.2.1.2 and C.11.2.1.3."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


_FUNCTIONS = {function.value: function for function in VoiFunction}


@dataclass(frozen=True, slots=True)
class Window:
    """Centre and width in the units of the rescaled pixels, and the function between them."""

    centre: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR


@dataclass(frozen=True, slots=True, eq=False)
class VoiTable:
    """A table: `values` `[n]` in 0..1 for the rescaled pixels `first`, `first` + 1 ..."""

    first: int
    values: NDArray[np.float32]


def displayed(dataset: Dataset, header: Header) -> Shown:
    """The picture `[rows, columns]` 0..255 as a viewer first shows it, high = bright.

    Through the frame's first VOI table, else its first window, else between the 0.5th and 99.5th
    percentile of the picture itself; MONOCHROME1 is inverted last, colour is shown in grey.
    Raises DecodeError naming the file where its pixels cannot be read.
    """
    promised = pixel_format(dataset, header.source)
    pixels, inverted = grey_values(dataset, promised, header.frame or 0)
    if not promised.photometric.startswith("MONOCHROME"):
        return to_display(pixels, Window(2 ** (promised.stored - 1), 2**promised.stored))
    modality = rescaled(pixels, dataset, promised, header.frame)
    shown = to_display(modality, voi_of(dataset, header.frame))
    return np.invert(shown) if inverted else shown


def voi_of(dataset: Dataset, frame: int | None = None) -> VoiTable | Window | None:
    """The first VOI table of a frame, else its first window, else None; a broken one is none."""
    item = attributes.inner(group(dataset, "FrameVOILUTSequence", frame), "VOILUTSequence")
    table = None if item is None else _table(item, dataset)
    return table or window_of(group(dataset, "FrameVOILUTSequence", frame))


def window_of(dataset: Dataset) -> Window | None:
    """The first window that a data set names, None where it is absent or has no width."""
    centre = attributes.number(dataset, "WindowCenter")
    width = attributes.number(dataset, "WindowWidth")
    if centre is None or width is None:
        return None
    function = _FUNCTIONS.get(attributes.text(dataset, "VOILUTFunction"), VoiFunction.LINEAR)
    narrowest = 1 if function is VoiFunction.LINEAR else np.finfo(np.float32).tiny
    return Window(centre, width, function) if width >= narrowest else None


def to_display(pixels: Picture, voi: VoiTable | Window | None) -> Shown:
    """Rescaled pixels `[rows, columns]` to 0..255; without a mapping by their own percentiles."""
    if voi is None:
        return to_uint8(pixels)
    if isinstance(voi, VoiTable):
        last = len(voi.values) - 1
        share = voi.values[np.clip(np.rint(pixels) - voi.first, 0, last).astype(np.intp)]
    else:
        share = np.clip(_share(pixels, voi), 0, 1)
    return np.asarray(np.rint(share * 255), np.uint8)


def _share(pixels: Picture, window: Window) -> Picture:
    """Where a value lies between dark (0) and bright (1), before clipping."""
    if window.function is VoiFunction.SIGMOID:
        steep = np.clip(-4 * (pixels - window.centre) / window.width, -80, 80)
        return np.asarray(1 / (1 + np.exp(steep)), np.float32)
    if window.function is VoiFunction.LINEAR_EXACT:
        return np.asarray((pixels - window.centre) / window.width + 0.5, np.float32)
    if window.width == 1:
        return np.asarray(pixels > window.centre - 0.5, np.float32)
    return np.asarray((pixels - (window.centre - 0.5)) / (window.width - 1) + 0.5, np.float32)


def _table(item: Dataset, dataset: Dataset) -> VoiTable | None:
    """A VOI LUT (C.11.2.1.1): entries, first value mapped, bits an entry; then the entries."""
    descriptor = attributes.numbers(item, "LUTDescriptor")
    if len(descriptor) != 3:
        return None
    count, first, bits = (int(value) for value in descriptor)
    entries = np.asarray(attributes.numbers(item, "LUTData"), np.float32)
    if not entries.size:
        data = attributes.raw_bytes(item, "LUTData")
        little = dataset.original_encoding[1] is not False
        kind = "u1" if len(data) == count else f"{'<' if little else '>'}u2"
        entries = np.frombuffer(data, kind, len(data) // np.dtype(kind).itemsize)
    if entries.size != (count or 65536) or not 8 <= bits <= 16:
        return None
    signed = attributes.integer(dataset, "PixelRepresentation") == 1
    lowest = first - 65536 if signed and first >= 32768 else first
    return VoiTable(lowest, np.asarray(entries / np.float32(2**bits - 1), np.float32))
