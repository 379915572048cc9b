"""The order of space, angulation blocks, doubles, patients kept apart, the best series first."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from directions import AXIAL, SAGITTAL

from lumbar.domain import View
from lumbar.errors import InputError
from lumbar.imaging.assemble import arrange, one_patient
from lumbar.imaging.rank import Stack, rank
from lumbar.imaging.roles import Role


def positions(headers) -> list[tuple[float, ...]]:
    return [tuple(header.plane.origin_mm.tolist()) for header in headers]


def tilted(degrees: float) -> tuple[float, ...]:
    angle = np.radians(degrees)
    return (1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(-np.sin(angle)))


def test_sagittal_slices_run_from_the_patients_right_to_the_left(make_header) -> None:
    headers = [make_header((x, 0.0, 0.0), number=9 - i) for i, x in enumerate((8, -8, 0, 4, -4))]
    ordered, blocks, _ = arrange(headers)
    assert [x for x, _, _ in positions(ordered)] == [-8, -4, 0, 4, 8]
    assert blocks == (0,) * 5


def test_axial_slices_run_from_head_to_foot(make_header) -> None:
    headers = [make_header((0.0, 0.0, z), AXIAL) for z in (-4.0, 8.0, 0.0, 4.0)]
    assert [z for _, _, z in positions(arrange(headers)[0])] == [8, 4, 0, -4]


@pytest.mark.parametrize("signs", [(0, -1, 0, 0, 0, -1), (0, 1, 0, 0, 0, 1), (0, 0, -1, 0, 1, 0)])
def test_the_order_does_not_depend_on_the_signs_of_the_orientation(make_header, signs) -> None:
    headers = [make_header((x, 0.0, 0.0), tuple(map(float, signs))) for x in (4.0, -4.0, 0.0)]
    assert [x for x, _, _ in positions(arrange(headers)[0])] == [-4, 0, 4]


def test_neither_file_order_nor_instance_numbers_change_anything(make_header) -> None:
    made = [make_header((0.0, 0.0, 4.0 * i), tilted(20 * (i // 6)), number=i) for i in range(30)]
    expected = positions(arrange(made)[0]), arrange(made)[1]
    shuffle = random.Random(5)
    for _ in range(5):
        numbers = shuffle.sample(range(30), 30)
        mixed = [replace(h, number=n) for h, n in zip(made, numbers, strict=True)]
        shuffle.shuffle(mixed)
        ordered, blocks, _ = arrange(mixed)
        assert (positions(ordered), blocks) == expected


def test_slices_of_another_angle_are_a_block_of_their_own(make_header) -> None:
    made = [make_header((0.0, 0.0, -3.5 * i), tilted(0.0)) for i in range(4)]
    made += [make_header((0.0, 0.0, -3.5 * i), tilted(25.0)) for i in range(4, 7)]
    assert arrange(made)[1] == (0, 0, 0, 0, 1, 1, 1)


def test_a_gap_between_parallel_slices_ends_a_block(make_header) -> None:
    made = [make_header((0.0, 0.0, -z), AXIAL) for z in (0.0, 3.5, 7.0, 20.0, 23.5, 27.0)]
    assert arrange(made)[1] == (0, 0, 0, 1, 1, 1)


def test_of_two_slices_at_one_place_one_is_kept_and_the_other_listed(make_header) -> None:
    made = [make_header((4.0 * i, 0.0, 0.0), source=f"{i}.dcm") for i in range(3)]
    ordered, _, aside = arrange([*made, replace(made[1], source="1 copy.dcm")])
    assert len(ordered) == 3
    assert [(a.file, a.reason) for a in aside] == [("1.dcm", "shows the same place as 1 copy.dcm")]


def test_of_two_echoes_at_one_place_the_later_is_kept(make_header) -> None:
    early, late = make_header(echo_ms=12.0, source="a"), make_header(echo_ms=100.0, source="b")
    assert [header.echo_ms for header in arrange([early, late])[0]] == [100.0]


def test_a_slice_without_position_among_placed_ones_is_set_aside(make_header) -> None:
    lost = make_header(None, source="lost.dcm", plane_reason="without PixelSpacing")
    ordered, _, aside = arrange([make_header(), lost])
    assert len(ordered) == 1
    assert "without PixelSpacing" in aside[0].reason


def test_pictures_without_any_geometry_follow_their_numbers(make_header) -> None:
    made = [make_header(None, number=n, source=f"{n}.png") for n in (10, 9, 2)]
    assert [header.number for header in arrange(made)[0]] == [2, 9, 10]


def test_slices_without_spacing_still_follow_their_positions(make_header) -> None:
    made = [make_header((x, 0.0, 0.0), number=n) for n, x in enumerate((4.0, -4.0, 0.0))]
    bare = [replace(header, plane=None) for header in made]
    assert [header.number for header in arrange(bare)[0]] == [1, 2, 0]


def test_two_patients_in_one_study_are_refused(make_header) -> None:
    with pytest.raises(InputError, match="2 different PatientIDs"):
        one_patient([make_header(patient="a"), make_header(patient="b")], "study")


def test_of_several_series_of_a_view_the_one_that_covers_more_comes_first(make_header) -> None:
    role = Role(View.AXIAL_T2, "axial")
    short, long = (
        Stack(
            name, *arrange([make_header((0.0, 0.0, -4.0 * i), AXIAL) for i in range(n)])[:2], role
        )
        for name, n in (("short", 5), ("long", 40))
    )
    best, second = rank([short, long])
    assert (best.series_id, second.series_id) == ("long", "short")
    assert "number 2 of 2" in second.role.reason


def test_plain_t2_comes_before_stir(make_header) -> None:
    role = Role(View.SAGITTAL_T2, "sagittal")
    stacks = [
        Stack(words, (make_header((0.0, 0.0, 0.0), SAGITTAL, description=words),), (0,), role)
        for words in ("STIR", "T2")
    ]
    assert [stack.series_id for stack in rank(stacks)] == ["T2", "STIR"]


@pytest.fixture
def stack(make_header) -> Callable[..., Stack]:
    """A function: a name, which of 15 places, their distance and header fields to a T2 stack."""

    def make(name: str, places=range(15), step: float = 4.0, **fields) -> Stack:
        headers = [
            make_header((step * i, 0.0, 0.0), source=f"{name}/{i}", **fields) for i in places
        ]
        return Stack(name, *arrange(headers)[:2], Role(View.SAGITTAL_T2, "sagittal"))

    return make


PLAIN = {"description": "SAG T2"}


@pytest.mark.parametrize(
    ("lesser", "why"),
    [
        ({"description": "SAG T2 +C"}, "contrast-enhanced"),
        ({"description": "SAG T2 FS"}, "fat-suppressed"),
        ({"description": "SAG STIR"}, "fat nulled by inversion"),
        ({**PLAIN, "image_type": ("DERIVED", "PRIMARY", "M", "FIL")}, "derived"),
        ({**PLAIN, "places": range(4)}, "4 slices"),
        ({**PLAIN, "places": [0, 1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14]}, "2 missing"),
    ],
)
def test_a_plain_and_complete_series_comes_before_its_lesser_duplicate(stack, lesser, why) -> None:
    best, second = rank([stack("a", **lesser), stack("b", **PLAIN)])
    assert (best.series_id, second.series_id) == ("b", "a")
    assert why in second.role.reason


def test_a_stir_that_covers_the_spine_comes_before_a_t2_of_three_slices(stack) -> None:
    best, _ = rank([stack("t2", places=range(3), **PLAIN), stack("stir", description="STIR")])
    assert best.series_id == "stir"


def test_the_coarse_pixels_of_a_localizer_come_last(stack, make_header) -> None:
    coarse = stack("a", **PLAIN)
    planes = [replace(h.plane, spacing_mm=(2.0, 2.0)) for h in coarse.headers]
    headers = tuple(replace(h, plane=p) for h, p in zip(coarse.headers, planes, strict=True))
    best, _ = rank([replace(coarse, headers=headers), stack("b", description="STIR")])
    assert best.series_id == "b"


def test_an_original_is_kept_of_a_place_that_a_derived_picture_shows_too(make_header) -> None:
    made = [
        make_header(source="a", image_type=("DERIVED", "PRIMARY")),
        make_header(source="b", image_type=("ORIGINAL", "PRIMARY")),
    ]
    assert [header.source for header in arrange(made)[0]] == ["b"]


def test_the_finer_of_two_matrices_at_one_place_is_kept(make_header) -> None:
    fine = make_header(source="fine")
    plane = replace(fine.plane, spacing_mm=(1.0, 1.0))
    coarse = replace(fine, source="coarse", plane=plane, rows=10, columns=15)
    ordered, _, aside = arrange([coarse, fine])
    assert [header.source for header in ordered] == ["fine"]
    assert [a.file for a in aside] == ["coarse"]


def test_stations_side_by_side_are_blocks_whose_slices_lie_between_each_others(
    make_header,
) -> None:
    """A long field of view in one series; positions of one plane differ by their rounding."""
    made = [
        make_header((4.0 * n + shift, 0.0, z), source=f"{n} {z}")
        for n in range(5)
        for z, shift in ((0.0, 0.0), (-200.0, 0.001))
    ]
    copy = replace(made[4], source="copy")
    ordered, blocks, aside = arrange([*made[::-1], copy])
    assert len(ordered) == 10
    assert [a.file for a in aside] in (["copy"], [made[4].source])
    assert [round(x / 4) for x, _, _ in positions(ordered)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    of_station = {
        z: {b for h, b in zip(ordered, blocks, strict=True) if h.plane.origin_mm[2] == z}
        for z in (0.0, -200.0)
    }
    assert sorted(of_station.values(), key=min) == [{0}, {1}]


def test_centres_that_wander_along_a_stack_make_no_stations(make_header) -> None:
    made = [make_header((0.0, 6.0 * n, -4.0 * n), AXIAL) for n in range(6)]
    assert arrange(made)[1] == (0,) * 6
