"""Traps that add, drop, turn or renumber slices and series, or blank grades."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import CELLS, View
from lumbar.imaging.geometry import Plane
from lumbar.phantom.study import PhantomSeries, PhantomSlice, PhantomStudy, Point
from lumbar.phantom.traps import trap_stream

__all__ = ["TURN", "trap_study"]


def trap_study(study: PhantomStudy, traps: frozenset[str], seed: int) -> PhantomStudy:
    """The study after the traps that add, drop, turn or renumber slices and series."""
    for name, change in _STUDY_TRAPS.items():
        if name in traps:
            study = change(study, trap_stream(seed, study.study_id, name))
    return study


StudyTrap = Callable[[PhantomStudy, np.random.Generator], PhantomStudy]
SeriesTrap = Callable[[PhantomSeries, np.random.Generator], PhantomSeries]


def _each_series(change: SeriesTrap) -> StudyTrap:
    def changed(study: PhantomStudy, rng: np.random.Generator) -> PhantomStudy:
        return replace(study, series=tuple(change(series, rng) for series in study.series))

    return changed


def _without(view: View) -> StudyTrap:
    def changed(study: PhantomStudy, rng: np.random.Generator) -> PhantomStudy:
        kept = tuple(series for series in study.series if series.view is not view)
        return replace(study, series=kept)

    return changed


def _numbered(series: PhantomSeries, slices: Iterable[PhantomSlice]) -> PhantomSeries:
    return replace(
        series, slices=tuple(replace(piece, number=i) for i, piece in enumerate(slices, start=1))
    )


def _reversed(series: PhantomSeries, rng: np.random.Generator) -> PhantomSeries:
    return _numbered(series, reversed(series.slices))


def _shuffled(series: PhantomSeries, rng: np.random.Generator) -> PhantomSeries:
    order = rng.permutation(len(series.slices))
    return _numbered(series, [series.slices[i] for i in order])


def _duplicated(series: PhantomSeries, rng: np.random.Generator) -> PhantomSeries:
    chosen = rng.choice(len(series.slices), 2, replace=False)
    return _numbered(series, [*series.slices, *(series.slices[i] for i in chosen)])


def _thinned(series: PhantomSeries, rng: np.random.Generator) -> PhantomSeries:
    """Two inner slices fewer; the numbers of the others keep their gaps."""
    if len(series.slices) < 5:
        return series
    dropped = 1 + rng.choice(len(series.slices) - 2, 2, replace=False)
    kept = tuple(piece for i, piece in enumerate(series.slices) if i not in dropped)
    return replace(series, slices=kept)


def _mixed(series: PhantomSeries, rng: np.random.Generator) -> PhantomSeries:
    if series.view is not View.SAGITTAL_T2:
        return series
    chosen = rng.choice(len(series.slices), 3, replace=False)
    return replace(
        series,
        slices=tuple(
            _halved(piece) if i in chosen else piece for i, piece in enumerate(series.slices)
        ),
    )


def _halved(piece: PhantomSlice) -> PhantomSlice:
    """Every second row and column of a slice: the first pixel stays where it is."""
    rows, columns = piece.plane.spacing_mm
    plane = replace(piece.plane, spacing_mm=(2 * rows, 2 * columns))
    return replace(piece, plane=plane, pixels=np.ascontiguousarray(piece.pixels[::2, ::2]))


def _split_axial(study: PhantomStudy, rng: np.random.Generator) -> PhantomStudy:
    parts: list[PhantomSeries] = []
    for series in study.series:
        if series.view is not View.AXIAL_T2:
            parts.append(series)
            continue
        cut = len(series.slices) // 2
        free = _free_id(study, series.series_id)
        parts.append(_numbered(series, series.slices[:cut]))
        parts.append(_numbered(replace(series, series_id=free), series.slices[cut:]))
    return replace(study, series=tuple(parts))


def _blanked(study: PhantomStudy, rng: np.random.Generator) -> PhantomStudy:
    blank = {CELLS[i] for i in rng.choice(len(CELLS), 3, replace=False)}
    grades = {cell: None if cell in blank else study.grades[cell] for cell in CELLS}
    return replace(study, grades=grades)


def _free_id(study: PhantomStudy, series_id: str) -> str:
    """The next number that no series of the study has."""
    taken = {series.series_id for series in study.series}
    return next(str(n) for n in range(int(series_id) + 1, 1 << 33) if str(n) not in taken)


Change = Callable[[PhantomSlice], PhantomSlice]


def _with_further(view: View, change: Change, every: int = 1, **header: Any) -> StudyTrap:
    """A trap that adds a series made of every so manieth slice of another, in no table."""

    def changed(study: PhantomStudy, rng: np.random.Generator) -> PhantomStudy:
        (source,) = study.of_view(view)[:1] or (None,)
        if source is None:
            return study
        slices = [
            replace(change(piece), header={**piece.header, **header})
            for piece in source.slices[every // 2 :: every]
        ]
        further = replace(source, series_id=_free_id(study, source.series_id), view=None)
        return replace(study, series=(*study.series, _numbered(further, slices)))

    return changed


def _both(first: StudyTrap, second: StudyTrap) -> StudyTrap:
    return lambda study, rng: second(first(study, rng), rng)


def _shaded(shade: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Change:
    """A change of grey values, of a slice scaled to 0..1."""

    def changed(piece: PhantomSlice) -> PhantomSlice:
        values = shade(piece.pixels.astype(np.float64) / 4095)
        return replace(piece, pixels=np.rint(np.clip(values, 0, 1) * 4095).astype(np.uint16))

    return changed


def _smeared(piece: PhantomSlice) -> PhantomSlice:
    """As if reconstructed from coarse slices: each row the mean of five."""
    rows = [np.roll(piece.pixels.astype(np.float64), shift, axis=0) for shift in range(-2, 3)]
    return replace(piece, pixels=np.rint(np.mean(rows, axis=0)).astype(np.uint16))


def _second_echo(study: PhantomStudy, rng: np.random.Generator) -> PhantomStudy:
    """Proton density beside T2: grey values nearer to each other, EchoTime 15 beside 100 ms."""
    flat = _shaded(lambda values: 0.25 + 0.5 * values)
    return replace(study, series=tuple(_echoes(series, flat) for series in study.series))


def _echoes(series: PhantomSeries, early: Change) -> PhantomSeries:
    if series.view is not View.SAGITTAL_T2:
        return series
    pairs = [
        replace(piece, header={**piece.header, "EchoTime": echo})
        for slice_ in series.slices
        for piece, echo in ((early(slice_), "15"), (slice_, "100"))
    ]
    return _numbered(series, pairs)


def _rotation(x: float, y: float, z: float) -> NDArray[np.float64]:
    """Turns by degrees about z, then y, then x."""
    made = np.eye(3)
    for axis, degrees in ((2, z), (1, y), (0, x)):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
        step = np.eye(3)
        step[[one, one, two, two], [one, two, one, two]] = cosine, -sine, sine, cosine
        made = step @ made
    return made


TURN = _rotation(5.0, 7.0, 12.0)
"""The rotation of `turned_patient`."""


def _turned(study: PhantomStudy, rng: np.random.Generator) -> PhantomStudy:
    def turned_slice(piece: PhantomSlice) -> PhantomSlice:
        plane = piece.plane
        origin, row, column = (
            TURN @ v for v in (plane.origin_mm, plane.along_row, plane.along_column)
        )
        return replace(piece, plane=Plane(origin, row, column, plane.spacing_mm))

    return replace(
        study,
        landmarks={cell: _point(TURN @ np.array(p)) for cell, p in study.landmarks.items()},
        series=tuple(
            replace(series, slices=tuple(map(turned_slice, series.slices)))
            for series in study.series
        ),
    )


def _point(xyz: NDArray[np.float64]) -> Point:
    x, y, z = map(float, xyz)
    return x, y, z


def _flipped(series: PhantomSeries, rng: np.random.Generator) -> PhantomSeries:
    """T1 with its columns, T2 with its rows reversed, axial slices transposed."""
    turn = {View.SAGITTAL_T1: _columns_reversed, View.SAGITTAL_T2: _rows_reversed}
    change = turn.get(series.view, _transposed) if series.view else _transposed
    return replace(series, slices=tuple(map(change, series.slices)))


def _columns_reversed(piece: PhantomSlice) -> PhantomSlice:
    plane = piece.plane
    corner = plane.to_world((piece.shape[1] - 1, 0))
    moved = Plane(corner, -plane.along_row, plane.along_column, plane.spacing_mm)
    return replace(piece, plane=moved, pixels=np.ascontiguousarray(piece.pixels[:, ::-1]))


def _rows_reversed(piece: PhantomSlice) -> PhantomSlice:
    plane = piece.plane
    corner = plane.to_world((0, piece.shape[0] - 1))
    moved = Plane(corner, plane.along_row, -plane.along_column, plane.spacing_mm)
    return replace(piece, plane=moved, pixels=np.ascontiguousarray(piece.pixels[::-1]))


def _transposed(piece: PhantomSlice) -> PhantomSlice:
    plane = piece.plane
    rows, columns = plane.spacing_mm
    moved = Plane(plane.origin_mm, plane.along_column, plane.along_row, (columns, rows))
    return replace(piece, plane=moved, pixels=np.ascontiguousarray(piece.pixels.T))


_STUDY_TRAPS: Mapping[str, StudyTrap] = MappingProxyType(
    {
        "missing_t1": _without(View.SAGITTAL_T1),
        "missing_axial": _without(View.AXIAL_T2),
        "extra_contrast_t1": _with_further(
            View.SAGITTAL_T1,
            _shaded(lambda values: values**0.6),
            SeriesDescription="T1 +C",
            ContrastBolusAgent="AGENT",
        ),
        "extra_fat_saturated": _with_further(
            View.SAGITTAL_T2,
            _shaded(lambda values: np.where(values > 0.35, 0.6 * values, values)),
            ScanOptions="FS",
        ),
        "extra_mpr": _with_further(
            View.SAGITTAL_T2, _smeared, ImageType=["DERIVED", "SECONDARY", "MPR"]
        ),
        "sagittal_localizers": _both(
            _with_further(View.SAGITTAL_T2, lambda piece: _halved(piece), every=4),
            _with_further(View.SAGITTAL_T2, lambda piece: _halved(piece), every=4),
        ),
        "split_axial": _split_axial,
        "missing_slices": _each_series(_thinned),
        "duplicate_slices": _each_series(_duplicated),
        "mixed_matrix": _each_series(_mixed),
        "second_echo": _second_echo,
        "turned_patient": _turned,
        "flipped_storage": _each_series(_flipped),
        "reversed_instances": _each_series(_reversed),
        "shuffled_instances": _each_series(_shuffled),
        "enhanced": _each_series(_shuffled),
        "blank_labels": _blanked,
    }
)
"""In the order in which they are applied: what is there, then how it is numbered."""
