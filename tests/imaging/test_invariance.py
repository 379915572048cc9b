"""What must not change an answer: the order of files, the words in headers, the patient's side."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lumbar.domain import View
from lumbar.imaging import Header, Plane
from lumbar.imaging.assemble import arrange
from lumbar.imaging.headers import headers_of
from lumbar.imaging.roles import role_from_headers
from lumbar.imaging.words import purpose_in
from lumbar.phantom import PhantomStudy, make_study
from lumbar.phantom.write import data_set

angles = st.floats(-180, 180)
places = st.floats(-300, 300)
spacings = st.floats(0.15, 3.0)


def turn(x: float, y: float, z: float) -> np.ndarray:
    """The rotation by three angles in degrees, one after the other."""
    made = np.eye(3)
    for axis, degrees in enumerate((x, y, z)):
        sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
        one, two = (axis + 1) % 3, (axis + 2) % 3
        step = np.eye(3)
        step[[one, one, two, two], [one, two, one, two]] = cosine, -sine, sine, cosine
        made = step @ made
    return made


@st.composite
def stacks(draw: st.DrawFn) -> list[Header]:
    """1 to 3 blocks of 1 to 12 slices, each block turned its own way, pixels of any shape.

    Positions and orientations are rounded as the decimal strings of a file are.
    """
    headers = []
    rows, columns = draw(st.integers(2, 600)), draw(st.integers(2, 600))
    spacing = draw(spacings), draw(spacings)
    for block in range(draw(st.integers(1, 3))):
        turned = turn(draw(angles), draw(angles), draw(angles))
        start = np.array([draw(places) for _ in range(3)])
        step = draw(st.floats(0.5, 8.0))
        for number in range(draw(st.integers(1, 12))):
            position = (start + number * step * turned[2]).round(6).tolist()
            orientation = turned[:2].ravel().round(9).tolist()
            headers.append(
                header(f"{block}-{number}", position, orientation, spacing, rows, columns)
            )
    return headers


def header(name, position, orientation, spacing, rows, columns) -> Header:
    plane = Plane.from_dicom(position, orientation, spacing)
    return Header(
        *(name, "study", "series", name, 1, rows, columns, plane),
        normal=plane.normal,
        origin_mm=plane.origin_mm,
    )


@settings(max_examples=50)
@given(stacks(), st.data())
def test_a_point_of_a_stack_comes_back_from_its_pixel_to_a_millionth_of_a_millimetre(
    headers: list[Header], data: st.DataObject
) -> None:
    for one in headers:
        plane = one.plane
        assert plane is not None
        pixel = [data.draw(st.floats(-0.5, n - 0.5)) for n in (one.columns, one.rows)]
        world = plane.to_world(pixel)
        assert np.abs(plane.to_world(plane.to_pixel(world)) - world).max() < 1e-6


@settings(max_examples=50)
@given(stacks(), st.randoms(use_true_random=False))
def test_a_stack_is_arranged_the_same_whatever_the_order_of_its_files(
    headers: list[Header], shuffle
) -> None:
    expected = arrange(headers)
    mixed = [replace(h, number=n) for n, h in enumerate(headers)]
    shuffle.shuffle(mixed)
    ordered, blocks, aside = arrange(mixed)
    assert [h.source for h in ordered] == [h.source for h in expected[0]]
    assert (blocks, aside) == expected[1:]


@settings(max_examples=50)
@given(stacks())
def test_every_slice_is_kept_or_listed_and_blocks_follow_each_other(headers: list[Header]) -> None:
    ordered, blocks, aside = arrange(headers)
    kept, listed = {h.source for h in ordered}, {a.file for a in aside}
    assert kept | listed == {h.source for h in headers}
    assert not kept & listed
    assert list(blocks) == sorted(blocks) or side_by_side(ordered)


def side_by_side(headers: Sequence[Header]) -> bool:
    """Whether two slices lie in one plane: stations, whose slices lie between each other's."""
    placed = [(h.plane, h.plane.centre_mm((h.rows, h.columns))) for h in headers if h.plane]
    return any(
        abs(a.normal @ b.normal) > 0.99998 and abs(a.distance(centre) - a.distance(own)) < 0.06
        for (a, own), (b, centre) in itertools.combinations(placed, 2)
    )


@settings(max_examples=50)
@given(stacks())
def test_a_mirrored_patients_stack_is_the_same_stack_mirrored(headers: list[Header]) -> None:
    """Sagittal slices change their order with their sides; no other thing changes."""
    mirrored = []
    for one in headers:
        plane = one.plane
        assert plane is not None
        mirrored.append(replace(one, plane=plane.mirrored(), normal=plane.mirrored().normal))
    assume(all(np.sort(np.abs(h.normal))[-2:] @ [-1, 1] > 0.05 for h in headers))
    straight, swapped = arrange(headers), arrange(mirrored)
    assert {h.source for h in straight[0]} == {h.source for h in swapped[0]}
    pairs = {frozenset(p) for p in neighbour_pairs(*straight[:2])}
    assert pairs == {frozenset(p) for p in neighbour_pairs(*swapped[:2])}


def neighbour_pairs(headers, blocks) -> list[tuple[str, str]]:
    of_block = defaultdict(list)
    for header, block in zip(headers, blocks, strict=True):
        of_block[block].append(header.source)
    return [pair for names in of_block.values() for pair in itertools.pairwise(names)]


TIMES = {
    View.SAGITTAL_T1: {"EchoTime": "9.5", "RepetitionTime": "560"},
    View.SAGITTAL_T2: {"EchoTime": "98", "RepetitionTime": "3400"},
    View.AXIAL_T2: {"EchoTime": "105", "RepetitionTime": "4100"},
}


@pytest.fixture(scope="module")
def phantom() -> PhantomStudy:
    return make_study(seed=5, index=1)


@pytest.fixture(scope="module")
def timed(phantom: PhantomStudy) -> dict[View, list[Header]]:
    """The headers of each series with its echo and repetition times."""
    found = {}
    for series in phantom.series:
        assert series.view is not None
        found[series.view] = []
        for piece in series.slices:
            dataset = data_set(phantom, series, piece, frozenset({"uncompressed"}))
            for keyword, value in TIMES[series.view].items():
                setattr(dataset, keyword, value)
            found[series.view] += headers_of(dataset, f"{piece.number}.dcm")
    return found


texts = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            ["T1", "T2", "sag", "AX", "cor", "tse", "STIR", "+C", "LWS", "Sagittale", "axial", "w"]
        ),
        max_size=5,
    ).map(" ".join),
)


@settings(max_examples=60)
@given(texts)
def test_the_roles_of_a_phantom_do_not_depend_on_what_its_series_are_called(
    timed: dict[View, list[Header]], words: str
) -> None:
    assume(not purpose_in(words))
    for view, headers in timed.items():
        called = [replace(h, description=words) for h in headers]
        assert role_from_headers(called).view is view, words
