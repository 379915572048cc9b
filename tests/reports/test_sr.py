"""The structured report: valid, found beside its pictures, and naming nobody anywhere else."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest
from programs import program
from pydicom.dataset import Dataset

from lumbar.domain import (
    CELLS,
    Basis,
    Evidence,
    Family,
    Finding,
    Level,
    LevelNumbering,
    Severity,
    Status,
    StudyGrades,
    UnsidedFinding,
)
from lumbar.errors import FormatError
from lumbar.imaging import Study, find_studies, find_uploaded, read_study
from lumbar.imaging.files import open_files
from lumbar.phantom import make_study, zip_study
from lumbar.reports.headline import headline
from lumbar.reports.provenance import NOTICE, Provenance
from lumbar.reports.source_headers import SourceHeaders, SourceSeries, source_headers
from lumbar.reports.sr import sr_bytes, sr_document

WHEN = datetime(2026, 11, 25, 3, 4, 5, tzinfo=UTC)
PROVENANCE = Provenance("demo@0123456789abcdef", "synthetic phantoms of lumbar.phantom")
NAME = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def graded(study: Study) -> StudyGrades:
    """Findings on the middle slice of each one's view; the last is not assessed."""
    findings = []
    for number, cell in enumerate(CELLS[:-1]):
        family = cell.condition.family
        series = study.of_view(family.view)[0]
        instance = series.instances[len(series) // 2]
        evidence = Evidence(
            family.view, series.series_id, instance.instance_id, (10.0, 12.5), None, 48.0, 0.9
        )
        shares = [(0.7, 0.2, 0.1), (0.2, 0.7, 0.1), (0.1, 0.2, 0.7)][number % 3]
        severity = Severity(number % 3)
        basis = Basis.REAL if family is Family.FORAMINAL else Basis.SYNTHETIC
        findings.append(
            Finding(cell, Status.GRADED, "graded here", severity, shares, basis, evidence)
        )
    findings.append(Finding.not_assessed(CELLS[-1], "no axial slice within 15 mm of the level"))
    return StudyGrades(study.study_id, tuple(findings), LevelNumbering.UNCERTAIN, PROVENANCE.bundle)


@pytest.fixture(scope="module")
def phantom() -> tuple[StudyGrades, SourceHeaders]:
    ((found, files),) = find_uploaded({"study.zip": zip_study(make_study(7, 0))})
    source = source_headers(found, files)
    assert source is not None
    return graded(read_study(found, files=files)), source


@pytest.fixture(scope="module")
def document(phantom: tuple[StudyGrades, SourceHeaders]) -> Dataset:
    return pydicom.dcmread(io.BytesIO(sr_bytes(*phantom, PROVENANCE, WHEN)))


def errors(path: Path) -> list[str]:
    """What `dciodvfy` says is wrong with a file."""
    checker = program("dciodvfy", "dicom3tools")
    said = subprocess.run([checker, path], capture_output=True, text=True, check=False)
    assert "ComprehensiveSR" in said.stderr
    return [line for line in said.stderr.splitlines() if line.startswith("Error")]


def items(document: Dataset) -> Iterator[Dataset]:
    """Every content item, depth first."""
    for item in document.get("ContentSequence", []):
        yield item
        yield from items(item)


def groups(document: Dataset) -> list[Dataset]:
    named = [item for item in items(document) if "ConceptNameCodeSequence" in item]
    return [i for i in named if i.ConceptNameCodeSequence[0].CodeValue == "125007"]


def codes_of(group: Dataset) -> dict[str, str]:
    """Meaning of each coded item's name -> its value's."""
    return {
        item.ConceptNameCodeSequence[0].CodeMeaning: item.ConceptCodeSequence[0].CodeMeaning
        for item in group.ContentSequence
        if item.ValueType == "CODE"
    }


def texts_of(document: Dataset, name: str) -> list[str]:
    return [
        item.TextValue
        for item in items(document)
        if item.ValueType == "TEXT" and item.ConceptNameCodeSequence[0].CodeValue == name
    ]


def test_dciodvfy_finds_no_error_in_a_phantoms_report(
    phantom: tuple[StudyGrades, SourceHeaders], tmp_path: Path
) -> None:
    path = tmp_path / "report.dcm"
    path.write_bytes(sr_bytes(*phantom, PROVENANCE, WHEN))
    assert errors(path) == []


@pytest.mark.real
def test_dciodvfy_finds_only_the_real_studys_own_illegal_uids(
    lumbar_data: Path, tmp_path: Path
) -> None:
    root = lumbar_data / "rsna_full"
    found = next(study for study in find_studies(root) if study.study_id == "44036939")
    source = source_headers(found, open_files(found.uri))
    assert source is not None
    grades = graded(read_study(found))
    path = tmp_path / "report.dcm"
    path.write_bytes(sr_bytes(grades, source, PROVENANCE, WHEN))
    told = errors(path)
    assert told
    assert [line for line in told if "illegal root" not in line.lower()] == []
    report = pydicom.dcmread(path)
    assert report.StudyInstanceUID == report.PatientID == "44036939"
    told_series = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert len(told_series) == 3


def test_each_of_the_25_findings_has_its_group_with_its_site(document: Dataset) -> None:
    told = []
    for group in groups(document):
        (site,) = [
            item
            for item in group.ContentSequence
            if item.ConceptNameCodeSequence[0].CodeMeaning == "Finding Site"
        ]
        side = [c.ConceptCodeSequence[0].CodeMeaning for c in site.get("ContentSequence", [])]
        told.append((codes_of(group)["Finding"], codes_of(group)["Finding Site"], side))
    assert told == [
        (
            cell.condition.words.removeprefix("Left ").removeprefix("Right ").capitalize(),
            f"{cell.level.words} disc",
            [cell.condition.side.title()] if cell.condition.side else [],
        )
        for cell in CELLS
    ]


def test_a_group_holds_grade_probabilities_basis_and_landmark(
    document: Dataset, phantom: tuple[StudyGrades, SourceHeaders]
) -> None:
    grades, source = phantom
    for group, finding in zip(groups(document), grades.graded(), strict=False):
        numbers = [
            float(item.MeasuredValueSequence[0].NumericValue)
            for item in group.ContentSequence
            if item.ValueType == "NUM"
        ]
        assert tuple(numbers) == finding.probabilities
        assert finding.severity is not None
        assert finding.evidence is not None
        assert codes_of(group)["Severity"] == finding.severity.label
        real = finding.basis is Basis.REAL
        basis = "Tested on real patients" if real else "Never tested on patients"
        assert codes_of(group)["Basis of the model"] == basis
        (region,) = [item for item in group.ContentSequence if item.ValueType == "SCOORD"]
        assert list(region.GraphicData) == [10.5, 13.0]
        pictured = region.ContentSequence[0].ReferencedSOPSequence[0]
        assert pictured.ReferencedSOPInstanceUID == finding.evidence.instance
        (series,) = [item.UID for item in group.ContentSequence if item.ValueType == "UIDREF"][-1:]
        assert series == source.series[finding.evidence.series_id].uid


def test_what_was_not_assessed_says_so_and_why(document: Dataset) -> None:
    last = groups(document)[-1]
    assert codes_of(last)["Status of the finding"] == "Not assessed"
    assert "Severity" not in codes_of(last)
    assert not [item for item in last.ContentSequence if item.ValueType in ("NUM", "SCOORD")]
    assert texts_of(last, "REASON") == ["no axial slice within 15 mm of the level"]


def test_the_report_says_what_it_rests_on(
    document: Dataset, phantom: tuple[StudyGrades, SourceHeaders]
) -> None:
    told = headline(phantom[0])
    assert texts_of(document, "HEADLINE") == [told.title, *told.lines]
    assert texts_of(document, "NOTICE") == [NOTICE]
    assert texts_of(document, "TRAINED_ON") == [PROVENANCE.trained_on]
    values = [i.ConceptCodeSequence[0].CodeValue for i in items(document) if i.ValueType == "CODE"]
    assert "UNCERTAIN" in values
    assert set(texts_of(document, "111001")) == {"demo"}
    assert set(texts_of(document, "111003")) == {"0123456789abcdef"}


def test_the_evidence_names_every_picture_that_is_pointed_at(document: Dataset) -> None:
    pointed = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in items(document)
        if item.ValueType == "IMAGE"
    }
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    listed = {
        one.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert study.StudyInstanceUID == document.StudyInstanceUID
    assert listed == pointed
    assert len(study.ReferencedSeriesSequence) == 3


def test_a_report_asked_for_twice_is_the_same(phantom: tuple[StudyGrades, SourceHeaders]) -> None:
    first, again = (sr_document(*phantom, PROVENANCE, WHEN) for _ in range(2))
    assert first == again
    other = sr_document(*phantom, replace(PROVENANCE, bundle="demo@fedc"), WHEN)
    assert other.SOPInstanceUID != first.SOPInstanceUID


def test_all_times_are_that_of_grading_in_local_time(
    phantom: tuple[StudyGrades, SourceHeaders], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        when = datetime(2026, 11, 30, 19, 53, 15, tzinfo=UTC)
        report = sr_document(*phantom, PROVENANCE, when)
    finally:
        monkeypatch.undo()
        time.tzset()
    told = (report.ContentDate, report.ContentTime)
    assert told == (report.InstanceCreationDate, report.InstanceCreationTime)
    assert list(map(str, told)) == ["20261201", "045315"]
    for equipment in report.get("ContributingEquipmentSequence", ()):
        assert str(equipment.ContributionDateTime) == "20261201045315"


def test_a_lone_slices_grade_is_told_without_side(
    phantom: tuple[StudyGrades, SourceHeaders],
) -> None:
    grades, source = phantom
    evidence = next(grades.graded()).evidence
    assert evidence is not None
    lone = UnsidedFinding(
        *(Family.FORAMINAL, Level.L4_L5, None, Severity.SEVERE, (0.1, 0.2, 0.7)),
        *(Basis.REAL, "graded on a lone slice", evidence),
    )
    report = sr_document(replace(grades, unsided=(lone,)), source, PROVENANCE, WHEN)
    last = groups(report)[-1]
    assert codes_of(last)["Finding Site"] == "L4/L5 disc"
    assert codes_of(last)["Severity"] == "Severe"
    assert "ContentSequence" not in next(
        i
        for i in last.ContentSequence
        if i.ConceptNameCodeSequence[0].CodeMeaning == "Finding Site"
    )


def told(**values: str) -> SourceHeaders:
    """Headers of a data set as a file would give them."""
    dataset = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
    return SourceHeaders.of(dataset)


@pytest.mark.parametrize("name", ['O\'Brien^"Jo"', "<script>^x", "Zoë^😀", NAME])
def test_names_of_any_kind_arrive_as_they_were(
    name: str, phantom: tuple[StudyGrades, SourceHeaders], caplog: pytest.LogCaptureFixture
) -> None:
    source = told(StudyInstanceUID="1.2.3", PatientName=name, PatientID="p'\"1")
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
        warnings.simplefilter("error")
        data = sr_bytes(phantom[0], source, PROVENANCE, WHEN)
    report = pydicom.dcmread(io.BytesIO(data))
    assert str(report.PatientName) == name
    assert report.PatientID == "p'\"1"
    assert name not in caplog.text
    assert name not in repr(source)


def test_a_name_in_an_older_character_set_arrives_as_the_same_name() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    dataset.PatientName = NAME
    dataset.StudyInstanceUID = "1.2.3"
    held = io.BytesIO()
    pydicom.dcmwrite(held, dataset, implicit_vr=False, little_endian=True)
    held.seek(0)
    read = pydicom.dcmread(held, force=True)
    assert SourceHeaders.of(read).attributes["PatientName"] == NAME


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientBirthDate", "around 1960"),
        ("StudyDate", "20261399"),
        ("StudyTime", "25:00"),
        ("PatientSex", "male"),
        ("PatientID", "p" * 65),
        ("AccessionNumber", "a" * 17),
        ("StudyInstanceUID", "John Doe"),
        ("PatientID", "A\\B"),
        ("AccessionNumber", "A1\\A2"),
        ("StudyDescription", "MRI L-SPINE\\WO CONTRAST"),
        ("ReferringPhysicianName", "A^B\\C^D"),
    ],
)
def test_what_no_value_representation_allows_is_not_taken_over(keyword: str, value: str) -> None:
    assert keyword not in told(**{keyword: value}).attributes


