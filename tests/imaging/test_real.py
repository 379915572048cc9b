"""The two real studies: roles, sides, blocks, and the label points where the anatomy is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lumbar.domain import CELLS, Condition, Side, View
from lumbar.imaging import (
    LabelPoint,
    Study,
    describe_study,
    find_studies,
    nearest_slice,
    read_label_points,
    read_study,
)

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def root(lumbar_data: Path) -> Path:
    return lumbar_data / "rsna_full"


@pytest.fixture(scope="module")
def studies(root: Path) -> dict[str, Study]:
    """Both studies, decoded."""
    return {files.study_id: read_study(files) for files in find_studies(root)}


@pytest.fixture(scope="module")
def labelled(root: Path, studies: dict[str, Study]) -> tuple[Study, list[LabelPoint]]:
    """Study 100206310 and its 25 points."""
    points = read_label_points(root / "train_label_coordinates.csv")
    study = studies["100206310"]
    return study, [point for point in points if point.study_id == study.study_id]


def worlds(labelled: tuple[Study, list[LabelPoint]]) -> dict[object, np.ndarray]:
    """Each cell's point in patient mm."""
    study, points = labelled
    slices = {(s.series_id, i.number): i for s in study.series for i in s}
    return {
        p.cell: slices[p.series_id, p.instance_number].plane.to_world([p.x, p.y]) for p in points
    }


def test_roles_from_headers_alone_agree_with_the_csv_on_all_six_series(root: Path) -> None:
    agreed = 0
    for files in find_studies(root):
        bare = replace(files, series=tuple(replace(s, description="") for s in files.series))
        named = {s.series_id: s.role for s in describe_study(files).series}
        alone = {s.series_id: s.role for s in describe_study(bare).series}
        assert alone == named
        agreed += sum(role is not None for role in alone.values())
    assert agreed == 6


def test_without_their_description_the_sagittal_series_stay_open(root: Path) -> None:
    from lumbar.imaging.files import open_files
    from lumbar.imaging.find import file_headers
    from lumbar.imaging.roles import role_from_headers

    for files in find_studies(root):
        for series in files.series:
            header = file_headers(open_files(files.uri), series.files[0])[0]
            role = role_from_headers([replace(header, description="")])
            assert role.view is None
            assert View.AXIAL_T2 in role.open_ or len(role.open_) == 2


def test_every_file_is_decoded_and_none_set_aside(studies) -> None:
    counts = {name: sum(map(len, study.series)) for name, study in studies.items()}
    assert counts == {"100206310": 96, "44036939": 97}
    assert not any(study.set_aside for study in studies.values())


def test_instance_numbers_run_either_way_and_the_stack_always_to_the_left(studies) -> None:
    directions = {}
    for study in studies.values():
        stack = study.of_view(View.SAGITTAL_T1)[0]
        xs = [i.plane.to_world([(n - 1) / 2 for n in i.shape[::-1]])[0] for i in stack]
        assert xs == sorted(xs)
        directions[study.study_id] = np.sign(stack.instances[1].number - stack.instances[0].number)
    assert directions == {"100206310": 1, "44036939": -1}


def test_the_real_axial_series_hold_seven_runs_and_one(studies) -> None:
    sizes = {
        name: list(Counter(study.of_view(View.AXIAL_T2)[0].blocks).values())
        for name, study in studies.items()
    }
    assert sizes == {"100206310": [7, 8, 8, 9, 9, 9, 10], "44036939": [47]}


def test_each_disc_of_the_angled_series_has_a_run_of_its_own(labelled) -> None:
    study, points = labelled
    axial = study.of_view(View.AXIAL_T2)[0]
    blocks = {instance.number: block for instance, block in zip(axial, axial.blocks, strict=True)}
    own = (point for point in points if point.series_id == axial.series_id)
    runs = {point.cell.level: blocks[point.instance_number] for point in own}
    assert sorted(runs.values()) == [2, 3, 4, 5, 6]


def test_all_points_are_there_and_left_lies_left_of_right_at_every_level(labelled) -> None:
    places = worlds(labelled)
    assert set(places) == set(CELLS)
    for cell, place in places.items():
        if cell.condition.side is Side.LEFT:
            assert place[0] > places[cell.mirrored][0] + 5


def test_canal_points_project_onto_the_axial_slices_between_the_two_recesses(labelled) -> None:
    study, _ = labelled
    axial = study.of_view(View.AXIAL_T2)[0]
    places = worlds(labelled)
    for cell, place in places.items():
        if cell.condition is not Condition.SPINAL_CANAL_STENOSIS:
            continue
        recesses = [
            places[other]
            for other in CELLS
            if other.level is cell.level and "subarticular" in other.condition
        ]
        assert np.linalg.norm(place - np.mean(recesses, axis=0)) < 12
        chosen = axial.instances[nearest_slice(axial, place)]
        assert abs(float(chosen.plane.distance(place))) < 2
