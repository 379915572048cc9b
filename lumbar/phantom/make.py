"""One phantom study by its number: drawn, rendered, read.

A study depends on (seed, index, size) alone, and each part of it on a random stream of its own:
how it is sampled does not change the spine, and a trap changes nothing but what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import CELLS, Cell, Family, Severity, View
from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import Habitus
from lumbar.phantom.morphology import Morphology
from lumbar.phantom.population import population
from lumbar.phantom.protocol import SeriesPlan, plan_localizer, plan_study
from lumbar.phantom.readers import read
from lumbar.phantom.render import acquire, render
from lumbar.phantom.sampling import Size
from lumbar.phantom.study import PhantomSeries, PhantomSlice, PhantomStudy, Point
from lumbar.phantom.trap_series import trap_study
from lumbar.phantom.traps import check_traps

__all__ = ["habitus_of", "make_study", "offset_of"]

Vector = NDArray[np.float64]

NUMBERS = 4_294_967_291
"""Largest prime below 2**32: ids are multiples modulo it, so no two of a seed are the same."""


class Stream(IntEnum):
    """The independent random streams of a study."""

    MORPHOLOGY = 0
    HABITUS = 1
    FIRST_READER = 2
    SECOND_READER = 3
    PROTOCOL = 4
    FILES = 5
    PIXELS = 6


def make_study(
    seed: int, index: int, size: Size | str = Size.SMALL, traps: Iterable[str] = ()
) -> PhantomStudy:
    """Study `index` (0, 1, ...) of the endless cohort `seed`, both >= 0.

    `size` is `small` or `full`; `traps` are names of `traps.TRAPS` (those on headers show only in
    files). Raises ConfigError for an unknown trap, ValueError for a negative number.
    """
    chosen = check_traps(traps)
    morphology = population().draw_morphology(_rng(seed, index, Stream.MORPHOLOGY))
    habitus = habitus_of(seed, index)
    anatomy = Anatomy(morphology, habitus)
    study = PhantomStudy(
        study_id=str(_number(seed, index)),
        morphology=morphology,
        grades=_grades(morphology, _rng(seed, index, Stream.FIRST_READER)),
        second_grades=_grades(morphology, _rng(seed, index, Stream.SECOND_READER)),
        landmarks=_points(anatomy),
        series=_series(anatomy, habitus, seed, index, Size(size), chosen),
    )
    return trap_study(_moved(study, offset_of(seed, index)), chosen, seed)


def habitus_of(seed: int, index: int) -> Habitus:
    """The build of the patient of study `index`."""
    return Habitus.draw(_rng(seed, index, Stream.HABITUS))


def offset_of(seed: int, index: int) -> Vector:
    """Patient mm `[3]` by which the study's planes are moved from the anatomy's own frame.

    Real positions are not round zero: where the scanner's isocentre is differs by examination.
    """
    rng = _rng(seed, index, Stream.FILES)
    return rng.uniform((-25.0, -60.0, -600.0), (25.0, 60.0, 200.0))


def _rng(seed: int, index: int, *stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, index, *stream])


def _number(seed: int, index: int, series: int | None = None) -> int:
    """A study's or series' number: ten digits or fewer, unique within the cohort of a seed."""
    place = index if series is None else index * 8 + series
    step = 2_654_435_761 if series is None else 2_246_822_519
    start = (seed + 1) * 3_266_489_917 + (0 if series is None else 668_265_263)
    return 1 + (start + place * step) % (NUMBERS - 1)


def _grades(morphology: Morphology, rng: np.random.Generator) -> Mapping[Cell, Severity]:
    grades = read([[morphology.of(cell) for cell in CELLS]], rng)[0]
    return {cell: Severity(int(grade)) for cell, grade in zip(CELLS, grades, strict=True)}


def _points(anatomy: Anatomy) -> Mapping[Cell, Point]:
    return {cell: _point(xyz) for cell, xyz in anatomy.landmarks().items()}


def _point(xyz: Vector) -> Point:
    x, y, z = map(float, xyz)
    return x, y, z


def _series(
    anatomy: Anatomy, habitus: Habitus, seed: int, index: int, size: Size, traps: frozenset[str]
) -> tuple[PhantomSeries, ...]:
    discs = tuple(anatomy.level_frames().values())
    foramina = np.array(
        [p for c, p in anatomy.landmarks().items() if c.condition.family is Family.FORAMINAL]
    )
    parallel = True if "single_block_axial" in traps else None
    plans = plan_study(discs, foramina, size, _rng(seed, index, Stream.PROTOCOL), parallel)
    if "extra_localizer" in traps:
        plans = (*plans, plan_localizer(discs))
    files = _rng(seed, index, Stream.FILES, 1)
    states_rescale, compressed = bool(files.random() < 0.5), files.random(len(View) + 1) < 0.7
    return tuple(
        PhantomSeries(
            series_id=str(_number(seed, index, order)),
            view=plan.view,
            description=plan.contrast.upper() if plan.view else "LOCALIZER",
            thickness_mm=plan.thickness_mm,
            spacing_mm=plan.spacing_mm,
            compressed=bool(compressed[order]),
            states_rescale=states_rescale,
            slices=_slices(anatomy, habitus, plan, _rng(seed, index, Stream.PIXELS, order)),
        )
        for order, plan in enumerate(plans)
    )


def _slices(
    anatomy: Anatomy, habitus: Habitus, plan: SeriesPlan, rng: np.random.Generator
) -> tuple[PhantomSlice, ...]:
    slices = []
    for number, (plane, block) in enumerate(zip(plan.planes, plan.blocks, strict=True), start=1):
        tissue = render(anatomy, plane, plan.shape, plan.contrast, plan.thickness_mm)
        pixels = acquire(tissue, rng, habitus, plane=plane)
        slices.append(PhantomSlice(number, plane, pixels, block))
    return tuple(slices)


def _moved(study: PhantomStudy, offset: Vector) -> PhantomStudy:
    return replace(
        study,
        landmarks={cell: _point(offset + point) for cell, point in study.landmarks.items()},
        series=tuple(
            replace(
                series,
                slices=tuple(
                    replace(piece, plane=_shifted(piece.plane, offset)) for piece in series.slices
                ),
            )
            for series in study.series
        ),
    )


def _shifted(plane: Plane, offset: Vector) -> Plane:
    return replace(plane, origin_mm=plane.origin_mm + offset)
