"""A data set in any transfer syntax that a picture may come in, for fixtures and benchmarks.

RLE, JPEG-LS and JPEG 2000 are written by pydicom's encoders, the JPEGs and HTJ2K by imagecodecs.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread, uid
from pydicom.encaps import encapsulate

__all__ = ["LOSSLESS", "SYNTAXES", "file_bytes", "transcoded"]

SYNTAXES: tuple[uid.UID, ...] = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2KLosslessRPCL,
    uid.HTJ2K,
)
"""Every still-image transfer syntax of PS3.5 annex A that pydicom knows a decoder for."""

LOSSY = (
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLSNearLossless,
    uid.JPEG2000,
    uid.HTJ2K,
)
LOSSLESS: tuple[uid.UID, ...] = tuple(syntax for syntax in SYNTAXES if syntax not in LOSSY)
"""Those that keep every stored value."""

Values = NDArray[Any]


def transcoded(dataset: Dataset, syntax: uid.UID) -> Dataset:
    """A copy of a data set of uncompressed little endian grey pixels, in another transfer syntax.

    JPEG baseline holds 8 bits a sample, JPEG extended 12: ValueError for deeper values.
    """
    made: Dataset = dcmread(io.BytesIO(file_bytes(dataset)))
    if syntax in _BY_IMAGECODECS:
        frames = [_BY_IMAGECODECS[syntax](frame, made) for frame in _frames(made)]
        made.PixelData = encapsulate(frames)
        made["PixelData"].VR = "OB"
        made["PixelData"].is_undefined_length = True
    elif syntax in _BY_PYDICOM:
        made.compress(syntax, generate_instance_uid=False, **_BY_PYDICOM[syntax])
    elif syntax == uid.ExplicitVRBigEndian:
        made = _big_endian(made)
    made.file_meta.TransferSyntaxUID = syntax
    return made


def file_bytes(dataset: Dataset) -> bytes:
    """The bytes of a DICOM file of a data set, in the transfer syntax of its file meta."""
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _big_endian(dataset: Dataset) -> Dataset:
    """A copy whose every value is converted, so that it is written in the other byte order."""
    for _ in dataset.iterall():  # converts what lies in sequences
        pass
    fresh = Dataset({element.tag: element for element in dataset})
    fresh.file_meta = dataset.file_meta
    values = _frames(dataset)
    fresh.PixelData = values.byteswap().tobytes()
    fresh["PixelData"].VR = "OB" if values.itemsize == 1 else "OW"
    return fresh


def _frames(dataset: Dataset) -> Values:
    """Stored values `[frames, rows, columns]` of uncompressed little endian pixels."""
    kind = f"<{'i' if dataset.PixelRepresentation else 'u'}{dataset.BitsAllocated // 8}"
    flat = np.frombuffer(dataset.PixelData, kind)
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    return flat[: count * dataset.Rows * dataset.Columns].reshape(-1, dataset.Rows, dataset.Columns)


def _without_sign(values: Values, dataset: Dataset) -> Values:
    """The stored bits as an unsigned number: JPEG knows no sign."""
    unsigned = values.view(values.dtype.str.replace("i", "u"))
    limit = (1 << dataset.BitsStored) - 1
    return np.asarray(unsigned & unsigned.dtype.type(limit), unsigned.dtype.newbyteorder("="))


def _jpeg(deepest: int) -> Callable[[Values, Dataset], bytes]:
    def encoded(values: Values, dataset: Dataset) -> bytes:
        from imagecodecs import jpeg8_encode

        bits = 8 if dataset.BitsStored <= 8 else 12
        if dataset.BitsStored > deepest:
            raise ValueError(f"{dataset.BitsStored} bits stored; at most {deepest} fit")
        return bytes(jpeg8_encode(_without_sign(values, dataset), level=98, bitspersample=bits))

    return encoded


def _lossless_jpeg(predictor: int) -> Callable[[Values, Dataset], bytes]:
    def encoded(values: Values, dataset: Dataset) -> bytes:
        from imagecodecs import jpeg8_encode

        return bytes(
            jpeg8_encode(
                _without_sign(values, dataset),
                lossless=True,
                predictor=predictor,
                bitspersample=max(dataset.BitsStored, 2),
            )
        )

    return encoded


def _htj2k(reversible: bool) -> Callable[[Values, Dataset], bytes]:
    def encoded(values: Values, dataset: Dataset) -> bytes:
        from imagecodecs import htj2k_encode

        native = np.asarray(values, values.dtype.newbyteorder("="))
        return bytes(htj2k_encode(native, reversible=reversible))

    return encoded


_BY_IMAGECODECS: Mapping[uid.UID, Callable[[Values, Dataset], bytes]] = MappingProxyType(
    {
        uid.JPEGBaseline8Bit: _jpeg(8),
        uid.JPEGExtended12Bit: _jpeg(12),
        uid.JPEGLossless: _lossless_jpeg(4),
        uid.JPEGLosslessSV1: _lossless_jpeg(1),
        uid.HTJ2KLossless: _htj2k(True),
        uid.HTJ2KLosslessRPCL: _htj2k(True),
        uid.HTJ2K: _htj2k(False),
    }
)
_BY_PYDICOM: Mapping[uid.UID, dict[str, Any]] = MappingProxyType(
    {
        uid.RLELossless: {"encoding_plugin": "pylibjpeg"},
        uid.JPEGLSLossless: {"encoding_plugin": "pyjpegls"},
        uid.JPEGLSNearLossless: {"encoding_plugin": "pyjpegls", "jls_error": 2},
        uid.JPEG2000Lossless: {"encoding_plugin": "pylibjpeg"},
        uid.JPEG2000: {"encoding_plugin": "pylibjpeg", "j2k_cr": [4]},
    }
)
