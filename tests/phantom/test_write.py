"""A written cohort is what the challenge's files are like, and says where its landmarks lie."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from lumbar.domain import CELLS, Cell, Condition, Family, Level, Severity
from lumbar.imaging import Plane, read_uploaded
from lumbar.phantom import PhantomStudy, make_study, write_cohort, zip_study

STUDIES = 2


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "cohort"
    write_cohort(folder, STUDIES, seed=9, test=1)
    return folder


@pytest.fixture(scope="module")
def study() -> PhantomStudy:
    return make_study(seed=9, index=0)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def headers(folder: Path) -> list[pydicom.Dataset]:
    paths = sorted(folder.glob("*_images/*/*/*.dcm"))
    return [pydicom.dcmread(path) for path in paths]


def test_the_headers_are_as_in_the_real_files(cohort: Path) -> None:
    for header in headers(cohort):
        assert header.file_meta.MediaStorageSOPClassUID.name == "Enhanced MR Image Storage"
        for keyword in ("Modality", "SOPClassUID", "EchoTime", "RepetitionTime"):
            assert keyword not in header
        assert header.SeriesDescription in ("T1", "T2")
        assert (header.BitsAllocated, header.BitsStored, header.HighBit) == (16, 12, 11)
        assert header.PhotometricInterpretation == "MONOCHROME2"
        assert header.pixel_array.max() < 4096


def test_paths_and_uids_name_the_study(cohort: Path) -> None:
    for path in cohort.glob("*_images/*/*/*.dcm"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        assert path.parent.parent.name == header.PatientID
        assert path.stem == str(header.InstanceNumber)


def test_uids_are_valid_and_unique(cohort: Path) -> None:
    every = headers(cohort)
    uids = [header.SOPInstanceUID for header in every]
    assert len(set(uids)) == len(uids)
    assert all(UID(uid).is_valid for uid in uids)
    frames = {(header.SeriesInstanceUID, header.FrameOfReferenceUID) for header in every}
    assert len(frames) == 3 * (STUDIES + 1) == len({frame for _, frame in frames})


def test_compressed_and_plain_files_both_occur(cohort: Path) -> None:
    every = headers(cohort)
    assert {h.file_meta.TransferSyntaxUID.name for h in every} == {
        "RLE Lossless",
        "Explicit VR Little Endian",
    }
    assert {"RescaleSlope" in header for header in every} == {True, False}


def test_the_tables_have_the_challenges_headers(cohort: Path) -> None:
    first = {path.name: path.read_text().split("\n")[0] for path in cohort.glob("*.csv")}
    assert first["train.csv"] == ",".join(["study_id", *(cell.column for cell in CELLS)])
    assert first["train_label_coordinates.csv"] == (
        "study_id,series_id,instance_number,condition,level,x,y"
    )
    assert first["train_series_descriptions.csv"] == "study_id,series_id,series_description"
    assert first["test_series_descriptions.csv"] == "study_id,series_id,series_description"
    assert first["sample_submission.csv"] == "row_id,normal_mild,moderate,severe"
    assert first["morphology.csv"].startswith("study_id,spinal_canal_stenosis_l1_l2_true,")


@pytest.mark.real
def test_the_tables_have_the_real_files_headers(cohort: Path, lumbar_data: Path) -> None:
    for name in ("train.csv", "train_label_coordinates.csv", "train_series_descriptions.csv"):
        real = (lumbar_data / "rsna" / name).read_text(encoding="utf-8").split("\n")[0]
        assert (cohort / name).read_text(encoding="utf-8").split("\n")[0] == real.strip()


@pytest.mark.real
def test_the_headers_hold_the_real_files_attributes(cohort: Path, lumbar_data: Path) -> None:
    sometimes = {"RescaleSlope", "RescaleIntercept"}
    path = next(iter(sorted((lumbar_data / "rsna_full").glob("*_images/*/*/1.dcm"))))
    real = {element.keyword for element in pydicom.dcmread(path)} - sometimes
    ours = {element.keyword for element in headers(cohort)[0]} - sometimes
    assert ours == real


def test_labels_are_the_first_readers(cohort: Path, study: PhantomStudy) -> None:
    row = next(r for r in table(cohort / "train.csv") if r["study_id"] == study.study_id)
    for cell in CELLS:
        assert Severity.from_label(row[cell.column]) is study.grades[cell]


def test_studies_without_labels_are_in_no_training_table(cohort: Path) -> None:
    (unlabelled,) = (path.name for path in (cohort / "test_images").iterdir())
    assert len(table(cohort / "train.csv")) == STUDIES
    for path in cohort.glob("train*.csv"):
        assert unlabelled not in {row["study_id"] for row in table(path)}
    assert unlabelled in {row["study_id"] for row in table(cohort / "morphology.csv")}


def test_every_landmark_has_its_point_where_the_file_says(
    cohort: Path, study: PhantomStudy
) -> None:
    rows = table(cohort / "train_label_coordinates.csv")
    mine = [row for row in rows if row["study_id"] == study.study_id]
    assert len(mine) == 25
    for row in mine:
        path = Path(study.study_id, row["series_id"], f"{row['instance_number']}.dcm")
        header = pydicom.dcmread(cohort / "train_images" / path)
        plane = Plane.from_dicom(
            header.ImagePositionPatient, header.ImageOrientationPatient, header.PixelSpacing
        )
        cell = Cell(Condition.from_words(row["condition"]), Level.from_words(row["level"]))
        away = plane.to_world((float(row["x"]), float(row["y"]))) - study.landmarks[cell]
        assert np.linalg.norm(away) < header.SpacingBetweenSlices / 2 + 1.0


def test_points_lie_on_the_view_that_readers_used(study: PhantomStudy) -> None:
    views = {series.series_id: series.view for series in study.series}
    for point in study.points():
        assert views[point.series_id] is point.cell.condition.family.view


def test_left_is_left(study: PhantomStudy) -> None:
    for level in Level:
        for family in (Family.FORAMINAL, Family.SUBARTICULAR):
            left, right = (
                study.landmarks[cell][0]
                for cell in CELLS
                if cell.level is level and cell.condition.family is family
            )
            assert left > right


def test_a_mirrored_study_has_the_same_pixels_and_swapped_sides(study: PhantomStudy) -> None:
    twin = study.mirrored()
    for cell in CELLS:
        assert twin.grades[cell.mirrored] is study.grades[cell]
        assert twin.morphology.of(cell.mirrored) == study.morphology.of(cell)
    for before, after in zip(study.series, twin.series, strict=True):
        for one, other in zip(before.slices, after.slices, strict=True):
            assert one.pixels is other.pixels
    before_points = {point.cell: (point.number, point.x, point.y) for point in study.points()}
    for point in twin.points():
        number, x, y = before_points[point.cell.mirrored]
        assert point.number == number
        assert (point.x, point.y) == pytest.approx((x, y), abs=1e-6)


def test_a_zipped_study_reads_back_with_its_pixels_and_planes(study: PhantomStudy) -> None:
    (read,) = read_uploaded({"phantom.zip": zip_study(study)})
    assert [series.view for series in read.series] == [series.view for series in study.series]
    for series, made in zip(read.series, study.series, strict=True):
        by_number = {piece.number: piece for piece in made.slices}
        assert len(series) == len(made.slices)
        for instance in series:
            assert instance.number is not None
            assert instance.plane is not None
            piece = by_number[instance.number]
            assert np.array_equal(instance.pixels, piece.pixels)
            corner = (piece.shape[1] - 1, piece.shape[0] - 1)
            away = instance.plane.to_world(corner) - piece.plane.to_world(corner)
            assert np.abs(away).max() < 0.01
