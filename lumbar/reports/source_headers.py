"""What a structured report takes over from its study's files, so that it is found beside them.

Only the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1) and the identity of the series,
read against an allow-list. These values name a patient: they are held in memory alone and stand in
no `repr`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from lumbar.errors import FormatError, InputError
from lumbar.imaging import attributes
from lumbar.imaging.dicomfile import read_dataset
from lumbar.imaging.files import Files
from lumbar.imaging.pieces import Piece, answers
from lumbar.imaging.png import is_png
from lumbar.imaging.studyfiles import SeriesFiles, StudyFiles

__all__ = ["MR_IMAGE_STORAGE", "SourceHeaders", "SourceSeries", "is_uid", "source_headers"]

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"


@dataclass(frozen=True, slots=True)
class SourceSeries:
    """A series as its files name it: SeriesInstanceUID and the SOP class of its pictures."""

    uid: str
    sop_class: str


@dataclass(frozen=True, slots=True)
class SourceHeaders:
    """The two modules of a study as text by keyword, and its series by the ids of `Study`.

    What a file lacks, or holds in a form that its value representation forbids, is absent; UIDs
    stay as they are told, illegal roots included, for they are what the study is found by.
    `told` has the modules as each series tells them, `attributes` as all do, the first one first.
    """

    attributes: Mapping[str, str] = field(repr=False)
    series: Mapping[str, SourceSeries] = field(default_factory=dict)
    told: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID as the files tell it; "" where they tell none."""
        return self.attributes.get("StudyInstanceUID", "")

    @classmethod
    def of(cls, dataset: Dataset, series_id: str = "") -> SourceHeaders:
        """What one data set says; `series_id` is its series' name in `Study` where that differs."""
        uid = attributes.text(dataset, "SeriesInstanceUID")
        values = {keyword: _text(dataset, keyword) for keyword in _ALLOWED}
        told = {keyword: text for keyword, text in values.items() if text}
        name = series_id or uid
        series = {name: SourceSeries(uid, _sop_class(dataset))} if is_uid(uid) else {}
        return cls(told, series, {name: told})

    def by(self, series_ids: Iterable[str]) -> SourceHeaders:
        """The modules as these series tell them; as all do where none of them is known.

        A value that one lacks is the next one's; where two differ, the one named first counts.
        """
        known = [self.told[name] for name in series_ids if name in self.told]
        return replace(self, attributes=_filled(known)) if known else self


def source_headers(study: StudyFiles, files: Files) -> SourceHeaders | None:
    """What a study's files say, a few files a series; None where none of them is DICOM.

    Untrusted files are parsed in a child process, as for their pictures.
    """
    pieces = [_piece(files, name, one.series_id) for one in study.series for name in _few(one)]
    found = [one for one in answers(_headers_in_child, pieces) if isinstance(one, SourceHeaders)]
    if not found:
        return None
    series = {name: uids for one in reversed(found) for name, uids in one.series.items()}
    names = dict.fromkeys(name for one in found for name in one.told)
    told = {n: _filled(one.told[n] for one in found if n in one.told) for n in names}
    return SourceHeaders(_filled(told.values()), series, told)


def _filled(told: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Each value as the first that tells it has it."""
    return {keyword: text for one in reversed(list(told)) for keyword, text in one.items()}


def is_uid(text: str) -> bool:
    """Whether a text may stand where a UID is expected: digits and dots, at most 64 (PS3.5 9.1)."""
    return 0 < len(text) <= 64 and not text.strip("0123456789.")


FILES_A_SERIES = 3
"""Files asked for what all of a series share; more than one, since some cannot be read."""


def _few(series: SeriesFiles) -> tuple[str, ...]:
    return series.files[:FILES_A_SERIES]


def _piece(files: Files, name: str, series_id: str) -> Piece | InputError:
    try:
        data = files.read(name)
    except InputError as error:
        return error
    return FormatError("a picture without headers") if is_png(data) else Piece("", data, series_id)


def _headers_in_child(data: bytes, source: str, about: str) -> SourceHeaders:
    return SourceHeaders.of(read_dataset(bytes(data), source, pixels=False), about)


_NAME = re.compile(r"[^\x00-\x1f\\]{1,64}(=[^\x00-\x1f\\]{0,64}){0,2}")
_LONG, _SHORT = re.compile(r"[^\x00-\x1f\\]{1,64}"), re.compile(r"[^\x00-\x1f\\]{1,16}")
_DATE = re.compile(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?")

_ALLOWED = {
    "PatientName": _NAME,
    "PatientID": _LONG,
    "IssuerOfPatientID": _LONG,
    "PatientBirthDate": _DATE,
    "PatientSex": re.compile(r"[MFO]"),
    "StudyInstanceUID": re.compile(r"[0-9.]{1,64}"),
    "StudyDate": _DATE,
    "StudyTime": _TIME,
    "ReferringPhysicianName": _NAME,
    "StudyID": _SHORT,
    "AccessionNumber": _SHORT,
    "StudyDescription": _LONG,
}
"""Keywords that are taken over, each with what its value representation allows (PS3.5 6.2)."""


def _text(dataset: Dataset, keyword: str) -> str:
    """A value in Unicode, whatever character set it was written in; "" for one that is not legal.

    The data set's own conversion knows the character sets; it warns by quoting, so it is silenced.
    """
    if not attributes.has(dataset, keyword):
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = dataset[keyword].value
            text = "" if isinstance(value, MultiValue) else str(value or "").strip(" \0")
    except Exception:  # a broken value can make pydicom raise anything; it is then an absent one
        return ""
    return text if _ALLOWED[keyword].fullmatch(text) else ""


def _sop_class(dataset: Dataset) -> str:
    """The SOP class, from the file meta where the data set has none (real files), else plain MR."""
    told = attributes.text(dataset, "SOPClassUID")
    meta = getattr(dataset, "file_meta", None)
    if not is_uid(told) and meta is not None:
        told = attributes.text(meta, "MediaStorageSOPClassUID")
    return told if is_uid(told) else MR_IMAGE_STORAGE
