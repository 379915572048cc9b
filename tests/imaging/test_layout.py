"""The challenge's layout is taken where it is that layout, not wherever a folder is called so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hostile import zipped

from lumbar.domain import Side, View
from lumbar.imaging import StudyFiles, describe_study, find_studies, read_study
from lumbar.imaging.files import MemoryFiles
from lumbar.imaging.find import find_in
from lumbar.imaging.png import encode_png

TABLE = "study_id,series_id,series_description\n"


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def below(folder: str, files: dict[str, bytes], ending: str = ".dcm") -> dict[str, bytes]:
    return {f"{folder}/{n.removesuffix('.dcm')}{ending}": data for n, data in files.items()}


@pytest.fixture(params=["folder", "archive"])
def found(request: pytest.FixtureRequest, tmp_path: Path):
    """A function: files to the studies found in them as a folder, or as an archive."""

    def find(files: dict[str, bytes]) -> list[StudyFiles]:
        if request.param == "folder":
            return list(find_studies(write(tmp_path / "root", files)))
        (tmp_path / "root.zip").write_bytes(zipped(files))
        return list(find_studies(tmp_path / "root.zip"))

    return find


def test_numbers_all_the_way_down_are_the_layout(found, stack_of_files) -> None:
    (study,) = found(below("train_images/77", stack_of_files()))
    assert (study.study_id, study.rsna_layout) == ("77", True)


@pytest.mark.parametrize(
    ("folder", "ending"),
    [("train_images/anna", ".dcm"), ("test_images/77", "-a.dcm"), ("train_images/77", "")],
)
def test_other_names_below_a_folder_called_so_leave_it_to_the_headers(
    found, stack_of_files, folder, ending
) -> None:
    """Two examinations of a patient in one folder, which the layout would take for one."""
    other = stack_of_files(StudyInstanceUID="1.9", SeriesInstanceUID="1.9.1")
    files = below(folder, stack_of_files(), ending) | below(f"{folder}/2024", other, ending)
    assert [study.study_id for study in found(files)] == ["1.2.3", "1.9"]


def test_one_patient_in_other_names_leaves_all_of_a_root_to_the_headers(
    found, stack_of_files
) -> None:
    files = below("train_images/77", stack_of_files())
    other = below("train_images/anna", stack_of_files(StudyInstanceUID="1.9"))
    assert [study.study_id for study in found(files | other)] == ["1.2.3", "1.9"]
    beside = {"train_images/9.dcm": stack_of_files(StudyInstanceUID="1.8")["1/1.dcm"]}
    assert {study.study_id for study in found(files | beside)} >= {"1.2.3", "1.8"}


def test_a_table_that_names_a_study_makes_the_layout_whatever_the_names(
    found, stack_of_files
) -> None:
    files = below("train_images/anna", stack_of_files())
    table = "train_series_descriptions.csv"
    (study,) = found(files | {table: f"{TABLE}berta,1,Sagittal T1\n".encode()})
    assert study.study_id == "1.2.3"
    (study,) = found(files | {table: f"{TABLE}anna,1,Sagittal T2/STIR\n".encode()})
    assert (study.study_id, study.rsna_layout) == ("anna", True)
    assert describe_study(study).series[0].reason.startswith("named Sagittal T2/STIR by")


def test_a_study_below_a_folder_called_so_is_read_by_its_headers(tmp_path, stack_of_files) -> None:
    write(tmp_path, below("train_images/anna", stack_of_files()))
    assert read_study(tmp_path / "train_images" / "anna").study_id == "1.2.3"
    assert read_study(tmp_path / "train_images").study_id == "1.2.3"


def test_two_roots_in_one_place_keep_their_studies_and_tables_apart(found, stack_of_files) -> None:
    picture, other = (encode_png(np.full((9, 9), grey, np.uint8)) for grey in (1, 2))
    shown = "study_id,series_id,instance_number,side,rows,columns\n5,1,1,{},9,9\n"
    named = f"{TABLE}5,1,Sagittal T1\n".encode()
    files = {
        "a/train_images/5/1/1.png": picture,
        "a/slice_geometry.csv": shown.format("left").encode(),
        "a/train_series_descriptions.csv": named,
        "a/notes.txt": b"words",
        "b/train_images/5/1/1.png": other,
        "b/slice_geometry.csv": shown.format("right").encode(),
        "b/train_series_descriptions.csv": named,
    }
    a, b = found(files)
    assert (a.files, b.files) == (("a/train_images/5/1/1.png",), ("b/train_images/5/1/1.png",))
    sides = [read_study(s).of_view(View.SAGITTAL_T1)[0].instances[0].side for s in (a, b)]
    assert sides == [Side.LEFT, Side.RIGHT]
    assert [[aside.file for aside in study.set_aside] for study in (a, b)] == [["a/notes.txt"], []]


def test_a_root_beside_a_folder_that_is_called_so_is_read_by_headers_too(stack_of_files) -> None:
    rsna = below("a/train_images/77", stack_of_files())
    hospital = below("b/train_images/anna", stack_of_files(StudyInstanceUID="1.9"))
    found = find_in(MemoryFiles(rsna | hospital))
    assert [(study.study_id, len(study.files)) for study in found] == [("1.2.3", 15), ("1.9", 15)]


def test_hidden_folders_are_no_studies(found, stack_of_files) -> None:
    hidden = {"train_images/.trash/1/1.dcm": b"x", "train_images/77/.thumbs/1.dcm": b"x"}
    (study,) = found(below("train_images/77", stack_of_files()) | hidden)
    assert study.study_id == "77"
    assert [series.series_id for series in study.series] == ["1", "2", "3"]


def test_pictures_beside_the_studies_of_a_folder_are_listed_in_the_first(
    tmp_path: Path, stack_of_files
) -> None:
    files = below("train_images/77", stack_of_files()) | below("train_images/78", stack_of_files())
    table = {"train_series_descriptions.csv": f"{TABLE}77,1,Sagittal T1\n".encode()}
    root = write(tmp_path, files | table | {"a.png": b"x", "train_images/b.PNG": b"x"})
    for source, names in (
        (root, ["../../a.png", "../b.PNG"]),
        (root / "train_images", ["../b.PNG"]),
    ):
        first, second = find_studies(source)
        assert [aside.file for aside in first.set_aside] == names
        assert {aside.reason for aside in first.set_aside} == {"lies outside a series' folder"}
        assert not second.set_aside
    (study,) = find_studies(root / "train_images" / "78")
    assert not study.set_aside
