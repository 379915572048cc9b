"""Bytes of a DICOM slice to float32: lumbar.imaging against pydicom as everybody uses it.

python -m benchmarks.decode [--full]

Both start from the same bytes in memory, in one process on one thread, and end with a float32
array; ours also reads the geometry and refuses what is no MRI slice. Slices are 512 x 512, 12 bits
in 16, a phantom's anatomy with noise, since RLE's cost depends on what is in the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
)

from benchmarks.pairs import Row, compare, print_rows
from benchmarks.results import wants_full
from lumbar.domain import View
from lumbar.imaging import decode_instance
from lumbar.phantom.make import make_study

SIDE = 512
BAR = 0.95
SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless)


def main(*, full: bool = False) -> list[Row]:
    """A row a transfer syntax; raises AssertionError where the two sides' pixels differ."""
    slices, pairs = (200, 5) if full else (100, 3)
    pictures = _pictures()
    print(f"decode: {slices} slices a run of {SIDE} x {SIDE}, one thread, pydicom {_version()}")
    rows = []
    for syntax in SYNTAXES:
        files = [_file(pictures[n % len(pictures)], syntax) for n in range(slices)]
        for data in files[: len(pictures)]:
            np.testing.assert_array_equal(decode_instance(data).pixels, _yardstick(data))
        rows.append(
            compare(
                "decode.py",
                syntax.name,
                partial(_each, decode_instance, files),
                partial(_each, _yardstick, files),
                pieces=slices,
                pairs=pairs,
                bar=BAR,
            )
        )
    return rows


def _each(read: Callable[[bytes], object], files: Sequence[bytes]) -> None:
    for data in files:
        read(data)


def _yardstick(data: bytes) -> NDArray[np.float32]:
    return pydicom.dcmread(BytesIO(data)).pixel_array.astype(np.float32)


def _version() -> str:
    plugins = ", ".join(get_decoder(RLELossless).available_plugins)
    return f"{pydicom.__version__} (RLE plug-ins installed: {plugins})"


def _pictures() -> list[NDArray[np.uint16]]:
    """Sagittal phantom slices brought to 512 x 512, with a scanner's noise at that size."""
    rng = np.random.default_rng(0)
    study = make_study(seed=7, index=0)
    sagittal = next(series for series in study.series if series.view is View.SAGITTAL_T2)
    pictures = []
    for piece in sagittal.slices[::3]:
        smooth = Image.fromarray(piece.pixels.astype(np.float32)).resize((SIDE, SIDE))
        noisy = np.asarray(smooth) + rng.normal(0, 6, (SIDE, SIDE))
        pictures.append(noisy.clip(0, 4095).astype(np.uint16))
    return pictures


def _file(picture: NDArray[np.uint16], syntax: UID) -> bytes:
    """A plain MR slice with geometry, encoded."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.5")
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = UID("1.2.3"), UID("1.2.3.4")
    dataset.Modality, dataset.SeriesDescription, dataset.InstanceNumber = "MR", "T2", 1
    dataset.ImagePositionPatient = [0, -128, 128]
    dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    dataset.PixelSpacing, dataset.SliceThickness = [0.5, 0.5], 4
    dataset.Rows, dataset.Columns = picture.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = picture.tobytes()
    dataset["PixelData"].VR = "OW"
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    content = BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()


if __name__ == "__main__":
    print_rows(main(full=wants_full()))
