"""Bytes of a DICOM slice to float32: lumbar.imaging against pydicom as everybody uses it.

python -m benchmarks.decode [--full]

Both start from the same bytes in memory, in one process on one thread, and end with a float32
array; ours also reads the geometry and refuses what is no MRI slice. Slices are 512 x 512, 12 bits
in 16 (8 bits for JPEG baseline), a phantom's anatomy with noise, since what a codec costs depends
on what is in the picture. pydicom picks a plug-in itself; where it has none (JPEG extended of 12
bits, lossless JPEG) it is given imagecodecs as one. Stored values must be the same, of lossy
syntaxes within one grey level. What decoding in a child process adds is printed beside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from statistics import median

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit, MRImageStorage

from benchmarks import imagecodecs_plugin
from benchmarks.pairs import Row, compare, print_rows
from benchmarks.results import wants_full
from lumbar.domain import View
from lumbar.imaging import decode_instance, read_uploaded
from lumbar.imaging.codecs import CODECS
from lumbar.phantom.make import make_study
from lumbar.phantom.syntaxes import LOSSLESS, SYNTAXES, file_bytes, transcoded

SIDE = 512
BAR = 0.95
ISOLATION_BAR_MS = 1.5


def main(*, full: bool = False) -> list[Row]:
    """A row a transfer syntax; raises AssertionError where the two sides' pixels differ."""
    slices, pairs = (200, 5) if full else (50, 3)
    imagecodecs_plugin.register()
    pictures = _pictures()
    print(f"decode: {slices} slices a run of {SIDE} x {SIDE}, one thread, {pydicom.__version__=}")
    rows = []
    for syntax in SYNTAXES:
        files = _files(pictures, syntax, slices)
        for data in files[: len(pictures)]:
            _assert_alike(decode_instance(data).pixels, _yardstick(data), syntax)
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
        print(f"{syntax.name}: ours by {_ours(syntax)}; pydicom has {_plugins(syntax)}")
    cost = _isolation_ms(_files(pictures, ExplicitVRLittleEndian, slices), pairs)
    verdict = "met" if cost <= ISOLATION_BAR_MS else "MISSED"
    print(f"in a child process: {cost:+.2f} ms a slice, bar <= {ISOLATION_BAR_MS} ms, {verdict}")
    return rows


def _each(read: Callable[[bytes], object], files: Sequence[bytes]) -> None:
    for data in files:
        read(data)


def _yardstick(data: bytes) -> NDArray[np.float32]:
    dataset = pydicom.dcmread(BytesIO(data))
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in imagecodecs_plugin.SYNTAXES:
        dataset.pixel_array_options(decoding_plugin=imagecodecs_plugin.NAME)
    return dataset.pixel_array.astype(np.float32)


def _assert_alike(ours: NDArray[np.float32], theirs: NDArray[np.float32], syntax: UID) -> None:
    assert np.abs(ours - theirs).max() <= (0 if syntax in LOSSLESS else 1), syntax.name


def _ours(syntax: UID) -> str:
    return CODECS[syntax].package if syntax in CODECS else "NumPy"


def _plugins(syntax: UID) -> str:
    """What pydicom may choose from; it takes the first in its own order."""
    if syntax in imagecodecs_plugin.SYNTAXES:
        return f"{imagecodecs_plugin.NAME} by name"
    return ", ".join(get_decoder(syntax).available_plugins) or "NumPy"


def _isolation_ms(files: Sequence[bytes], pairs: int) -> float:
    """What a slice costs more when a study is read in a child process, median of the pairs."""
    uploads = {f"{n}.dcm": data for n, data in enumerate(files)}
    isolated = partial(read_uploaded, uploads, all_series=True)
    here = partial(read_uploaded, uploads, all_series=True, trusted=True)
    isolated(), here()
    extra = [_seconds(isolated) - _seconds(here) for _ in range(pairs)]
    return 1000 * median(extra) / len(files)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _files(pictures: Sequence[NDArray[np.uint16]], syntax: UID, count: int) -> list[bytes]:
    """Files in a syntax, the pictures repeated; positions differ in uncompressed ones only."""
    deep = syntax != JPEGBaseline8Bit
    datasets = [_dataset(p if deep else (p >> 4).astype(np.uint8)) for p in pictures]
    if syntax != ExplicitVRLittleEndian:
        encoded = [file_bytes(transcoded(dataset, syntax)) for dataset in datasets]
        return [encoded[n % len(encoded)] for n in range(count)]
    made = []
    for n in range(count):
        dataset = datasets[n % len(datasets)]
        dataset.ImagePositionPatient = [4 * n, -128, 128]
        dataset.InstanceNumber, dataset.SOPInstanceUID = n + 1, UID(f"1.2.3.4.{n + 1}")
        made.append(file_bytes(dataset))
    return made


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


def _dataset(picture: NDArray[np.uint16] | NDArray[np.uint8]) -> pydicom.Dataset:
    """A plain MR slice with geometry."""
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
    dataset.BitsAllocated = 8 * picture.itemsize
    dataset.BitsStored = min(dataset.BitsAllocated, 12)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = picture.tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


if __name__ == "__main__":
    print_rows(main(full=wants_full()))
