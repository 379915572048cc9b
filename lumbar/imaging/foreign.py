"""Which DICOM files are no slice of a lumbar MRI, and the reason in words."""

from __future__ import annotations

from pydicom.dataset import Dataset

from lumbar.imaging import attributes
from lumbar.imaging.frames import holder
from lumbar.imaging.words import elsewhere_in

__all__ = ["has_matrix", "why_foreign"]

_OTHER_PARTS = frozenset(
    {"ANKLE", "ARM", "BRAIN", "BREAST", "CHEST", "CSPINE", "ELBOW", "FOOT", "HAND", "HEAD"}
    | {"HEART", "HIP", "HUMERUS", "KNEE", "LEG", "LIVER", "NECK", "PROSTATE", "SHOULDER"}
    | {"SKULL", "THIGH", "TSPINE", "WRIST"}
)
"""Values of BodyPartExamined (PS3.16 annex L) that a lumbar examination does not have."""

_DIRECTORY = "1.2.840.10008.1.3.10"
_MR_CLASSES = "1.2.840.10008.5.1.4.1.1.4"
"""MR Image Storage and, with a suffix, its enhanced kinds (PS3.4 B.5)."""

_NO_PICTURES = {
    "1.2.840.10008.5.1.4.1.1.4.2": "MR spectroscopy",
    "1.2.840.10008.5.1.4.1.1.30": "a parametric map",
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
}
"""SOP classes of modality MR (PS3.4 B.5) that hold no slice, though some have Rows and Columns."""


def why_foreign(dataset: Dataset) -> str:
    """Why a data set is no slice of a lumbar MRI, "" where nothing speaks against it."""
    meta = getattr(dataset, "file_meta", None)
    kind = attributes.text(meta, "MediaStorageSOPClassUID") if meta is not None else ""
    modality = attributes.text(dataset, "Modality")
    frame = 0 if "PerFrameFunctionalGroupsSequence" in dataset else None
    place = holder(dataset, "BodyPartExamined", frame)
    part = attributes.text(place, "BodyPartExamined").upper()
    if kind == _DIRECTORY or "DirectoryRecordSequence" in dataset:
        return "a directory of files (DICOMDIR), no picture"
    if modality not in ("", "MR"):
        return f"modality {modality if modality in _MODALITIES else 'unknown'}, not MR"
    if part in _OTHER_PARTS or elsewhere_in(part):
        return f"shows the {elsewhere_in(part) or part.lower()}, not the lumbar spine"
    if named := _NO_PICTURES.get(attributes.text(dataset, "SOPClassUID") or kind):
        return f"{named}, no picture"
    if not has_matrix(dataset) and not kind.startswith(_MR_CLASSES):
        return "no picture (Rows and Columns are missing or zero)"
    return ""


def has_matrix(dataset: Dataset) -> bool:
    """Whether Rows and Columns are there and positive."""
    return all((attributes.integer(dataset, k) or 0) > 0 for k in ("Rows", "Columns"))


_MODALITIES = frozenset(
    {"AU", "CR", "CT", "DOC", "DX", "ECG", "ES", "GM", "IO", "KO", "M3D", "MG", "NM", "OCT", "OP"}
    | {"OT", "PR", "PT", "PX", "REG", "RF", "RG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT"}
    | {"SC", "SEG", "SM", "SR", "TG", "US", "XA", "XC"}
)
"""Modalities that have their name in a reason (PS3.3 C.7.3.1.1.1); any other text might be one of a
patient."""