def test_only_the_two_modules_are_taken_over() -> None:
    canary = told(
        StudyInstanceUID="1.2",
        PatientComments="canary",
        PatientAddress="canary",
        InstitutionName="canary",
        OtherPatientIDs="canary",
        SeriesDescription="canary",
    )
    assert canary.attributes == {"StudyInstanceUID": "1.2"}


def test_sop_class_comes_from_the_file_meta_where_the_data_set_has_none() -> None:
    enhanced = "1.2.840.10008.5.1.4.1.1.4.1"
    dataset = Dataset()
    dataset.SeriesInstanceUID = "1.2"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = enhanced
    assert SourceHeaders.of(dataset, "7").series == {"7": SourceSeries("1.2", enhanced)}


def test_a_study_without_dicom_headers_has_no_report(
    phantom: tuple[StudyGrades, SourceHeaders],
) -> None:
    with pytest.raises(FormatError, match="save the result as CSV"):
        sr_document(phantom[0], SourceHeaders({}), PROVENANCE, WHEN)


def test_the_file_names_our_private_scheme(document: Dataset) -> None:
    used = {
        item.CodingSchemeDesignator
        for one in items(document)
        for sequence in ("ConceptNameCodeSequence", "ConceptCodeSequence")
        for item in one.get(sequence, [])
    }
    assert {scheme for scheme in used if re.match("99", scheme)} == {
        scheme.CodingSchemeDesignator for scheme in document.CodingSchemeIdentificationSequence
    }
