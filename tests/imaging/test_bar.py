"""Lines 15, 18, 19, 20 of the bar: what headers lack, what lies beside, whose, in what order."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from lumbar.domain import View
from lumbar.errors import InputError
from lumbar.imaging import Series, Study, read_uploaded
from lumbar.phantom import PhantomStudy, make_study
from lumbar.phantom.trap_files import foreign_files
from lumbar.phantom.trap_series import trap_study
from lumbar.phantom.write import study_files

VIEWS = [View.SAGITTAL_T1, View.SAGITTAL_T2, View.AXIAL_T2]
Files = Callable[..., dict[str, bytes]]


def read(files: dict[str, bytes]) -> Study:
    (study,) = read_uploaded(files)
    return study


def roles(study: Study) -> list[View | None]:
    return [series.view for series in study.series]


def places(series: Series) -> list[float]:
    """Positions of a stack of `stack_of_files`, in its order."""
    axis = 2 if series.view is View.AXIAL_T2 else 0
    return [float(i.plane.origin_mm[axis]) for i in series if i.plane is not None]


@pytest.mark.parametrize("keyword", ["Modality", "SOPClassUID"])
@pytest.mark.parametrize("there", [False, True])
def test_bar_15_a_study_is_read_whether_it_says_its_modality_and_class_or_not(
    stack_of_files: Files, keyword: str, there: bool
) -> None:
    value = {"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}[keyword]
    study = read(stack_of_files(**{keyword: value if there else None}))
    assert roles(study) == VIEWS
    assert not study.set_aside


def test_bar_15_without_instance_numbers_the_order_is_that_of_space(stack_of_files: Files) -> None:
    study = read(stack_of_files(InstanceNumber=None))
    assert [places(series) for series in study.series] == [
        [4, 8, 12, 16, 20],
        [4, 8, 12, 16, 20],
        [-4, -8, -12, -16, -20],
    ]


def test_bar_15_without_pixel_spacing_roles_and_order_hold_and_no_scale_is_claimed(
    stack_of_files: Files,
) -> None:
    study = read(stack_of_files(PixelSpacing=None))
    assert roles(study) == VIEWS
    for series in study.series:
        assert [instance.number for instance in series] == [1, 2, 3, 4, 5]
        assert all(instance.plane is None for instance in series)


def test_bar_15_without_orientation_no_view_is_claimed(stack_of_files: Files) -> None:
    study = read(stack_of_files(ImageOrientationPatient=None))
    for series in study.series:
        assert series.view is None
        assert series.reason == "orientation unknown (without ImageOrientationPatient)"


def test_bar_15_without_positions_no_side_is_claimed(stack_of_files: Files) -> None:
    study = read(stack_of_files(ImagePositionPatient=None))
    assert roles(study) == VIEWS
    assert all(i.plane is None and i.side is None for series in study.series for i in series)


@pytest.mark.parametrize("keyword", ["ImageOrientationPatient", "ImagePositionPatient"])
def test_bar_15_one_file_without_its_place_is_set_aside_and_the_others_are_read(
    stack_of_files: Files, keyword: str
) -> None:
    lost = stack_of_files(**{keyword: None})["1/2.dcm"]
    study = read(stack_of_files() | {"1/2.dcm": lost})
    assert roles(study) == VIEWS
    assert [len(series) for series in study.series] == [4, 5, 5]
    (aside,) = study.set_aside
    assert aside.file == "1/2.dcm"
    assert f"without {keyword}" in aside.reason


def test_bar_15_rows_that_the_pixels_do_not_have_damage_that_file_alone(
    stack_of_files: Files,
) -> None:
    wrong = stack_of_files(Rows=27)["2/3.dcm"]
    study = read(stack_of_files() | {"2/3.dcm": wrong})
    assert [len(series) for series in study.series] == [5, 4, 5]
    (aside,) = study.set_aside
    assert (aside.file, aside.damaged) == ("2/3.dcm", True)


def test_bar_18_what_is_no_lumbar_mr_is_ignored_and_listed(stack_of_files: Files) -> None:
    beside = {f"2/{name}": data for name, data in foreign_files("1.2.3", "1.2.3.2")}
    study = read(stack_of_files() | beside)
    assert roles(study) == VIEWS
    assert [len(series) for series in study.series] == [5, 5, 5]
    listed = {aside.file.removeprefix("2/"): aside.reason for aside in study.set_aside}
    assert listed.keys() == {name.removeprefix("2/") for name in beside}
    assert listed["ct.dcm"] == "modality CT, not MR"
    assert listed["knee.dcm"] == "shows the knee, not the lumbar spine"
    assert listed["report.dcm"] == "modality SR, not MR"
    assert listed["document.dcm"] == "modality DOC, not MR"
    assert listed["DICOMDIR"] == "a directory of files (DICOMDIR), no picture"
    assert listed["letter.pdf"].startswith("no DICOM file")
    assert not any(aside.damaged for aside in study.set_aside)


def test_bar_19_two_patients_in_one_upload_are_two_results_and_never_mixed(
    stack_of_files: Files,
) -> None:
    one, other = np.full((20, 30), 7, np.uint16), np.full((20, 30), 9, np.uint16)
    heap = {f"{n}a": d for n, d in stack_of_files(one).items()} | {
        f"{n}b": d
        for n, d in stack_of_files(other, StudyInstanceUID="1.9", PatientID="another").items()
    }
    studies = read_uploaded(heap)
    assert [study.study_id for study in studies] == ["1.2.3", "1.9"]
    for study, value in zip(studies, (7, 9), strict=True):
        assert roles(study) == VIEWS
        pictures = [i for series in study.series for i in series]
        assert len(pictures) == 15
        assert all((i.pixels == value).all() for i in pictures)


def test_bar_19_two_patients_under_one_study_are_refused(stack_of_files: Files) -> None:
    other = stack_of_files(PatientID="another")["3/5.dcm"]
    with pytest.raises(InputError, match="so as not to mix patients"):
        read_uploaded(stack_of_files() | {"3/5.dcm": other})


@pytest.fixture(scope="module")
def phantom() -> PhantomStudy:
    """A patient whose axial slices are five blocks, each along a disc."""
    return make_study(seed=4, index=0)


def as_read(phantom: PhantomStudy, *traps: str) -> Study:
    chosen = frozenset({"uncompressed", *traps})
    files = study_files(trap_study(phantom, chosen, seed=4), chosen)
    return read({file.path.as_posix(): file.content for file in files})


def stacks(study: Study) -> dict[View, list[tuple[float, ...]]]:
    """Each view's slices by their place and pixels, in the order of the best series."""
    return {
        view: [
            (*np.round(i.plane.origin_mm, 3), float(i.pixels.sum()))
            for i in study.of_view(view)[0]
            if i.plane is not None
        ]
        for view in View
    }


