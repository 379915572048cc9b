"""Phantom studies as files: DICOM headers as the challenge's files have them, and its CSVs.

The real files are plain single frames whose file meta information nevertheless says Enhanced MR
Image Storage; the data set lacks Modality, SOPClassUID, EchoTime and RepetitionTime;
SeriesDescription (`T1`, `T2`) alone tells the sagittal series apart; each series has a
FrameOfReferenceUID of its own; RescaleSlope is there in some; 12 of 16 bits stored, unsigned,
MONOCHROME2, RLE Lossless.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import View
from lumbar.phantom.encode import encode, enhanced_set
from lumbar.phantom.study import PhantomSeries, PhantomSlice, PhantomStudy
from lumbar.phantom.trap_files import WrittenFile, content_of, trap_files
from lumbar.phantom.trap_headers import trap_header
from lumbar.phantom.traps import check_traps

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["data_set", "file_path", "study_files", "write_study", "zip_study"]

Encoded = NDArray[np.integer[Any]]

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
"""SOP Class UID of Enhanced MR Image Storage (PS3.6 annex A)."""


def write_study(study: PhantomStudy, folder: Path, traps: frozenset[str] = frozenset()) -> int:
    """Writes the study's files below `folder`; returns how many.

    Raises OSError where the folder cannot be written.
    """
    files = 0
    for file in study_files(study, traps):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        files += 1
    return files


def zip_study(study: PhantomStudy, traps: Iterable[str] = ()) -> bytes:
    """The study's files as a zip archive: what a person would upload."""
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED, compresslevel=1) as files:
        for file in study_files(study, check_traps(traps)):
            files.writestr(ZipInfo(file.path.as_posix()), file.content)
    return archive.getvalue()


def study_files(study: PhantomStudy, traps: frozenset[str]) -> Iterator[WrittenFile]:
    """The study's files one at a time: path below the study's folder's parent, and bytes."""
    return trap_files(_written(study, traps), traps)


def _written(study: PhantomStudy, traps: frozenset[str]) -> Iterator[WrittenFile]:
    for order, series in enumerate(study.series, start=1):
        if "enhanced" in traps:
            for frames in _of_one_shape(series):
                name = file_path(study, series, order, frames[0], traps)
                whole = enhanced_set([data_set(study, series, f, _PLAIN | traps) for f in frames])
                yield WrittenFile(name, content_of(whole), frames[0].number)
            continue
        outermost = _outermost(series)
        for piece in series.slices:
            name = file_path(study, series, order, piece, traps)
            content = content_of(data_set(study, series, piece, traps))
            yield WrittenFile(name, content, piece.number, piece is outermost)


_PLAIN = frozenset({"uncompressed"})


def _outermost(series: PhantomSeries) -> PhantomSlice | None:
    """The sagittal slice farthest to the patient's right; None of an axial series."""
    if series.view not in (View.SAGITTAL_T1, View.SAGITTAL_T2):
        return None
    return min(series.slices, key=lambda piece: float(piece.plane.origin_mm[0]))


def _of_one_shape(series: PhantomSeries) -> Iterator[list[PhantomSlice]]:
    """Slices in the order of their numbers; a multi-frame file has one matrix."""
    for shape in sorted({piece.shape for piece in series.slices}):
        pieces = (piece for piece in series.slices if piece.shape == shape)
        yield sorted(pieces, key=lambda piece: piece.number)


def file_path(
    study: PhantomStudy,
    series: PhantomSeries,
    order: int,
    piece: PhantomSlice,
    traps: frozenset[str],
) -> Path:
    """`<study>/<series>/<n>.dcm`, or without extension, nested or flat where a trap says so.

    `order` is the series' place in the study, 1 for the first.
    """
    if "flat_names" in traps:
        whole = f"{study.study_id}/{series.series_id}/{piece.number}"
        return Path(hashlib.sha256(whole.encode()).hexdigest()[:12])
    if "nested_names" in traps:
        return Path(
            f"PA{study.study_id}", "DICOM", "ST00", f"SE{order:03d}", f"IM{piece.number:06d}"
        )
    return Path(study.study_id, series.series_id, f"{piece.number}.dcm")


