"""Which view a series shows, and why, from tables, words, times and geometry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from directions import AXIAL, CORONAL, SAGITTAL
from pydicom.dataset import Dataset

from lumbar.domain import View
from lumbar.imaging.foreign import why_foreign
from lumbar.imaging.roles import drawbacks, role_from_headers, role_named


def test_a_table_is_believed_and_named() -> None:
    role = role_named("Sagittal T2/STIR", "train_series_descriptions.csv")
    assert role.view is View.SAGITTAL_T2
    assert role.reason == "named Sagittal T2/STIR by train_series_descriptions.csv"


def test_a_description_that_no_finding_needs_is_unused_not_an_error() -> None:
    assert role_named("Coronal T2", "x.csv").view is None


@pytest.mark.parametrize(
    ("orientation", "words", "view"),
    [
        (SAGITTAL, "T1", View.SAGITTAL_T1),
        (SAGITTAL, "t2_tse_sag_384", View.SAGITTAL_T2),
        (SAGITTAL, "SAG STIR", View.SAGITTAL_T2),
        (SAGITTAL, "SAGT1 FSE", View.SAGITTAL_T1),
        (SAGITTAL, "T2 STIR SAG", View.SAGITTAL_T2),
        (AXIAL, "AX T2 FRFSE", View.AXIAL_T2),
        (AXIAL, "AX T1", None),
        (AXIAL, "AX T2* GRE", None),
        (CORONAL, "COR T2", None),
        (SAGITTAL, "T2 localizer", None),
        (SAGITTAL, "DWI b800 T2", None),
    ],
)
def test_words_decide_the_contrast_and_geometry_the_plane(
    make_header, orientation, words, view
) -> None:
    assert role_from_headers([make_header((0, 0, 0), orientation, description=words)]).view is view


@pytest.mark.parametrize(
    ("times", "view"),
    [
        ((10.0, 500.0, None), View.SAGITTAL_T1),
        ((100.0, 3500.0, None), View.SAGITTAL_T2),
        ((40.0, 3500.0, 150.0), View.SAGITTAL_T2),
        ((15.0, 2000.0, 860.0), View.SAGITTAL_T1),
        ((40.0, 1300.0, None), None),
        ((15.0, 2000.0, None), None),
        ((180.0, 1000.0, None), View.SAGITTAL_T2),
        ((4.0, 9.0, None), None),
    ],
)
def test_without_words_the_times_decide(make_header, times, view) -> None:
    echo, repetition, inversion = times
    header = make_header(echo_ms=echo, repetition_ms=repetition, inversion_ms=inversion)
    assert role_from_headers([header]).view is view


def test_without_words_and_times_a_sagittal_series_stays_open_between_t1_and_t2(
    make_header,
) -> None:
    role = role_from_headers([make_header()])
    assert role.view is None
    assert role.open_ == (View.SAGITTAL_T1, View.SAGITTAL_T2)
    assert "contrast unknown" in role.reason


def test_a_series_of_several_orientations_is_a_localizer(make_header) -> None:
    headers = [make_header((0, 0, 0), plane) for plane in (SAGITTAL, AXIAL, CORONAL)]
    assert role_from_headers(headers).reason.startswith("localizer: axial and coronal and sagit")


def test_a_series_called_axial_that_lies_sagittal_is_sagittal(make_header) -> None:
    role = role_from_headers([make_header(description="Axial T2")])
    assert role.view is View.SAGITTAL_T2


def test_slices_tilted_along_the_lowest_disc_are_still_axial(make_header) -> None:
    tilted = (1.0, 0.0, 0.0, 0.0, 0.766, -0.643)  # 40 degrees
    header = make_header((0, 0, 0), tilted, description="T2")
    assert role_from_headers([header]).view is View.AXIAL_T2


@pytest.mark.parametrize(
    ("words", "view"),
    [
        ("SAG T1", View.SAGITTAL_T1),
        ("t2_tse_tra", View.AXIAL_T2),
        ("SAGT2", View.SAGITTAL_T2),
        ("T2", None),
    ],
)
def test_without_geometry_the_description_may_name_the_plane(make_header, words, view) -> None:
    lost = make_header(None, plane_reason="without ImagePositionPatient", description=words)
    assert role_from_headers([lost]).view is view


@pytest.mark.parametrize(
    ("words", "times", "view", "said"),
    [
        ("SAG T2", (9.0, 550.0), View.SAGITTAL_T1, "T1 by TE 9 ms, TR 550 ms (though T2 by"),
        ("SAG T1", (102.0, 3500.0), View.SAGITTAL_T2, "T2 by TE 102 ms, TR 3500 ms (though T1"),
    ],
)
def test_the_scanners_times_are_believed_where_they_contradict_a_name(
    make_header, words, times, view, said
) -> None:
    header = make_header(description=words, echo_ms=times[0], repetition_ms=times[1])
    role = role_from_headers([header])
    assert role.view is view
    assert said in role.reason


@pytest.mark.parametrize("orientation", [SAGITTAL, AXIAL])
def test_a_gradient_echo_is_no_t2_whatever_it_is_called(make_header, orientation) -> None:
    header = make_header((0, 0, 0), orientation, description="T2", gradient_echo=True)
    role = role_from_headers([header])
    assert (role.view, role.open_) == (None, ())
    assert "gradient echo" in role.reason


def test_the_contrast_that_enhanced_mr_states_goes_before_words(make_header) -> None:
    role = role_from_headers([make_header(description="sag", weighting="T1")])
    assert role.view is View.SAGITTAL_T1
    assert "by its AcquisitionContrast" in role.reason


def test_t1_with_suppressed_fat_is_not_read_for_foramina(make_header) -> None:
    role = role_from_headers([make_header(description="SAG T1", fat_saturated=True)])
    assert (role.view, role.open_) == (None, ())


@pytest.mark.parametrize("kind", ["MPR", "ADC", "SUBTRACTION", "PROJECTION IMAGE"])
def test_pictures_made_from_others_are_unused_by_their_image_type(make_header, kind) -> None:
    header = make_header(description="SAG T2", image_type=("DERIVED", "SECONDARY", kind))
    role = role_from_headers([header])
    assert role.view is None
    assert role.reason == f"derived picture: {kind} by its ImageType"


def test_a_filtered_original_that_says_derived_is_used(make_header) -> None:
    kind = ("DERIVED", "PRIMARY", "M", "ND", "NORM")
    header = make_header(description="SAG T2", image_type=kind)
    assert role_from_headers([header]).view is View.SAGITTAL_T2
    assert drawbacks(header) == ("derived",)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"description": "SAG T1 +C"}, ("contrast-enhanced",)),
        ({"description": "SAG T1", "agent": True}, ("contrast-enhanced",)),
        ({"description": "SAG STIR"}, ("fat nulled by inversion",)),
        ({"description": "SAG T2 FS"}, ("fat-suppressed",)),
        (
            {"description": "SAG T2 IR", "echo_ms": 60, "repetition_ms": 4000, "inversion_ms": 160},
            ("fat nulled by inversion",),
        ),
        (
            {"description": "SAG T2", "image_type": ("ORIGINAL", "PRIMARY", "W")},
            ("fat-suppressed",),
        ),
        ({"description": "SAG T2"}, ()),
    ],
)
def test_what_makes_a_series_second_to_a_plain_one_is_named(make_header, fields, said) -> None:
    assert drawbacks(make_header(**fields)) == said


@pytest.mark.parametrize(
    "fields",
    [
        {"sequence": "*ep_b800t"},
        {"no_anatomy": "diffusion-weighted by its DiffusionBValue"},
        {"image_type": ("ORIGINAL", "PRIMARY", "OPP_PHASE")},
        {"image_type": ("DERIVED", "PRIMARY", "FAT")},
        {"description": "t2_tse_dixon_sag_F"},
    ],
)
def test_pictures_of_another_purpose_than_anatomy_are_unused(make_header, fields) -> None:
    header = make_header(echo_ms=75, repetition_ms=6000, **fields)
    role = role_from_headers([header])
    assert (role.view, role.open_) == (None, ())
    assert role.reason.startswith("no plain anatomy: ")


def test_t1_and_t2_under_one_series_are_not_taken_for_either(make_header) -> None:
    t1 = make_header((0, 0, 0), echo_ms=10, repetition_ms=500)
    t2 = make_header((4, 0, 0), echo_ms=100, repetition_ms=3000)
    for order in ([t1, t2], [t2, t1]):
        role = role_from_headers(order)
        assert role.view is None
        assert "slices of several contrasts (T1 and T2) in one series" in role.reason
    late = make_header((4, 0, 0), echo_ms=102, repetition_ms=3000)
    assert role_from_headers([t2, late]).view is View.SAGITTAL_T2


@pytest.mark.parametrize(
    ("protocol", "view"),
    [
        ("C-SPINE ROUTINE", None),
        ("HWS", None),
        ("L-SPINE ROUTINE", View.SAGITTAL_T2),
        ("C-SPINE L-SPINE", View.SAGITTAL_T2),
        ("SPINE", View.SAGITTAL_T2),
    ],
)
def test_the_protocol_says_another_part_where_the_description_does_not(
    make_header, protocol, view
) -> None:
    header = make_header(description="SAG T2", protocol=protocol, echo_ms=100, repetition_ms=3000)
    role = role_from_headers([header])
    assert role.view is view
    assert (view is None) == role.reason.startswith("not the lumbar spine: ")
    lumbar = replace(header, description="SAG T2 LUMBAR")
    assert role_from_headers([lumbar]).view is View.SAGITTAL_T2


@pytest.mark.parametrize("part", ["C-SPINE", "CERVICAL SPINE", "HWS", "TSPINE", "KNEE"])
def test_other_parts_are_told_however_they_are_spelled(part: str) -> None:
    made = Dataset()
    made.Modality, made.BodyPartExamined, made.Rows, made.Columns = "MR", part, 8, 8
    assert why_foreign(made).endswith("not the lumbar spine")
    for lumbar in ("LSPINE", "L-SPINE", "SPINE", "TLSPINE", ""):
        made.BodyPartExamined = lumbar
        assert not why_foreign(made)
