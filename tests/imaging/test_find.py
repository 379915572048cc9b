"""A flat heap of files of many patients: studies and series by what the headers say."""

from __future__ import annotations

import numpy as np
import pytest
from zips import zipped

from lumbar.domain import View
from lumbar.errors import InputError
from lumbar.imaging import describe_study, find_studies, read_study, read_uploaded
from lumbar.imaging.files import FolderFiles, MemoryFiles
from lumbar.imaging.find import find_in
from lumbar.imaging.png import encode_png


def flat(files: dict[str, bytes], prefix: str) -> dict[str, bytes]:
    """The same files under names that say nothing, in no folder."""
    return {f"{prefix}{i:04d}": data for i, data in enumerate(files.values())}


def roles(study) -> list[View | None]:
    return [series.view for series in study.series]


VIEWS = [View.SAGITTAL_T1, View.SAGITTAL_T2, View.AXIAL_T2]


def test_two_patients_in_one_heap_are_two_studies(stack_of_files) -> None:
    one = flat(stack_of_files(), "a")
    other = flat(stack_of_files(StudyInstanceUID="1.9", PatientID="another"), "b")
    studies = read_uploaded({**one, **other})
    assert [study.study_id for study in studies] == ["1.2.3", "1.9"]
    for study, prefix in zip(studies, "ab", strict=True):
        assert roles(study) == VIEWS
        assert {i.source[0] for series in study.series for i in series} == {prefix}


def test_a_study_uid_in_another_spelling_is_the_same_study(stack_of_files) -> None:
    mixed = {
        name: data.replace(b"1.2.3\0", b"1.02.3") if name.startswith("3/") else data
        for name, data in stack_of_files().items()
    }
    (study,) = read_uploaded(mixed)
    assert roles(study) == VIEWS


def test_a_series_that_is_split_over_folders_is_one_series(stack_of_files) -> None:
    moved = {f"disk{i % 2}/{name}": data for i, (name, data) in enumerate(stack_of_files().items())}
    (study,) = read_uploaded(moved)
    assert [len(series) for series in study.series] == [5, 5, 5]


def test_instance_uids_that_repeat_between_series_mix_nothing(stack_of_files) -> None:
    (study,) = read_uploaded(flat(stack_of_files(), "x"))
    identities = {(s.series_id, i.instance_id) for s in study.series for i in s}
    assert len(identities) == 15
    assert len({instance_id for _, instance_id in identities}) == 5


def test_the_same_file_under_two_names_is_kept_once_and_listed(stack_of_files) -> None:
    files = flat(stack_of_files(), "x")
    (study,) = read_uploaded({**files, "copy of 7": files["x0007"]})
    assert [(a.file, a.reason) for a in study.set_aside] == [
        ("x0007", "the same file as copy of 7")
    ]
    assert sum(map(len, study.series)) == 15


def test_a_heap_twice_over_gives_each_slice_once(stack_of_files) -> None:
    files = stack_of_files()
    heap = MemoryFiles({**flat(files, "a"), **flat(files, "b")})
    (found,) = find_in(heap)
    assert len(found.files) == 15
    assert all(aside.reason.startswith("the same file as a") for aside in found.set_aside)
    assert len(found.set_aside) == 15


def test_without_study_uids_each_patient_in_a_folder_is_a_study_of_their_own(
    stack_of_files,
) -> None:
    one = flat(stack_of_files(StudyInstanceUID=None), "in/a")
    other = flat(stack_of_files(StudyInstanceUID=None, PatientID="another"), "in/b")
    studies = read_uploaded({**one, **other})
    assert [study.study_id for study in studies] == ["in 1", "in 2"]
    assert [sum(map(len, study.series)) for study in studies] == [15, 15]


def test_two_patients_under_one_study_are_refused_and_not_named(stack_of_files) -> None:
    other = stack_of_files(PatientID="another")
    mixed = stack_of_files() | {name: data for name, data in other.items() if "3/" in name}
    with pytest.raises(InputError, match="2 different PatientIDs") as caught:
        read_uploaded(mixed)
    assert "somebody" not in str(caught.value)
    assert "another" not in str(caught.value)


def test_files_beside_a_layout_in_an_archive_are_listed(stack_of_files) -> None:
    files = {f"train_images/7/{name}": data for name, data in stack_of_files().items()}
    (study,) = find_in(MemoryFiles({**files, "README.txt": b"words"}))
    assert [(a.file, a.reason) for a in study.set_aside] == [
        ("README.txt", "lies outside a series' folder")
    ]


def test_every_decision_on_a_heap_is_said_in_words(stack_of_files) -> None:
    files = flat(stack_of_files(), "x") | {"notes": b"no picture", "empty": b""}
    (found,) = find_in(MemoryFiles(files))
    described = read_uploaded(files)[0]
    assert all(len(series.reason.split()) >= 4 for series in described.series)
    assert {a.file: a.reason for a in found.set_aside} == {
        "notes": "no DICOM file; accepted are DICOM, PNG and zip",
        "empty": "an empty file; copy it again from its source",
    }


