"""Traps that remove, add or reword what a file's header says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lumbar.domain import View

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["trap_header"]


def trap_header(
    header: Dataset, traps: frozenset[str], *, view: View | None, study_id: str, outermost: bool
) -> None:
    """Changes a file's data set as the traps say.

    `outermost`: the file is the first of a sagittal series, at the patient's side.
    """
    shown = View.SAGITTAL_T1 if header.SeriesDescription.startswith("T1") else view
    for name, change in _CHANGES.items():
        if name in traps:
            change(header, shown or View.SAGITTAL_T2, study_id)
    removed = {*(k for name in traps & set(_REMOVED) for k in _REMOVED[name])}
    if outermost and "lost_orientation" in traps:
        removed.add("ImageOrientationPatient")
    for keyword in removed:
        if keyword in header:
            delattr(header, keyword)


_REMOVED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "no_descriptions": ("SeriesDescription",),
        "times_only": ("SeriesDescription",),
        "no_instance_numbers": ("InstanceNumber",),
        "no_spacing_between": ("SpacingBetweenSlices",),
        "no_spacing": ("PixelSpacing",),
        "no_geometry": ("ImagePositionPatient", "ImageOrientationPatient", "SliceLocation"),
        "no_orientation": ("ImageOrientationPatient",),
    }
)

_TIMES = {
    View.SAGITTAL_T1: ("9.8", "540"),
    View.SAGITTAL_T2: ("102", "3600"),
    View.AXIAL_T2: ("108", "4200"),
}
"""EchoTime and RepetitionTime in ms, as of a 1.5 T lumbar protocol."""

_WORDS: tuple[Mapping[View, str], ...] = tuple(
    dict(zip(View, words, strict=True))
    for words in (
        ("t1_tse_sag_384", "t2_tse_sag_p2", "t2_tse_tra_448"),
        ("SAG T1 FSE", "SAG T2 FRFSE-XL", "AX T2 FRFSE"),
        ("T1W_TSE SAG", "sT2W_TSE SAG", "T2W_TSE TRA"),
        ("Séquence sagittale T1", "Sagittale T2", "Axiale T2"),
        ("Sagital T1 columna lumbar", "Sagital T2", "Transversal T2"),
        ("Sagittale T1 pesata", "T2 sagittale", "T2 assiale L3-S1"),
        ("T1 sagittaal LWK", "T2 sagittaal", "T2 transversaal"),
    )
)
"""Names of the three series on scanners of Siemens, GE and Philips, and as French, Spanish,
Italian and Dutch sites call them."""


def _name_as_a_vendor(header: Dataset, view: View, study_id: str) -> None:
    header.SpecificCharacterSet = "ISO_IR 192"
    header.SeriesDescription = _WORDS[int(study_id) % len(_WORDS)][view]


def _misname(header: Dataset, view: View, study_id: str) -> None:
    header.SeriesDescription = "T2" if view is View.SAGITTAL_T1 else "T1"
    _time(header, view, study_id)


def _time(header: Dataset, view: View, study_id: str) -> None:
    header.ScanningSequence, header.SequenceVariant, header.ScanOptions = "SE", "SK", "PFP"
    header.EchoTime, header.RepetitionTime = _TIMES[view]


def _complete(header: Dataset, view: View, study_id: str) -> None:
    _time(header, view, study_id)
    header.Modality, header.BodyPartExamined = "MR", "LSPINE"
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
    header.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE"]
    header.Manufacturer, header.MagneticFieldStrength = "PHANTOM", "1.5"


def _say_derived(header: Dataset, view: View, study_id: str) -> None:
    header.ImageType = ["DERIVED", "PRIMARY", "M", "ND", "NORM", "FIL"]


def _round(header: Dataset, view: View, study_id: str) -> None:
    _rounded(header, "ImagePositionPatient", 2)
    _rounded(header, "ImageOrientationPatient", 4)


def _rounded(header: Dataset, keyword: str, digits: int) -> None:
    values: Any = header[keyword].value
    setattr(header, keyword, [round(float(value), digits) for value in values])


def _spell(header: Dataset, view: View, study_id: str) -> None:
    from pydicom import DataElement, config
    from pydicom.uid import UID

    if view is View.AXIAL_T2:
        root, last = header.StudyInstanceUID.rsplit(".", 1)
        spelled = UID(f"{root}.0{last}", validation_mode=config.IGNORE)
        header.add(DataElement("StudyInstanceUID", "UI", spelled, validation_mode=config.IGNORE))


def _another_patient(header: Dataset, view: View, study_id: str) -> None:
    if view is View.AXIAL_T2:
        header.PatientID = f"{study_id}B"


_CHANGES: Mapping[str, Callable[[Dataset, View, str], None]] = MappingProxyType(
    {
        "vendor_words": _name_as_a_vendor,
        "misnamed": _misname,
        "times_only": _time,
        "full_headers": _complete,
        "filtered": _say_derived,
        "coarse_decimals": _round,
        "spelled_uids": _spell,
        "two_patients": _another_patient,
    }
)
