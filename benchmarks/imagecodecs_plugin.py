"""imagecodecs as a decoding plug-in of pydicom, for JPEGs that no other BSD library decodes.

What a user of pydicom would write who needs 12-bit or lossless JPEG without a GPL library.
"""

from __future__ import annotations

from imagecodecs import jpeg8_decode
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import UID, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

__all__ = ["NAME", "SYNTAXES", "register"]

NAME = "imagecodecs"
SYNTAXES: tuple[UID, ...] = (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
DECODER_DEPENDENCIES = dict.fromkeys(SYNTAXES, ("numpy", "imagecodecs"))


def register() -> None:
    """Add the plug-in to pydicom's decoders of this process, once."""
    for syntax in SYNTAXES:
        decoder = get_decoder(syntax)
        if NAME not in decoder.available_plugins:
            decoder.add_plugin(NAME, (__name__, "_decode_frame"))


def is_available(uid: str) -> bool:
    """Asked by pydicom."""
    return uid in SYNTAXES


def _decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    return bytes(jpeg8_decode(src).tobytes())