def test_reading_and_describing_a_folder_agree(stack_of_files, tmp_path) -> None:
    for name, data in flat(stack_of_files(), "x").items():
        (tmp_path / name).write_bytes(data)
    (found,) = find_in(FolderFiles(tmp_path))
    described = [(s.series_id, s.role, s.reason) for s in describe_study(found).series]
    read = [(s.series_id, s.view, s.reason) for s in read_study(tmp_path).series]
    assert described == read


def test_without_series_uids_a_flat_heap_falls_apart_by_what_headers_say(stack_of_files) -> None:
    heap = flat(stack_of_files(SeriesInstanceUID=None), "x")
    (study,) = read_uploaded(heap)
    assert roles(study) == VIEWS
    assert [len(series) for series in study.series] == [5, 5, 5]


def test_without_series_uids_a_folder_of_one_kind_gives_the_series_its_name(stack_of_files) -> None:
    (study,) = read_uploaded(stack_of_files(SeriesInstanceUID=None))
    assert [series.series_id for series in study.series] == ["1", "2", "3"]


def test_a_refused_study_hinders_no_other_and_is_returned_with_its_reason(stack_of_files) -> None:
    other = stack_of_files(StudyInstanceUID="1.9", PatientID="another")
    mixed = {n: d for n, d in stack_of_files(StudyInstanceUID="1.9").items() if "3/" not in n}
    uploaded = read_uploaded(
        {
            **flat(stack_of_files(), "a"),
            **flat(other | mixed, "b"),
        }
    )
    assert [study.study_id for study in uploaded] == ["1.2.3"]
    assert [(one.study_id, "2 different PatientIDs" in one.reason) for one in uploaded.refused] == [
        ("1.9", True)
    ]


def test_an_archive_without_pictures_hinders_no_other(stack_of_files) -> None:
    good, bad = zipped(stack_of_files()), zipped({"notes.txt": b"words"})
    uploaded = read_uploaded({"good.zip": good, "bad.zip": bad, "cover.txt": b"a letter"})
    assert [study.study_id for study in uploaded] == ["1.2.3"]
    assert sorted(one.study_id for one in uploaded.refused) == [
        "bad.zip",
        "files beside the archives",
    ]
    assert all("no MRI slice" in one.reason for one in uploaded.refused)


def test_folders_called_alike_in_different_places_are_different_studies(stack_of_files) -> None:
    """De-identified files tell neither patient nor study; nothing but their place does."""
    bare = stack_of_files(StudyInstanceUID=None, SeriesInstanceUID=None, PatientID=None)
    files = {f"{name}/MR/{path}": data for name in ("anna", "berta") for path, data in bare.items()}
    changed = {n: d + b"\0\0" if n.startswith("b") else d for n, d in files.items()}
    pictures = {f"{k}/MR/S1/1.png": encode_png(np.full((9, 9), k, np.uint8)) for k in (1, 2)}
    for heap in (changed, pictures):
        found = find_in(MemoryFiles(heap))
        assert [study.study_id for study in found] == ["MR 1", "MR 2"]
        for study in found:
            assert len({name.split("/")[0] for name in study.files}) == 1


def test_a_picture_under_two_names_is_kept_once_and_listed() -> None:
    one, other = (encode_png(np.full((9, 9), grey, np.uint8)) for grey in (1, 2))
    heap = {"s/1.png": one, "s/2.png": other, "s/1 copy.png": one, "s/3.png": other}
    (study,) = find_in(MemoryFiles(heap))
    assert study.files == ("s/1 copy.png", "s/2.png")
    assert {a.file: a.reason for a in study.set_aside} == {
        "s/1.png": "the same file as s/1 copy.png",
        "s/3.png": "the same file as s/2.png",
    }


def test_a_stray_file_beside_archives_hinders_none_of_them(stack_of_files, tmp_path) -> None:
    (tmp_path / "study.zip").write_bytes(zipped(stack_of_files()))
    (tmp_path / "README.txt").write_text("words")
    (study,) = find_studies(tmp_path)
    assert len(study.files) == 15
    assert [aside.file for aside in study.set_aside] == ["README.txt"]
    (tmp_path / "study.zip").unlink()
    with pytest.raises(InputError, match="no MRI slice among 1 files"):
        list(find_studies(tmp_path))


def test_files_deeper_than_a_layout_are_listed(stack_of_files, tmp_path) -> None:
    for name, data in {**stack_of_files(), "1/more/9.dcm": b"x"}.items():
        path = tmp_path / "train_images" / "7" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (study,) = find_studies(tmp_path)
    assert [(a.file, a.reason) for a in study.set_aside] == [
        ("1/more/9.dcm", "lies in a folder of a series' folder")
    ]


@pytest.mark.parametrize("stem", ["9" * 5000, "5\u00b2"])
def test_a_name_with_odd_digits_is_a_name(stem: str) -> None:
    picture = encode_png(np.eye(9, dtype=np.uint8))
    other = encode_png(np.eye(9, dtype=np.uint8) * 2)
    (study,) = read_uploaded({f"s/{stem}.png": picture, "s/2.png": other}, all_series=True)
    assert sum(map(len, study.series)) == 2
