"""How a file says that its pixels are laid out (Image Pixel Module, PS3.3 C.7.6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.config import IGNORE
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lumbar.errors import DecodeError
from lumbar.imaging import attributes
from lumbar.imaging.frames import frame_count
from lumbar.imaging.limits import MAX_SIDE

__all__ = ["PixelFormat", "pixel_format"]

_SAMPLES = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
}
"""Samples a pixel of each photometric interpretation that can be shown in grey (C.7.6.3.1.2)."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """What the header promises; the decoded pixels are held against it.

    `allocated` and `stored` are bits a sample, `planar` whether each colour has its own plane.
    """

    source: str
    syntax: UID
    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    signed: bool
    planar: bool
    photometric: str
    frames: int

    @property
    def shape(self) -> tuple[int, ...]:
        """[rows, columns] or [rows, columns, samples]."""
        plane = (self.rows, self.columns)
        return plane if self.samples == 1 else (*plane, self.samples)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame; YBR_FULL_422 shares two of three samples in pairs."""
        whole = self.rows * self.columns * self.samples * self.allocated // 8
        return whole * 2 // 3 if self.photometric == "YBR_FULL_422" else whole

    def refused(self, reason: str) -> DecodeError:
        """The error that names the file."""
        return DecodeError(f"{self.source}: {reason}")


def pixel_format(dataset: Dataset, source: str) -> PixelFormat:
    """The layout of a data set's pixels.

    Raises DecodeError naming the file where the attributes are missing, contradict each other or
    say what is no picture in grey or colour of 8 to 32 bits.
    """
    allocated = attributes.integer(dataset, "BitsAllocated") or 0
    told = attributes.text(dataset, "PhotometricInterpretation")
    found = PixelFormat(
        source=source,
        syntax=_syntax(dataset),
        rows=attributes.integer(dataset, "Rows") or 0,
        columns=attributes.integer(dataset, "Columns") or 0,
        samples=attributes.integer(dataset, "SamplesPerPixel") or 1,
        allocated=allocated,
        stored=attributes.integer(dataset, "BitsStored") or allocated,
        signed=attributes.integer(dataset, "PixelRepresentation") == 1,
        planar=attributes.integer(dataset, "PlanarConfiguration") == 1,
        photometric=told or "MONOCHROME2",
        frames=frame_count(dataset),
    )
    reason = _contradiction(found, attributes.integer(dataset, "HighBit"))
    if reason:
        raise found.refused(reason)
    return found


def _contradiction(found: PixelFormat, high_bit: int | None) -> str:
    """Why no picture can be read as the header says, "" where one can."""
    if not 0 < max(found.rows, found.columns) <= MAX_SIDE or not min(found.rows, found.columns):
        return f"{found.rows} x {found.columns} pixels; at most {MAX_SIDE} a side can be read"
    if found.allocated not in (8, 16, 32):
        return f"{found.allocated} bits allocated a sample; only 8, 16 and 32 can be read"
    if not 0 < found.stored <= found.allocated:
        return f"{found.stored} bits stored in {found.allocated}; export the file again"
    if high_bit is not None and high_bit != found.stored - 1:
        return f"high bit {high_bit} of {found.stored} bits stored (PS3.5 8.1.1); export it again"
    if found.photometric not in _SAMPLES:
        return "its colours are of a kind that cannot be shown in grey; export it in grey"
    if found.samples != _SAMPLES[found.photometric]:
        return f"{found.samples} samples a pixel in {found.photometric}; export the file again"
    return ""


def _syntax(dataset: Dataset) -> UID:
    """The transfer syntax; where the file does not say it, the one that it was read by."""
    meta = getattr(dataset, "file_meta", None)
    told = "" if meta is None else attributes.text(meta, "TransferSyntaxUID")
    if told:
        return UID(told, validation_mode=IGNORE)  # a warning would quote it
    implicit, little = dataset.original_encoding
    if little is False:
        return ExplicitVRBigEndian
    return ExplicitVRLittleEndian if implicit is False else ImplicitVRLittleEndian
