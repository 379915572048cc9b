"""Single slices of one phantom patient by what they show: the graded views, STIR, coronal, CT.

For teaching a network what a bare picture is of; a study with its files is `make.make_study`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import Family, View
from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import Habitus
from lumbar.phantom.population import population
from lumbar.phantom.protocol import SeriesPlan, plan_study
from lumbar.phantom.render import acquire, render
from lumbar.phantom.sampling import Size
from lumbar.phantom.tissues import Contrast

__all__ = ["ShownView", "draw_slices"]

CORONAL_REACH_MM = 45.0
"""Coronal slices are drawn from this far before the discs' middle to this far behind it."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownView:
    """A stored slice `[rows, columns]` and the graded view that it shows: none on coronal and CT.

    STIR counts as sagittal T2, as in the challenge's `Sagittal T2/STIR`.
    """

    view: View | None
    contrast: Contrast
    pixels: NDArray[np.uint16]


def draw_slices(seed: int, index: int, each: int) -> Iterator[ShownView]:
    """`each` slices of every kind from patient `index` of the cohort `seed`."""
    rng = np.random.default_rng([seed, index])
    habitus = Habitus.draw(rng)
    anatomy = Anatomy(population().draw_morphology(rng), habitus)
    discs = tuple(anatomy.level_frames().values())
    sides = [p for c, p in anatomy.landmarks().items() if c.condition.family is Family.FORAMINAL]
    t1, t2, axial = plan_study(discs, np.array(sides), Size.SMALL, rng)
    kinds: tuple[tuple[SeriesPlan, Contrast], ...] = (
        (t1, "t1"),
        (t2, "t2"),
        (t2, "stir"),
        (axial, "t2"),
        ((axial, t2)[index % 2], "ct"),
    )
    for plan, contrast in kinds:
        view = None if contrast == "ct" else plan.view
        for number in rng.choice(len(plan.planes), min(each, len(plan.planes)), replace=False):
            yield _slice(anatomy, plan.planes[number], plan, view, contrast, rng)
    middle = np.mean([disc.centre_mm for disc in discs], axis=0)
    for number in range(each):
        plane = _coronal(middle, t2, rng)
        contrast = ("t1", "t2")[number % 2]
        yield _slice(anatomy, plane, t2, None, contrast, rng)


def _slice(
    anatomy: Anatomy,
    plane: Plane,
    plan: SeriesPlan,
    view: View | None,
    contrast: Contrast,
    rng: np.random.Generator,
) -> ShownView:
    tissue = render(anatomy, plane, plan.shape, contrast, plan.thickness_mm)
    return ShownView(view, contrast, acquire(tissue, rng, anatomy.habitus, plane=plane))


def _coronal(
    middle: Sequence[float] | NDArray[np.float64], like: SeriesPlan, rng: np.random.Generator
) -> Plane:
    """A coronal plane through the torso with the matrix and the pixels of another series."""
    left, foot = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0])
    spacing = like.planes[0].spacing_mm
    half_rows, half_columns = spacing[0] * like.shape[0] / 2, spacing[1] * like.shape[1] / 2
    back = rng.uniform(-CORONAL_REACH_MM, CORONAL_REACH_MM)
    origin = (
        np.asarray(middle) + np.array([0.0, back, 0.0]) - half_columns * left - half_rows * foot
    )
    return Plane(origin, left, foot, spacing)
