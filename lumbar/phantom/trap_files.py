"""Traps on whole files: what lies beside the pictures, copies, and files that end early."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["WrittenFile", "content_of", "foreign_files", "trap_files"]


@dataclass(frozen=True, slots=True, eq=False)
class WrittenFile:
    """A file of a study: its path, its bytes, its place in its series.

    `outermost`: the first file of a sagittal series, at the patient's side.
    """

    path: Path
    content: bytes
    number: int
    outermost: bool = False


def content_of(header: Dataset) -> bytes:
    """The bytes of a DICOM file (PS3.10)."""
    content = BytesIO()
    header.save_as(content, enforce_file_format=True)
    return content.getvalue()


def trap_files(files: Iterator[WrittenFile], traps: frozenset[str]) -> Iterator[WrittenFile]:
    """The files after the traps that cut, copy or rename them or add others."""
    folder = Path()
    for file in files:
        folder = file.path.parent
        yield _cut(file) if file.outermost and "truncated_files" in traps else file
        if "copied_files" in traps and file.number in (2, 5):
            name = f"copy of {file.path.name}"
            yield WrittenFile(_renamed(file.path, name, traps), file.content, file.number)
    if "foreign_files" in traps:
        for name, content in foreign_files("2.25.1", "2.25.2"):
            yield WrittenFile(folder / name, content, 0)


def _cut(file: WrittenFile) -> WrittenFile:
    """The file without its last third, which ends within the pixels."""
    kept = file.content[: len(file.content) * 2 // 3]
    return WrittenFile(file.path, kept, file.number, file.outermost)


def _renamed(path: Path, name: str, traps: frozenset[str]) -> Path:
    if "flat_names" in traps:
        name = hashlib.sha256(name.encode()).hexdigest()[:12]
    return path.with_name(name)


def foreign_files(study_uid: str, series_uid: str) -> Iterator[tuple[str, bytes]]:
    """What lies in real folders beside the pictures, as if of the given study and series."""
    uids = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": series_uid}
    picture = {**uids, "Rows": 8, "Columns": 8, "SeriesDescription": "T2 SAG"}
    yield "ct.dcm", _dicom("1.2.840.10008.5.1.4.1.1.2", Modality="CT", **picture)
    yield "knee.dcm", _dicom(_MR, Modality="MR", BodyPartExamined="KNEE", **picture)
    yield "report.dcm", _dicom("1.2.840.10008.5.1.4.1.1.88.11", Modality="SR", **uids)
    pdf = {
        "MIMETypeOfEncapsulatedDocument": "application/pdf",
        "EncapsulatedDocument": b"%PDF-1.4 ",
    }
    yield "document.dcm", _dicom("1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC", **uids, **pdf)
    yield "DICOMDIR", _dicom("1.2.840.10008.1.3.10", DirectoryRecordSequence=[])
    yield "letter.pdf", b"%PDF-1.4 no picture"
    yield "README.TXT", b"made on a CD burner"
    yield "Thumbs.db", b""


_MR = "1.2.840.10008.5.1.4.1.1.4"


def _dicom(kind: str, **attributes: Any) -> bytes:
    """A small DICOM file of a SOP class."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    if "Rows" in attributes:
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.BitsAllocated = made.BitsStored = 16
        made.HighBit, made.PixelRepresentation = 15, 0
        made.PixelData = bytes(2 * made.Rows * made.Columns)
        made["PixelData"].VR = "OW"
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = UID(kind)
    made.file_meta.MediaStorageSOPInstanceUID = UID("2.25.3")
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return content_of(made)
