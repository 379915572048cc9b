"""Pixels into a data set: transfer syntaxes, and many frames into one Enhanced MR file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

__all__ = ["encode", "enhanced_set"]

Encoded = NDArray[np.integer[Any]]


def encode(header: Dataset, values: Encoded, traps: frozenset[str], *, compressed: bool) -> None:
    """Puts pixels into a data set, RLE compressed where `compressed` and no trap says otherwise."""
    native = _native_syntax(traps)
    header.file_meta.TransferSyntaxUID = native
    kind = values.dtype.newbyteorder("<" if native.is_little_endian else ">")
    header.PixelData = values.astype(kind).tobytes()
    header["PixelData"].VR = "OW"
    syntax = _compressed_syntax(traps, compressed)
    if syntax is not None:
        uid, plugin = syntax
        header.compress(uid, encoding_plugin=plugin, generate_instance_uid=False)


def _native_syntax(traps: frozenset[str]) -> UID:
    from pydicom import uid

    if "big_endian" in traps:
        return uid.ExplicitVRBigEndian
    if "deflated" in traps:
        return uid.DeflatedExplicitVRLittleEndian
    return uid.ImplicitVRLittleEndian if "implicit_vr" in traps else uid.ExplicitVRLittleEndian


def _compressed_syntax(traps: frozenset[str], compressed: bool) -> tuple[UID, str] | None:
    from pydicom import uid

    if traps & {"uncompressed", "implicit_vr", "big_endian", "deflated"}:
        return None
    if "jpeg_ls" in traps:
        return uid.JPEGLSLossless, "pyjpegls"
    if "jpeg_2000" in traps:
        return uid.JPEG2000Lossless, "pylibjpeg"
    return (uid.RLELossless, "pylibjpeg") if compressed else None


_A_FRAMES_OWN = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth"),
}
"""Functional groups of Enhanced MR (PS3.3 A.36.2.4) and the attributes that move into them."""


def enhanced_set(frames: Sequence[Dataset]) -> Dataset:
    """One multi-frame data set of plain uncompressed ones, in their order.

    What belongs to a frame goes into its functional groups; the rest is the first one's.
    """
    from pydicom import Dataset

    whole = Dataset()
    whole.update(frames[0])
    whole.file_meta = frames[0].file_meta
    whole.PerFrameFunctionalGroupsSequence = [_groups(frame) for frame in frames]
    whole.SharedFunctionalGroupsSequence = [Dataset()]
    whole.NumberOfFrames = len(frames)
    for keyword in (k for group in _A_FRAMES_OWN.values() for k in group):
        if keyword in whole:
            delattr(whole, keyword)
    whole.InstanceNumber = 1
    whole.PixelData = b"".join(frame.PixelData for frame in frames)
    whole["PixelData"].VR = "OW"
    return whole


def _groups(frame: Dataset) -> Dataset:
    from pydicom import Dataset

    groups = Dataset()
    for name, keywords in _A_FRAMES_OWN.items():
        item = Dataset()
        for keyword in keywords:
            if keyword in frame:
                setattr(item, keyword, frame[keyword].value)
        setattr(groups, name, [item])
    return groups
