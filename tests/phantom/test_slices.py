"""Single slices of phantoms, and pictures that are none, for the view classifier."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from lumbar.domain import View
from lumbar.phantom.habitus import Habitus
from lumbar.phantom.slices import ShownView, draw_slices
from lumbar.phantom.tissues import Contrast, Signals
from lumbar.phantom.unlike import KINDS, draw_unlike

CONTRASTS: tuple[Contrast, ...] = ("t2", "stir", "ct")


@pytest.fixture(scope="module")
def slices() -> list[ShownView]:
    return [shown for index in (0, 1) for shown in draw_slices(3, index, 2)]


def test_every_view_is_drawn_and_coronal_and_ct_slices_are_no_view(slices: list[ShownView]) -> None:
    kinds = {(shown.view, shown.contrast) for shown in slices}
    assert kinds == {
        (View.SAGITTAL_T1, "t1"),
        (View.SAGITTAL_T2, "t2"),
        (View.SAGITTAL_T2, "stir"),
        (View.AXIAL_T2, "t2"),
        (None, "ct"),
        (None, "t1"),
        (None, "t2"),
    }


def test_stir_nulls_the_fat_that_t2_shows_bright_and_ct_shows_bone_brightest() -> None:
    t2, stir, ct = (Signals.of(Habitus.draw(np.random.default_rng(0)), c) for c in CONTRASTS)
    assert stir.fat < stir.muscle < t2.fat
    assert t2.csf == stir.csf == max(astuple(stir))
    assert ct.cortex == max(astuple(ct))


def test_the_same_number_gives_the_same_slices() -> None:
    once, again = (next(iter(draw_slices(3, 7, 1))).pixels for _ in range(2))
    assert np.array_equal(once, again)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_each_kind_is_grey_and_shows_something(kind: str) -> None:
    picture = KINDS[kind](np.random.default_rng(1), 120, 150)
    assert picture.shape == (120, 150)
    assert np.isfinite(picture).all()
    assert np.ptp(picture) > 20


def test_drawn_pictures_differ_in_kind_and_size() -> None:
    drawn = [draw_unlike(np.random.default_rng(n)) for n in range(20)]
    assert len({kind for kind, _ in drawn}) > 5
    assert len({picture.shape for _, picture in drawn}) == 20
