"""A file in which every text says the same word, to find out where a patient's data end up.

What reading needs to know (modality, photometric interpretation, transfer syntax ...) is left as it
is; all else that may hold text, in the data set, its sequences, private blocks, file meta and
preamble, says the word, also where the word is too long for its VR or no value of it at all.
"""

from __future__ import annotations

import hashlib
import io
import logging
import warnings
from collections.abc import Iterable
from functools import cache

from pydicom import dcmread
from pydicom.datadict import DicomDictionary, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

__all__ = ["identified", "say_everywhere", "says"]

_DATES, _NAMES = ("AS", "DA", "DT", "TM"), ("AE", "CS", "LO", "PN", "SH", "UI", "UR")
TEXT_VRS = frozenset({*_DATES, *_NAMES, "LT", "ST", "UC", "UT"})

KEPT = (
    *("Modality", "PhotometricInterpretation", "ImageType", "SpecificCharacterSet"),
    *("BodyPartExamined", "SOPClassUID", "SOPInstanceUID"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SeriesDescription"),
)
"""What decides how a file is read, or names it in every output."""

DESCRIBED = ("SeriesDescription", "ProtocolName", "SequenceName")
"""Looked at for words, so the word is added to what they say."""


def say_everywhere(dataset: FileDataset, word: str, *, but: Iterable[str] = KEPT) -> None:
    """Make every text of a file say `word`, but for the attributes named."""
    spared = {tag_for_keyword(keyword) for keyword in (*but, *DESCRIBED)}
    for tag, vr in _text_tags():
        if tag not in spared:
            dataset[tag] = _element(tag, vr, word)
    for keyword in DESCRIBED:
        if keyword in dataset:
            setattr(dataset, keyword, f"{dataset.get(keyword)} {word}")
    other = Dataset()
    for tag, vr in _text_tags()[:200]:
        other[tag] = _element(tag, vr, word)
    dataset.OtherPatientIDsSequence = Sequence([other])
    for group in (0x0009, 0x0011, 0x0019, 0x0029):
        block = dataset.private_block(group, word, create=True)
        block.add_new(0x01, "LO", word)
        block.add_new(0x02, "UN", word.encode() * 8192)
    meta = dataset.file_meta
    meta.SourceApplicationEntityTitle = word[:16]
    meta.ImplementationVersionName = word[:16]
    dataset.preamble = word.encode().ljust(128, b"\0")[:128]


def identified(data: bytes, word: str, *, whole: bool = True) -> bytes:
    """The bytes of a DICOM file with the word in every text, or in the patient's identity alone."""
    buffer = io.BytesIO()
    logging.disable()  # pydicom says much of what is written here on purpose
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(io.BytesIO(data))
        if whole:
            say_everywhere(dataset, word)
        dataset.PatientID = dataset.IssuerOfPatientID = word
        dataset.save_as(buffer)
    logging.disable(logging.NOTSET)
    return buffer.getvalue()


def says(content: bytes | str, word: str) -> bool:
    """Whether the word, in any case, or a plain digest of it stands in a file or a text."""
    data = content.encode() if isinstance(content, str) else content
    digests = [hashlib.new(name, word.encode()).hexdigest() for name in ("md5", "sha1", "sha256")]
    traces = [word.lower(), *(digest[:12] for digest in digests)]
    return any(trace.encode() in data.lower() for trace in traces)


def _element(tag: BaseTag, vr: str, word: str) -> DataElement:
    return DataElement(tag, vr, word, validation_mode=0)


@cache
def _text_tags() -> tuple[tuple[BaseTag, str], ...]:
    """Every attribute of the data dictionary (PS3.6) that holds text, outside command groups."""
    return tuple(
        (Tag(number), entry[0])
        for number, entry in DicomDictionary.items()
        if entry[0] in TEXT_VRS and 0x0008 <= number >> 16 < 0x7FE0
    )
