"""The report's patient and study are those of the series that its grades were read off."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pydicom
import pytest

from lumbar.domain import (
    CELLS,
    Basis,
    Evidence,
    Finding,
    LevelNumbering,
    Severity,
    Status,
    StudyGrades,
    View,
)
from lumbar.imaging import Study, find_uploaded, read_study
from lumbar.phantom import make_study, zip_study
from lumbar.reports.provenance import Provenance
from lumbar.reports.source_headers import SourceHeaders, source_headers
from lumbar.reports.sr import sr_document

BUNDLE = "demo@0123456789abcdef"
TOLD: Mapping[str, Mapping[str, str]] = {
    "T1": {"AccessionNumber": "OF-T1", "StudyDescription": "T1's", "StudyID": "7"},
    "T2": {"AccessionNumber": "", "StudyDescription": "T2's", "StudyID": ""},
    "T2 axial": {"AccessionNumber": "OF-AXIAL", "StudyDescription": "axial's", "StudyID": ""},
}
"""What the files of each series say, by its description."""


def changed(data: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in TOLD[series_name(dataset)].items():
        setattr(dataset, keyword, value)
    held = io.BytesIO()
    dataset.save_as(held, enforce_file_format=True)
    return held.getvalue()


def series_name(dataset: pydicom.Dataset) -> str:
    axial = abs(dataset.ImageOrientationPatient[0]) > 0.5
    return f"{dataset.SeriesDescription.split()[0].upper()}{' axial' if axial else ''}"


@pytest.fixture(scope="module")
def read() -> tuple[Study, SourceHeaders]:
    with zipfile.ZipFile(io.BytesIO(zip_study(make_study(7, 0)))) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sent = {name: changed(data) for name, data in members.items() if name.endswith(".dcm")}
    ((found, files),) = find_uploaded(sent)
    source = source_headers(found, files)
    assert source is not None
    return read_study(found, files=files), source


def graded(study: Study, *views: View) -> StudyGrades:
    """All findings, those of the views graded on their series' first slice."""
    findings = []
    for cell in CELLS:
        view = cell.condition.family.view
        if view not in views:
            findings.append(Finding.not_assessed(cell, "no series"))
            continue
        series = study.of_view(view)[0]
        instance = series.instances[0].instance_id
        evidence = Evidence(view, series.series_id, instance, (1.0, 1.0), None, 48.0, 0.9)
        shares = (0.7, 0.2, 0.1)
        findings.append(
            Finding(cell, Status.GRADED, "", Severity(0), shares, Basis.SYNTHETIC, evidence)
        )
    return StudyGrades(study.study_id, tuple(findings), LevelNumbering.CERTAIN, BUNDLE)


@pytest.mark.parametrize(
    ("views", "accession", "description", "study_id"),
    [
        ((View.SAGITTAL_T1,), "OF-T1", "T1's", "7"),
        ((View.AXIAL_T2,), "OF-AXIAL", "axial's", None),
        # The canal's findings come first and have no number; the axial series tells one.
        ((View.SAGITTAL_T2, View.AXIAL_T2), "OF-AXIAL", "T2's", None),
        ((View.SAGITTAL_T2,), None, "T2's", None),
    ],
)
def test_a_report_is_filed_as_the_graded_series_say(
    read: tuple[Study, SourceHeaders],
    views: tuple[View, ...],
    accession: str | None,
    description: str,
    study_id: str | None,
) -> None:
    study, source = read
    report = sr_document(graded(study, *views), source, Provenance(BUNDLE, "phantoms"))
    assert (report.AccessionNumber or None) == accession
    assert report.StudyDescription == description
    assert (report.StudyID or None) == study_id


def test_where_nothing_is_graded_every_series_is_asked(read: tuple[Study, SourceHeaders]) -> None:
    study, source = read
    report = sr_document(graded(study), source, Provenance(BUNDLE, "phantoms"))
    assert report.AccessionNumber in {"OF-T1", "OF-AXIAL"}
    assert report.StudyID == "7"


def test_what_a_series_tells_of_its_patient_is_in_no_repr() -> None:
    dataset = pydicom.Dataset()
    dataset.PatientID = "CANARY"
    dataset.SeriesInstanceUID = "1.2"
    assert "CANARY" not in repr(SourceHeaders.of(dataset))
