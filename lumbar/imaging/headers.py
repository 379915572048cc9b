"""What one file says of itself: an allow-list of attributes, read without its pixels.

Tolerant of what real files lack or get wrong: no Modality, no SOPClassUID, Enhanced MR named in
the file meta of a plain frame, UIDs with an illegal root, SOPInstanceUIDs that repeat between
series. What is no picture of an MRI is refused with the reason in words (FormatError).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lumbar.domain import Side
from lumbar.errors import DecodeError, FormatError, GeometryError
from lumbar.imaging import acquisition, attributes
from lumbar.imaging.dicomfile import name_of, read_dataset
from lumbar.imaging.foreign import has_matrix, why_foreign
from lumbar.imaging.frames import frame_count, group
from lumbar.imaging.geometry import Plane
from lumbar.imaging.study import Instance

__all__ = ["Header", "headers_of", "read_headers"]

Vector = NDArray[np.float64]

MAX_FRAMES = 2000
"""A file that claims more frames than this is refused before anything is allocated."""


@dataclass(frozen=True, slots=True, eq=False)
class Header:
    """One picture's own account of itself; absent text is "", absent numbers are None.

    `plane` is None where the geometry is missing or contradicts itself; `plane_reason` says why.
    `normal` and `origin_mm` are there whenever orientation and position are, spacing or not.
    `patient` is a hash of PatientID, for telling patients apart and for nothing else; behind a dot
    that of its issuer, which a workstation's files may lack.
    `echo_ms`, `repetition_ms`, `inversion_ms` are TE, TR, TI, `weighting` AcquisitionContrast;
    `agent`: a contrast agent was given; `no_anatomy`: by what it is diffusion-weighted or the like.
    `acquisition` is AcquisitionNumber, `acquired` and `series_time` are when the picture and the
    series were made, as sortable digits: for telling apart what was acquired twice.
    `frame` is the frame's index in a multi-frame file, None in a plain one.
    `aspect` and `side` are those of `Instance`: only a picture without a plane needs them.
    """

    source: str
    study_id: str
    series_id: str
    instance_id: str
    number: int | None
    rows: int
    columns: int
    plane: Plane | None = None
    plane_reason: str = ""
    normal: Vector | None = None
    origin_mm: Vector | None = None
    patient: str = field(default="", repr=False)
    description: str = ""
    protocol: str = ""
    sequence: str = ""
    echo_ms: float | None = None
    repetition_ms: float | None = None
    inversion_ms: float | None = None
    image_type: tuple[str, ...] = ()
    weighting: str = ""
    gradient_echo: bool = False
    fat_saturated: bool = False
    agent: bool = False
    no_anatomy: str = ""
    acquisition: int | None = None
    acquired: str = field(default="", repr=False)
    series_time: str = field(default="", repr=False)
    frame: int | None = None
    aspect: tuple[float, float] = (1.0, 1.0)
    side: Side | None = None

    def with_pixels(self, pixels: NDArray[np.float32]) -> Instance:
        """The picture that the header is of."""
        return Instance(
            self.series_id,
            self.instance_id,
            self.source,
            pixels,
            self.plane,
            self.number,
            self.aspect,
            self.side,
        )


def read_headers(data: bytes | Path | BinaryIO, source: str = "") -> tuple[Header, ...]:
    """Header of each frame of one DICOM file (one frame in all but multi-frame files).

    Reads no pixels. `source` is the name used in messages. Raises FormatError where the file is
    no DICOM or shows no MRI slice, DecodeError where it is damaged.
    """
    return headers_of(read_dataset(data, source, pixels=False), source or name_of(data))


def headers_of(dataset: Dataset, source: str) -> tuple[Header, ...]:
    """Header of each frame of a data set that is already in memory.

    Raises FormatError with the reason in words where the data set shows no MRI slice.
    """
    if reason := why_foreign(dataset):
        raise FormatError(f"{source}: {reason}")
    if not has_matrix(dataset):
        raise DecodeError(f"{source}: an MR image without Rows and Columns; {_AGAIN}")
    frames = frame_count(dataset)
    if frames > MAX_FRAMES:
        raise FormatError(f"{source}: claims {frames} frames; at most {MAX_FRAMES} are read")
    if frames == 1 and not _has_groups(dataset):
        return (_header(dataset, source, None),)
    if not _has_groups(dataset):
        raise FormatError(
            f"{source}: {frames} frames without a position each "
            "(no PerFrameFunctionalGroupsSequence); export single-frame or Enhanced MR files"
        )
    return tuple(_header(dataset, source, frame) for frame in range(frames))


_AGAIN = "copy it again from its source"


def _header(dataset: Dataset, source: str, frame: int | None) -> Header:
    place = _place(dataset, frame)
    instance_id = _told_uid(dataset, "SOPInstanceUID") or source
    number = attributes.integer(dataset, "InstanceNumber")
    return Header(
        source=source,
        study_id=_uid(dataset, "StudyInstanceUID"),
        series_id=_uid(dataset, "SeriesInstanceUID"),
        instance_id=instance_id if frame is None else f"{instance_id}#{frame + 1}",
        number=number if frame is None else frame + 1,
        rows=attributes.integer(dataset, "Rows") or 0,
        columns=attributes.integer(dataset, "Columns") or 0,
        plane=place.plane,
        plane_reason=place.reason,
        normal=place.normal,
        origin_mm=place.origin_mm,
        patient=_patient(dataset),
        description=attributes.text(dataset, "SeriesDescription"),
        protocol=acquisition.joined(dataset, ("ProtocolName",), frame),
        sequence=acquisition.joined(
            dataset, ("SequenceName", "PulseSequenceName", "ScanningSequence"), frame
        ),
        echo_ms=acquisition.echo_ms(dataset, frame),
        repetition_ms=acquisition.repetition_ms(dataset, frame),
        inversion_ms=acquisition.inversion_ms(dataset, frame),
        image_type=acquisition.image_type(dataset, frame),
        weighting=acquisition.weighting(dataset, frame),
        gradient_echo=acquisition.is_gradient_echo(dataset, frame),
        fat_saturated=acquisition.fat_is_saturated(dataset, frame),
        agent=acquisition.has_agent(dataset),
        no_anatomy=acquisition.no_anatomy(dataset, frame),
        acquisition=acquisition.acquisition_number(dataset, frame),
        acquired=acquisition.acquired(dataset, frame),
        series_time=acquisition.series_time(dataset),
        frame=frame,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """What a file says of where it lies."""

    plane: Plane | None
    reason: str
    normal: Vector | None = None
    origin_mm: Vector | None = None


def _place(dataset: Dataset, frame: int | None) -> _Place:
    position = group(dataset, "PlanePositionSequence", frame)
    orientation = group(dataset, "PlaneOrientationSequence", frame)
    measures = group(dataset, "PixelMeasuresSequence", frame)
    origin = attributes.numbers(position, "ImagePositionPatient")
    directions = attributes.numbers(orientation, "ImageOrientationPatient")
    spacing = attributes.numbers(measures, "PixelSpacing")
    named = {
        "ImagePositionPatient": origin,
        "ImageOrientationPatient": directions,
        "PixelSpacing": spacing,
    }
    absent = [keyword for keyword, found in named.items() if not found]
    try:
        # a missing position or spacing is put in only to have the rest checked
        plane = Plane.from_dicom(origin or (0, 0, 0), directions, spacing or (1, 1))
    except GeometryError as error:
        return _Place(None, f"without {', '.join(absent)}" if absent else str(error))
    origin_mm = plane.origin_mm if origin else None
    if absent:
        return _Place(None, f"without {', '.join(absent)}", plane.normal, origin_mm)
    return _Place(plane, "", plane.normal, origin_mm)


def _patient(dataset: Dataset) -> str:
    """Hash of PatientID and, behind a dot, of its issuer where one is told."""
    told = (attributes.text(dataset, key) for key in ("PatientID", "IssuerOfPatientID"))
    identity, issuer = (hashlib.sha256(t.encode()).hexdigest()[:16] if t else "" for t in told)
    return f"{identity}.{issuer}" if identity and issuer else identity


def _uid(dataset: Dataset, keyword: str) -> str:
    """A UID in its one right spelling: no component with leading zeros (PS3.5 9.1), no dot last."""
    return re.sub(r"(?:^|(?<=\.))0+(?=[0-9])", "", _told_uid(dataset, keyword).rstrip("."))


def _told_uid(dataset: Dataset, keyword: str) -> str:
    """A UID as it is told, which every output names; of any other text, a digest in its place.

    Text might name a patient. The digest keeps such files together and apart; its key keeps it out
    of tables of digests of names.
    """
    told = attributes.text(dataset, keyword)
    if not told.strip("0123456789."):
        return told
    return "not-a-uid-" + hashlib.blake2b(told.encode(), digest_size=8, key=b"UID").hexdigest()


def _has_groups(dataset: Dataset) -> bool:
    return "PerFrameFunctionalGroupsSequence" in dataset
