"""What is filed as a lumbar series and shows something else gets no grade, and says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lumbar.domain import Family, Status, View
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.likeness import looks_foreign
from lumbar.imaging.study import Study
from lumbar.phantom.unlike import KINDS

Pixels = NDArray[np.float32]
SEED = 20_261_125  # none of those that the classifier learned from


def drawn(kind: str, study: Study) -> Study:
    """The study's headers over drawn pictures: each series shows another one, on all its slices."""
    series = []
    for index, one in enumerate(study.series):
        picture = KINDS[kind](np.random.default_rng([SEED, index]), 256, 256)
        shown = tuple(replace(instance, pixels=picture) for instance in one.instances)
        series.append(replace(one, instances=shown))
    return replace(study, series=tuple(series))


@pytest.mark.parametrize("kind", ["head", "joint", "chest", "abdomen", "limb", "text", "noise"])
def test_a_study_of_something_else_has_no_grade_and_says_so(
    kind: str, bundle: Bundle, located: tuple[Study, Landmarks]
) -> None:
    findings = Grader(bundle).grade(drawn(kind, located[0])).findings
    assert {finding.status for finding in findings} == {Status.NOT_ASSESSED}
    assert all("does not look like a lumbar MRI" in finding.reason for finding in findings)


def test_one_series_of_something_else_takes_only_its_own_findings(
    trained_bundle: Bundle, located: tuple[Study, Landmarks]
) -> None:
    study = located[0]
    strange = drawn("head", study).series[0]
    assert strange.view is not None
    mixed = replace(study, series=(strange, *study.series[1:]))
    families = {f.cell.condition.family for f in Grader(trained_bundle).grade(mixed).graded()}
    assert families == {family for family in Family if family.view is not strange.view}


def test_an_axial_series_of_something_else_is_no_second_view_of_the_canal(
    trained_bundle: Bundle, located: tuple[Study, Landmarks]
) -> None:
    study = located[0]
    strange = {one.series_id: one for one in drawn("abdomen", study).series}
    true, other = (
        tuple(strange[one.series_id] if one.view is View.AXIAL_T2 else one for one in study.series),
        tuple(one for one in study.series if one.view is not View.AXIAL_T2),
    )
    grader = Grader(trained_bundle)
    mixed, without = (grader.grade(replace(study, series=kept)) for kept in (true, other))
    assert mixed.graded()
    for one, two in zip(mixed.graded(), without.graded(), strict=True):
        assert (one.cell, one.reason) == (two.cell, two.reason)
        assert one.probabilities == pytest.approx(two.probabilities)


def test_every_phantom_series_looks_like_what_it_is(located: tuple[Study, Landmarks]) -> None:
    assert not any(looks_foreign(series) for series in located[0].series)


@pytest.mark.parametrize(
    "change",
    [lambda pixels: np.zeros_like(pixels), lambda pixels: np.full_like(pixels, np.nan)],
    ids=["constant", "not a number"],
)
def test_empty_slices_have_no_say(
    change: Callable[[Pixels], Pixels], located: tuple[Study, Landmarks]
) -> None:
    series = located[0].series[0]
    empty = tuple(replace(one, pixels=change(one.pixels)) for one in series.instances)
    assert not looks_foreign(replace(series, instances=empty))


def test_one_slice_like_a_lumbar_mri_is_enough_to_go_on(located: tuple[Study, Landmarks]) -> None:
    study = located[0]
    series, middle = study.series[0], len(study.series[0]) // 2
    foreign = list(drawn("limb", study).series[0].instances)
    foreign[middle] = series.instances[middle]
    assert not looks_foreign(replace(series, instances=tuple(foreign)))


def test_a_series_without_a_picture_is_not_foreign(located: tuple[Study, Landmarks]) -> None:
    assert not looks_foreign(replace(located[0].series[0], instances=()))
