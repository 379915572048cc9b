"""From heaps of files to studies: layouts, archives, uploads, and what is set aside."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from zips import zipped

from lumbar.domain import Side, View
from lumbar.errors import FormatError, InputError
from lumbar.imaging import (
    Look,
    Recognise,
    StudyFiles,
    describe_study,
    find_studies,
    read_study,
    read_uploaded,
)
from lumbar.imaging.png import encode_png

VIEWS = [View.SAGITTAL_T1, View.SAGITTAL_T2, View.AXIAL_T2]


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.fixture
def rsna_root(tmp_path: Path, stack_of_files) -> Path:
    """A root with one study whose CSV names series 2 as T1 and whose PNG study was squashed."""
    write(tmp_path / "train_images" / "77", stack_of_files())
    picture = encode_png(np.full((25, 25), 90, np.uint8))
    write(tmp_path / "test_images" / "88" / "5", {"8.png": picture, "9.png": picture})
    (tmp_path / "train_series_descriptions.csv").write_text(
        "study_id,series_id,series_description\n77,2,Sagittal T1\n"
    )
    (tmp_path / "test_series_descriptions.csv").write_text(
        "study_id,series_id,series_description\n88,5,Sagittal T1\n"
    )
    (tmp_path / "slice_geometry.csv").write_text(
        "study_id,series_id,instance_number,side,rows,columns\n88,5,9,right,400,100\n"
    )
    return tmp_path


def test_a_tree_is_grouped_by_its_headers_whatever_the_files_are_called(
    tmp_path: Path, stack_of_files
) -> None:
    files = {f"a/b/{i:08x}": data for i, data in enumerate(stack_of_files().values())}
    study = read_study(write(tmp_path, files))
    assert study.study_id == "1.2.3"
    assert [(series.view, len(series)) for series in study.series] == [(v, 5) for v in VIEWS]


def test_an_rsna_root_takes_ids_and_numbers_from_its_folders_and_files(
    tmp_path: Path, stack_of_files
) -> None:
    write(tmp_path / "train_images" / "77", stack_of_files(InstanceNumber=99))
    study = read_study(tmp_path)
    assert study.study_id == "77"
    assert {series.series_id for series in study.series} == {"1", "2", "3"}
    assert [instance.number for instance in study.series[0]] == [1, 2, 3, 4, 5]


def test_the_csv_goes_before_the_headers_and_says_so(rsna_root: Path) -> None:
    study = read_study(rsna_root / "train_images" / "77")
    reasons = {series.series_id: series.reason for series in study.of_view(View.SAGITTAL_T1)}
    assert reasons["2"].startswith("named Sagittal T1 by train_series_descriptions.csv")


def test_a_squashed_png_of_a_root_gets_its_aspect_and_side(rsna_root: Path) -> None:
    study = read_study(rsna_root / "test_images" / "88")
    unknown, known = study.of_view(View.SAGITTAL_T1)[0].instances
    assert (known.number, known.side, known.aspect) == (9, Side.RIGHT, (2.0, 0.5))
    assert (unknown.side, unknown.aspect) == (None, (1.0, 1.0))


def test_both_image_folders_of_a_root_are_found(rsna_root: Path) -> None:
    assert sorted(study.study_id for study in find_studies(rsna_root)) == ["77", "88"]


def test_a_study_survives_a_pickle_and_a_manifest_row(rsna_root: Path) -> None:
    for study in find_studies(rsna_root):
        assert pickle.loads(pickle.dumps(study)) == study
        assert StudyFiles.from_row(study.to_row()) == study


def test_an_archive_of_a_root_reads_as_the_root_does(rsna_root: Path, tmp_path: Path) -> None:
    names = {p.relative_to(rsna_root).as_posix(): p for p in rsna_root.rglob("*") if p.is_file()}
    archive = tmp_path / "root.zip"
    archive.write_bytes(zipped({name: path.read_bytes() for name, path in names.items()}))
    found = {study.study_id: describe_study(study) for study in find_studies(archive)}
    for study in find_studies(rsna_root):
        assert found[study.study_id].series == describe_study(study).series


def test_headers_alone_and_pixels_agree_on_roles_reasons_and_counts(rsna_root: Path) -> None:
    for files in find_studies(rsna_root):
        described, study = describe_study(files), read_study(files)
        assert [(s.series_id, s.role, s.reason, s.slices) for s in described.series] == [
            (s.series_id, s.view, s.reason, len(s)) for s in study.series
        ]


def test_what_is_no_picture_is_set_aside_with_the_reason(tmp_path: Path, stack_of_files) -> None:
    extra = {"1/notes.txt": b"notes", "2/empty.dcm": b""}
    study = read_study(write(tmp_path, stack_of_files() | extra))
    assert {aside.file: aside.reason.split(";")[0] for aside in study.set_aside} == {
        "1/notes.txt": "no DICOM file",
        "2/empty.dcm": "an empty file",
    }


def test_a_truncated_slice_is_set_aside_and_the_others_are_read(
    tmp_path: Path, stack_of_files
) -> None:
    files = stack_of_files()
    files["2/3.dcm"] = files["2/3.dcm"][:-300]
    study = read_study(write(tmp_path, files))
    assert [len(series) for series in study.series] == [5, 4, 5]
    assert [(a.file, a.reason.split(",")[0]) for a in study.set_aside] == [("2/3.dcm", "truncated")]


def test_two_patients_under_one_study_are_refused(tmp_path: Path, stack_of_files) -> None:
    other = {f"x{name}": data for name, data in stack_of_files(PatientID="another").items()}
    with pytest.raises(InputError, match="different PatientIDs"):
        read_study(write(tmp_path, stack_of_files() | other))


def test_who_issued_the_patients_number_need_not_be_told_by_every_file(
    tmp_path: Path, stack_of_files
) -> None:
    files = stack_of_files(IssuerOfPatientID="one hospital")
    files["3/5.dcm"] = stack_of_files()["3/5.dcm"]
    assert [len(series) for series in read_study(write(tmp_path, files)).series] == [5, 5, 5]
    files["3/4.dcm"] = stack_of_files(IssuerOfPatientID="another hospital")["3/4.dcm"]
    with pytest.raises(InputError, match="2 different PatientIDs"):
        read_study(write(tmp_path, files))


def test_several_studies_are_listed_one_by_one_and_not_read_as_one(
    tmp_path: Path, stack_of_files
) -> None:
    other = {f"x{name}": d for name, d in stack_of_files(StudyInstanceUID="1.9").items()}
    write(tmp_path, stack_of_files() | other)
    assert [study.study_id for study in find_studies(tmp_path)] == ["1.2.3", "1.9"]
    with pytest.raises(InputError, match="holds 2 studies"):
        read_study(tmp_path)


def test_a_folder_without_a_picture_says_so_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no MRI slice among 1 files; notes\.txt: no DICOM"):
        read_study(write(tmp_path, {"notes.txt": b"notes"}))


def test_an_upload_of_a_zip_is_read_as_its_files_are(stack_of_files) -> None:
    loose = read_uploaded(stack_of_files())
    (study,) = read_uploaded({"study.zip": zipped(stack_of_files())})
    assert [s.reason for s in study.series] == [s.reason for s in loose[0].series]
    assert np.array_equal(
        study.series[0].instances[2].pixels, loose[0].series[0].instances[2].pixels
    )


def test_one_dicom_slice_is_a_study_of_one_series(stack_of_files) -> None:
    (study,) = read_uploaded({"slice.dcm": stack_of_files()["1/3.dcm"]})
    assert [(series.view, len(series)) for series in study.series] == [(View.SAGITTAL_T1, 1)]


def test_a_lone_png_has_no_view_unless_it_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, {"knee.png": encode_png(np.ones((9, 9), np.uint8))}) / "knee.png"
    (unknown,) = read_study(path, all_series=True).series
    assert (unknown.view, len(unknown)) == (None, 1)
    assert unknown.reason == "orientation unknown (a PNG)"
    told = read_study(path, views=View.SAGITTAL_T1)
    assert len(told.of_view(View.SAGITTAL_T1)[0]) == 1


def looks_like(other: float = 0.0, **views: float) -> Recognise:
    """An opinion that is always the same, e.g. `looks_like(sagittal_t2=0.9, other=0.1)`."""
    return lambda _: Look({View(name): share for name, share in views.items()}, other)


@pytest.fixture
def open_series(tmp_path: Path, stack_of_files) -> Path:
    """A sagittal series whose headers do not say whether it is T1 or T2."""
    bare = stack_of_files(SeriesDescription="LUMBAR")
    return write(tmp_path, {n: d for n, d in bare.items() if n[0] == "1"})


def test_an_open_view_is_asked_of_the_middle_slice(open_series: Path) -> None:
    seen = []

    def recognise(pixels):
        seen.append(pixels.shape)
        return Look({View.SAGITTAL_T2: 0.97, View.SAGITTAL_T1: 0.02}, 0.01)

    study = read_study(open_series, recognise=recognise)
    assert len(seen) == 1
    assert study.series[0].view is View.SAGITTAL_T2
    assert study.series[0].reason.endswith("its picture looks like Sagittal T2/STIR (0.98)")


@pytest.mark.parametrize(
    "recognise",
    [looks_like(sagittal_t1=0.55, sagittal_t2=0.4, other=0.05), looks_like(axial_t2=1.0)],
    ids=["unsure", "against the geometry"],
)
def test_a_look_that_does_not_decide_leaves_the_view_open(
    open_series: Path, recognise: Recognise
) -> None:
    study = read_study(open_series, recognise=recognise)
    assert study.series[0].view is None
    assert "its picture does not decide it" in study.series[0].reason


def test_a_picture_that_is_no_lumbar_mr_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, {"cat.png": encode_png(np.eye(99, dtype=np.uint8))}) / "cat.png"
    with pytest.raises(InputError, match=r"cat\.png.*not recognised as a lumbar MR slice") as error:
        read_study(path, recognise=looks_like(other=0.99))
    assert not isinstance(error.value, FormatError)
    told = read_study(path, recognise=looks_like(other=0.99), views=View.SAGITTAL_T1)
    assert told.series[0].view is View.SAGITTAL_T1


def test_loose_pictures_of_another_view_are_set_aside_from_their_series(tmp_path: Path) -> None:
    """Pictures sent together without geometry are one series, whoever put them together."""
    shares = {1: {View.SAGITTAL_T2: 1.0}, 2: {View.SAGITTAL_T2: 1.0}, 3: {View.AXIAL_T2: 1.0}}

    def recognise(pixels):
        return Look(shares.get(int(pixels.max()), {}), 0.0 if pixels.max() < 4 else 1.0)

    def picture(grey: int) -> bytes:
        return encode_png(np.eye(99, dtype=np.uint8) * np.uint8(grey))

    files = {f"upload/{grey}.png": picture(grey) for grey in (1, 2, 3, 4)}
    (study,) = read_uploaded({k: files[k] for k in list(files)[:3]}, recognise=recognise)
    assert [(s.view, len(s)) for s in study.series] == [(View.SAGITTAL_T2, 2)]
    (aside,) = study.set_aside
    assert aside.file == "upload/3.png"
    assert "looks like Axial T2 (1.00), its series like Sagittal T2/STIR" in aside.reason
    del files["upload/3.png"]
    (study,) = read_uploaded(files, recognise=recognise)
    assert [aside.file for aside in study.set_aside] == ["upload/4.png"]
    assert "not recognised" in study.set_aside[0].reason


def test_pictures_of_a_series_that_is_not_used_are_each_set_aside(tmp_path: Path) -> None:
    """Read and described alike; pictures that were asked for are not among them."""
    files = {f"s/{n}.png": encode_png(np.eye(99, dtype=np.uint8) * np.uint8(n)) for n in (1, 2, 3)}
    found = _only_study(write(tmp_path, files))
    unsure = looks_like(sagittal_t1=0.5, sagittal_t2=0.5)
    for look, words in (
        (unsure, "not used: orientation unknown (a PNG); its picture does not decide it"),
        (None, "not used: orientation unknown (a PNG)"),
    ):
        read, described = read_study(found, recognise=look), describe_study(found, recognise=look)
        assert [aside.file for aside in read.set_aside] == list(files)
        assert all(aside.reason.startswith(words) for aside in read.set_aside)
        assert not any(aside.damaged for aside in read.set_aside)
        assert described.set_aside == read.set_aside
    assert not read_study(found, all_series=True).set_aside
    assert not read_study(found, views=View.SAGITTAL_T2).set_aside


def test_a_series_of_dicom_slices_that_is_not_used_is_told_by_its_own_reason(
    tmp_path: Path, stack_of_files
) -> None:
    study = read_study(write(tmp_path, stack_of_files(SeriesDescription="LOCALIZER")))
    assert not any(series.view for series in study.series)
    assert not study.set_aside


def test_pngs_of_one_folder_that_are_taken_together_say_so(tmp_path: Path) -> None:
    pictures = [encode_png(np.eye(9, dtype=np.uint8) * np.uint8(n)) for n in (1, 2)]
    one, two = {"s/1.png": pictures[0]}, {"s/1.png": pictures[0], "s/2.png": pictures[1]}
    said = "; 2 PNGs of one folder, taken for one patient's"
    (lone,) = read_study(write(tmp_path / "one", one), views=View.SAGITTAL_T2).series
    (both,) = read_study(write(tmp_path / "two", two), views=View.SAGITTAL_T2).series
    assert both.reason == lone.reason + said
    root = write(tmp_path / "rsna" / "train_images" / "7", two | {"9/1.png": pictures[0]})
    root.joinpath("s").rename(root / "8")
    for series in read_study(root, views=dict.fromkeys("89", View.SAGITTAL_T2)).series:
        assert series.view is View.SAGITTAL_T2
        assert said not in series.reason


def test_pngs_beside_each_other_at_the_root_are_studies_of_their_own(tmp_path: Path) -> None:
    pictures = {f"{n}.png": encode_png(np.eye(9, dtype=np.uint8) * np.uint8(n)) for n in (1, 2)}
    found = list(find_studies(write(tmp_path, pictures)))
    assert [study.files for study in found] == [("1.png",), ("2.png",)]


def _only_study(root: Path) -> StudyFiles:
    (study,) = find_studies(root)
    return study


def test_a_series_that_is_no_lumbar_mr_is_of_no_use_beside_others(
    tmp_path: Path, stack_of_files
) -> None:
    files = stack_of_files()
    photo = encode_png(np.eye(99, dtype=np.uint8))
    root = write(tmp_path, files | {"1.2.3/photo/1.png": photo})
    study = read_study(root, recognise=looks_like(other=0.99), all_series=True)
    assert [series.view for series in study.series] == [*View, None]
    assert "not recognised" in study.series[-1].reason


def test_an_archive_inside_an_archive_is_listed_not_opened(stack_of_files) -> None:
    nested = {"inner.zip": zipped(stack_of_files())} | stack_of_files()
    (study,) = read_uploaded({"outer.zip": zipped(nested)})
    assert [(a.file, a.reason) for a in study.set_aside] == [
        ("inner.zip", "an archive inside an archive is not opened")
    ]


def test_a_folder_of_archives_gives_each_archives_study(tmp_path: Path, stack_of_files) -> None:
    other = zipped(stack_of_files(StudyInstanceUID="1.9"))
    write(tmp_path, {"a.zip": zipped(stack_of_files()), "b.zip": other, "c.zip": b"PK\x03\x04no"})
    found = list(find_studies(tmp_path))
    assert [study.study_id for study in found] == ["1.2.3", "1.9", "c"]
    assert "neither a folder nor a zip" in found[2].set_aside[0].reason


def test_a_stray_file_with_an_absolute_name_is_listed_and_breaks_nothing(stack_of_files) -> None:
    stray = {"/abs/note.txt": b"hello"} | stack_of_files()
    (study,) = read_uploaded({"study.zip": zipped(stray)})
    assert study.series
    assert "/abs/note.txt" in [entry.file for entry in study.set_aside]


def test_a_series_of_which_nothing_can_be_decoded_leaves_its_place_to_the_next(
    tmp_path: Path, stack_of_files
) -> None:
    files = stack_of_files()
    spare = stack_of_files(SeriesInstanceUID="1.2.3.99", SOPInstanceUID=None)
    files |= {f"9/{name[2:]}": data for name, data in spare.items() if name[0] == "1"}
    broken = {n: d[:-400] if n[0] == "1" else d for n, d in files.items()}
    study = read_study(write(tmp_path, broken))
    (good,) = study.of_view(View.SAGITTAL_T1)
    assert (good.series_id, len(good)) == ("1.2.3.99", 5)
    lost = next(series for series in study.series if not len(series))
    assert lost.view is None
    assert "none of its 5 slices could be decoded" in lost.reason
    assert len(study.set_aside) == 5


def test_a_series_of_more_slices_than_are_read_is_set_aside(
    make_dicom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lumbar.imaging.read.MOST_SLICES", 2)
    files = {
        f"{n}.dcm": make_dicom(SOPInstanceUID=f"1.2.{n}", ImagePositionPatient=[n, 0, 0])
        for n in range(3)
    }
    (study,) = read_uploaded(files)
    assert not study.series
    assert {a.reason for a in study.set_aside} == {
        "one of 3 slices in a series; at most 2 are read"
    }
