"""A study's findings as a DICOM structured report (TID 1500) that stands beside its pictures.

It is the only output that names a patient, because a PACS must file it. Built with highdicom; what
names the patient is set after highdicom has checked the rest, for its checks log what they refuse.
"""

from __future__ import annotations

import io
import uuid
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import highdicom.sr as hd
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import DA, DT, TM

from lumbar.domain import (
    StudyGrades,
)
from lumbar.errors import FormatError
from lumbar.reports import sr_codes as our
from lumbar.reports.headline import headline
from lumbar.reports.provenance import Provenance
from lumbar.reports.source_headers import MR_IMAGE_STORAGE, SourceHeaders
from lumbar.reports.sr_groups import Group, Item, Stamp, append_texts, group_of, items_of, region_of
from lumbar.version import lumbar_version

__all__ = ["SERIES_NUMBER", "sr_bytes", "sr_document"]

SERIES_NUMBER = 9300
"""Of the report's series: beyond those that scanners give."""

MAKER = "lumbar"


def sr_bytes(
    grades: StudyGrades,
    source: SourceHeaders,
    provenance: Provenance,
    when: datetime | None = None,
) -> bytes:
    """The file of `sr_document`."""
    held = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote the values that they complain about
        sr_document(grades, source, provenance, when).save_as(held, enforce_file_format=True)
    return held.getvalue()


def sr_document(
    grades: StudyGrades,
    source: SourceHeaders,
    provenance: Provenance,
    when: datetime | None = None,
) -> Dataset:
    """A Comprehensive SR of the 25 findings and of `unsided`; the same input gives the same UIDs.

    Patient and study are as the series tell them that the grades were read off, that of the first
    finding before others (all series of the study where nothing is graded). `when` is the time of
    grading (now, if not told), written as this machine's local time, as the times of the study are
    its scanner's. Raises FormatError where the study's files tell no StudyInstanceUID: nothing
    could be found beside it then.
    """
    source = source.by(_graded_on(grades))
    if not source.study_uid:
        raise FormatError(
            "a structured report stands beside a DICOM study, and these files tell no "
            "StudyInstanceUID; save the result as CSV, JSON or HTML instead"
        )
    when = (when or datetime.now(UTC)).astimezone()
    stamp = Stamp(f"{source.study_uid} {provenance.bundle} {grades.findings} {grades.unsided}")
    items = list(items_of(grades))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        groups = [group_of(item, source, provenance, stamp) for item in items]
        content = _report(groups, provenance)
        _evaluations(content[0], grades, provenance)
        pictures = list(_pictures(items, source))
        document = hd.ComprehensiveSR(
            evidence=[_blank(source, uid) for _, uid in pictures] or [_blank(source, "")],
            content=content[0],
            series_instance_uid=stamp.uid("series"),
            series_number=SERIES_NUMBER,
            sop_instance_uid=stamp.uid("report"),
            instance_number=1,
            manufacturer=MAKER,
            manufacturer_model_name=MAKER,
            software_versions=lumbar_version(),
            device_serial_number=provenance.digest or provenance.name[:64],
            series_description="Lumbar findings, research use only",
            is_complete=True,
            specific_character_set="ISO_IR 192",
            coding_schemes=[our.OWN],
            content_date=when.date(),
            content_time=when.time(),
        )
        document.CodingSchemeIdentificationSequence = [our.OWN]
        _date(document, when)
        _refer(document, pictures, source)
        _take_over(document, source)
    return document


def _graded_on(grades: StudyGrades) -> Iterator[str]:
    """The series that the grades were read off, in the order of the findings."""
    evidence = [*(one.evidence for one in grades.findings), *(o.evidence for o in grades.unsided)]
    return (one.series_id for one in evidence if one is not None)


def _report(groups: Sequence[Group], provenance: Provenance) -> hd.MeasurementReport:
    device = hd.DeviceObserverIdentifyingAttributes(
        uid=f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, provenance.bundle).int}",
        name=MAKER,
        manufacturer_name=MAKER,
        model_name=provenance.bundle,
    )
    context = hd.ObservationContext(
        observer_device_context=hd.ObserverContext(codes.DCM.Device, device)
    )
    return hd.MeasurementReport(context, codes.cid100.MRIUnspecifiedBodyRegion, groups)


def _evaluations(report: Dataset, grades: StudyGrades, provenance: Provenance) -> None:
    """What is said of the whole study (TID 1500, row 12)."""
    container = hd.ContainerContentItem(
        our.QUALITATIVE, relationship_type=hd.RelationshipTypeValues.CONTAINS
    )
    container.ContentSequence = hd.ContentSequence()
    told = headline(grades)
    lines = [(our.HEADLINE, line) for line in (told.title, *told.lines)]
    lines += [(our.NOTICE, provenance.notice), (our.TRAINED_ON, provenance.trained_on)]
    append_texts(container, lines)
    container.ContentSequence.append(
        hd.CodeContentItem(
            our.NUMBERING,
            our.NUMBERINGS[grades.level_numbering],
            hd.RelationshipTypeValues.CONTAINS,
        )
    )
    report.ContentSequence.append(container)


def _pictures(items: Iterable[Item], source: SourceHeaders) -> Iterator[tuple[str, str]]:
    """(series id, SOPInstanceUID) of each picture that is pointed at, once; the UID alone repeats
    between real series."""
    seen: set[tuple[str, str]] = set()
    for item in items:
        if item.evidence is None or region_of(item.evidence, source) is None:
            continue
        key = (item.evidence.series_id, item.evidence.instance.partition("#")[0])
        if key not in seen:
            seen.add(key)
            yield key


def _blank(source: SourceHeaders, uid: str) -> Dataset:
    """A picture as highdicom wants to see it, without anything that names the patient."""
    told = Dataset()
    for keyword in (
        *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
        *("StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
    ):
        setattr(told, keyword, None)
    told.StudyInstanceUID = source.study_uid
    told.SeriesInstanceUID = ""
    told.SOPClassUID = MR_IMAGE_STORAGE  # one that it knows; `_refer` writes the pictures' own
    told.SOPInstanceUID = uid
    return told


def _refer(document: Dataset, pictures: Iterable[tuple[str, str]], source: SourceHeaders) -> None:
    """Write the evidence series by series; highdicom keeps one picture of a repeated UID."""
    document.pop("CurrentRequestedProcedureEvidenceSequence", None)
    by_series: dict[str, list[Dataset]] = {}
    for series_id, uid in pictures:
        item = Dataset()
        item.ReferencedSOPClassUID = source.series[series_id].sop_class
        item.ReferencedSOPInstanceUID = uid
        by_series.setdefault(source.series[series_id].uid, []).append(item)
    if not by_series:
        return
    study = Dataset()
    study.StudyInstanceUID = document.StudyInstanceUID
    study.ReferencedSeriesSequence = []
    for series_uid, instances in by_series.items():
        series = Dataset()
        series.SeriesInstanceUID = series_uid
        series.ReferencedSOPSequence = instances
        study.ReferencedSeriesSequence.append(series)
    document.CurrentRequestedProcedureEvidenceSequence = [study]


def _date(document: Dataset, when: datetime) -> None:
    """One time in all places, where highdicom writes that of its call: a report that is written
    again is the same."""
    document.InstanceCreationDate, document.InstanceCreationTime = DA(when.date()), TM(when.time())
    for equipment in document.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = DT(when.replace(tzinfo=None))


def _take_over(document: Dataset, source: SourceHeaders) -> None:
    for keyword, text in source.attributes.items():
        setattr(document, keyword, text)
