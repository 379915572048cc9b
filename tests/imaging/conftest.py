"""Small DICOM files made in memory, as plain or as broken as a test needs them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from directions import AXIAL, SAGITTAL
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from lumbar.imaging import Header, Plane

MakeDataset = Callable[..., Dataset]
MakeDicom = Callable[..., bytes]


def _dataset(pixels: NDArray[Any] | None = None, **attributes: Any) -> Dataset:
    """A plain MR slice of 12 bits in 16 under Explicit VR; an attribute of None is left out."""
    shown = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30) if pixels is None else pixels
    values: dict[str, Any] = {
        "SOPInstanceUID": "1.2.3.1",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "PatientID": "somebody",
        "SeriesDescription": "T2",
        "InstanceNumber": 1,
        "Rows": shown.shape[0],
        "Columns": shown.shape[1],
        "ImagePositionPatient": [0, 0, 0],
        "ImageOrientationPatient": list(SAGITTAL),
        "PixelSpacing": [0.5, 0.5],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": shown.dtype.itemsize * 8,
        "BitsStored": min(shown.dtype.itemsize * 8, 12),
        "HighBit": min(shown.dtype.itemsize * 8, 12) - 1,
        "PixelRepresentation": int(shown.dtype.kind == "i"),
    } | attributes
    made = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(made, keyword, value)
    made.PixelData = shown.tobytes()
    made["PixelData"].VR = "OW"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3.1"
    return made


def _bytes(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def make_dataset() -> MakeDataset:
    """A function: pixels and attributes to a data set."""
    return _dataset


@pytest.fixture
def make_dicom() -> MakeDicom:
    """A function: pixels and attributes to the bytes of a DICOM file."""
    return lambda pixels=None, **attributes: _bytes(_dataset(pixels, **attributes))


@pytest.fixture
def dicom_bytes() -> Callable[[Dataset], bytes]:
    """A function: a data set to the bytes of a DICOM file."""
    return _bytes


@pytest.fixture
def make_header() -> Callable[..., Header]:
    """A function: position, orientation and fields to a header of a 20 x 30 slice."""

    def header(
        position: tuple[float, float, float] | None = (0.0, 0.0, 0.0),
        orientation: tuple[float, ...] = SAGITTAL,
        **fields: Any,
    ) -> Header:
        plane = None if position is None else Plane.from_dicom(position, orientation, (0.5, 0.5))
        values: dict[str, Any] = {
            "source": str(position),
            "study_id": "study",
            "series_id": "series",
            "instance_id": str(position),
            "number": 1,
            "rows": 20,
            "columns": 30,
            "plane": plane,
            "normal": None if plane is None else plane.normal,
            "origin_mm": None if plane is None else plane.origin_mm,
        } | fields
        return Header(**values)

    return header


@pytest.fixture
def stack_of_files(make_dicom: MakeDicom) -> Callable[..., dict[str, bytes]]:
    """A function: a whole little study as named files, five sagittal T1, T2 and axial slices."""

    def files(pixels: NDArray[Any] | None = None, **attributes: Any) -> dict[str, bytes]:
        made = {}
        for series, words, orientation, step in (
            ("1", "T1", SAGITTAL, (4.0, 0.0, 0.0)),
            ("2", "T2", SAGITTAL, (4.0, 0.0, 0.0)),
            ("3", "T2", AXIAL, (0.0, 0.0, -4.0)),
        ):
            for number in range(1, 6):
                values: dict[str, Any] = {
                    "SeriesInstanceUID": f"1.2.3.{series}",
                    "SOPInstanceUID": f"1.2.3.{number}",
                    "SeriesDescription": words,
                    "InstanceNumber": number,
                    "ImageOrientationPatient": list(orientation),
                    "ImagePositionPatient": [number * value for value in step],
                } | attributes
                made[f"{series}/{number}.dcm"] = make_dicom(pixels, **values)
        return made

    return files