def data_set(
    study: PhantomStudy, series: PhantomSeries, piece: PhantomSlice, traps: frozenset[str]
) -> Dataset:
    """One file's DICOM data set with its file meta information, pixels encoded."""
    from pydicom import Dataset

    header = Dataset()
    stored = _stored(piece.pixels, traps)
    _identify(header, study, series, piece, traps)
    _place(header, series, piece)
    _describe_pixels(header, stored, states_rescale=series.states_rescale)
    for keyword, value in piece.header.items():
        setattr(header, keyword, value)
    outermost = piece is _outermost(series)
    trap_header(header, traps, view=series.view, study_id=study.study_id, outermost=outermost)
    encode(header, stored.values, traps, compressed=series.compressed)
    if outermost and "wrong_rows" in traps:
        header.Rows += 7
    return header


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """Values as a file holds them, and how to come back: value x slope + intercept."""

    values: Encoded
    bits: int
    slope: float
    intercept: float
    inverted: bool


def _stored(pixels: NDArray[np.uint16], traps: frozenset[str]) -> Stored:
    """What the traps on the pixels' encoding make of a slice; undone by PS3.3 C.11.1 exactly."""
    slope = 0.5 if "rescale" in traps else 1.0
    intercept = -100.0 if "rescale" in traps else 0.0
    signed = "signed" in traps
    if signed:
        intercept += 1024.0
    bits = 16 if slope != 1.0 or signed else 12
    values = np.rint((pixels.astype(np.float64) - intercept) / slope)
    inverted = "monochrome1" in traps
    if inverted:
        values = (-1 if signed else 2**bits - 1) - values
    kind = np.int16 if signed else np.uint16
    return Stored(values.astype(kind), bits, slope, intercept, inverted)


def _identify(
    header: Dataset,
    study: PhantomStudy,
    series: PhantomSeries,
    piece: PhantomSlice,
    traps: frozenset[str],
) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    header.SOPInstanceUID = UID(_instance_uid(study, series, piece, "rsna_uids" in traps))
    header.ContentDate, header.ContentTime = "20240503", "120000"
    header.SeriesDescription = series.description
    header.PatientID = study.study_id
    header.PatientPosition = "HFS"
    header.InstanceNumber = piece.number
    header.FrameOfReferenceUID = UID(_uid("frame", study.study_id, series.series_id))
    if "rsna_uids" in traps:
        header.StudyInstanceUID = UID(study.study_id)
        header.SeriesInstanceUID = UID(f"{study.study_id}.{series.series_id}")
    else:
        header.StudyInstanceUID = UID(_uid("study", study.study_id))
        header.SeriesInstanceUID = UID(_uid("series", study.study_id, series.series_id))
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = UID(ENHANCED_MR)
    header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID


def _instance_uid(
    study: PhantomStudy, series: PhantomSeries, piece: PhantomSlice, as_rsna: bool
) -> str:
    if as_rsna:
        return f"{study.study_id}.1.{piece.number}"
    return _uid("instance", study.study_id, series.series_id, str(piece.number))


def _uid(*parts: str) -> str:
    """A UID derived from a UUID (PS3.5 B.2), the UUID a hash of the parts."""
    digest = hashlib.sha256("/".join(("lumbar.phantom", *parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _place(header: Dataset, series: PhantomSeries, piece: PhantomSlice) -> None:
    plane = piece.plane
    header.SliceThickness = series.thickness_mm
    header.SpacingBetweenSlices = series.spacing_mm
    header.ImagePositionPatient = [round(float(v), 6) for v in plane.origin_mm]
    header.ImageOrientationPatient = [
        round(float(v), 9) for v in (*plane.along_row, *plane.along_column)
    ]
    header.PixelSpacing = [round(v, 6) for v in plane.spacing_mm]
    header.SliceLocation = round(float(plane.origin_mm @ plane.normal), 4)


def _describe_pixels(header: Dataset, stored: Stored, *, states_rescale: bool) -> None:
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME1" if stored.inverted else "MONOCHROME2"
    header.Rows, header.Columns = stored.values.shape
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, stored.bits, stored.bits - 1
    header.PixelRepresentation = int(stored.values.dtype == np.int16)
    shown = stored.values.astype(np.float64) * stored.slope + stored.intercept
    low, high = np.percentile(shown, (1.0, 99.5))
    header.WindowCenter = round(float(low + high) / 2)
    header.WindowWidth = max(1, round(float(high - low)))
    if states_rescale or stored.slope != 1.0 or stored.intercept != 0.0:
        header.RescaleIntercept = stored.intercept
        header.RescaleSlope = stored.slope