@pytest.fixture(scope="module")
def clean(phantom: PhantomStudy) -> dict[View, list[tuple[float, ...]]]:
    return stacks(as_read(phantom))


def test_bar_20_angled_blocks_are_told_apart_as_they_were_taken(phantom: PhantomStudy) -> None:
    (taken,) = phantom.of_view(View.AXIAL_T2)
    blocks = {tuple(np.round(p.plane.origin_mm, 3)): p.block for p in taken.slices}
    assert len(set(blocks.values())) == 5
    (series,) = as_read(phantom).of_view(View.AXIAL_T2)
    found = [blocks[tuple(np.round(i.plane.origin_mm, 3))] for i in series if i.plane]
    pairs = set(zip(found, series.blocks, strict=True))
    assert len(pairs) == 5
    assert [block for block, _ in itertools.groupby(series.blocks)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "trap",
    [
        *("reversed_instances", "shuffled_instances", "duplicate_slices", "copied_files"),
        *("sagittal_localizers", "extra_mpr", "extra_contrast_t1", "extra_fat_saturated"),
        *("second_echo", "spelled_uids", "flat_names", "nested_names", "enhanced", "filtered"),
    ],
)
def test_bar_20_stacks_are_those_of_the_clean_study(
    phantom: PhantomStudy, clean: dict[View, list[tuple[float, ...]]], trap: str
) -> None:
    assert stacks(as_read(phantom, trap)) == clean


def test_bar_20_missing_slices_leave_the_others_in_order_and_no_neighbour_across_the_gap(
    phantom: PhantomStudy, clean: dict[View, list[tuple[float, ...]]]
) -> None:
    study = as_read(phantom, "missing_slices")
    for view, expected in clean.items():
        kept = stacks(study)[view]
        assert kept == [one for one in expected if one in kept]
        assert len(kept) == len(expected) - 2
    (series,) = study.of_view(View.SAGITTAL_T2)
    assert len(set(series.blocks)) > 1


def test_bar_20_localizers_are_of_no_use_and_say_so() -> None:
    study = make_study(seed=4, index=0, traps=["extra_localizer"])
    files = study_files(study, frozenset({"uncompressed", "no_descriptions"}))
    read_all = read({file.path.as_posix(): file.content for file in files})
    said = [series.reason for series in read_all.series if series.view is None]
    assert any(reason.startswith("localizer: axial and coronal and sagittal") for reason in said)
