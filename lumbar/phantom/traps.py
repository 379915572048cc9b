"""What real archives do to files, each a switch: the same study with one thing wrong or unusual.

A trap is applied while a study is written and never touches what was rendered, so a trapped study
has a clean twin (same seed and index). Several may be given at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from lumbar.domain import CELLS, View
from lumbar.errors import ConfigError
from lumbar.phantom.study import LabelPoint, PhantomSeries, PhantomSlice, PhantomStudy

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["TRAPS", "check_traps", "trap_header", "trap_points", "trap_study"]

TRAPS: Mapping[str, str] = MappingProxyType(
    {
        "rsna_uids": "UIDs of the challenge's files: illegal root, repeated between series",
        "reversed_instances": "InstanceNumber runs the other way through every series",
        "shuffled_instances": "InstanceNumber in no order at all",
        "no_descriptions": "SeriesDescription removed",
        "uncompressed": "no series is RLE compressed",
        "implicit_vr": "Implicit VR Little Endian transfer syntax (uncompressed)",
        "monochrome1": "MONOCHROME1: stored values inverted, low = bright",
        "rescale": "16 bits stored with RescaleSlope 0.5 and RescaleIntercept -100",
        "signed": "16 bits stored, signed, with RescaleIntercept 1024",
        "duplicate_slices": "two slices of each series are there twice",
        "missing_slices": "two inner slices of each series are missing",
        "extra_localizer": "a further series of three coarse planes, in no table",
        "split_axial": "the axial slices come in two series",
        "mixed_matrix": "three slices of the sagittal T2 have a quarter of the pixels",
        "no_spacing_between": "SpacingBetweenSlices removed",
        "no_spacing": "PixelSpacing removed",
        "no_geometry": "ImagePositionPatient, ImageOrientationPatient, SliceLocation removed",
        "blank_labels": "three grades of each study left blank",
        "duplicate_points": "two label points of each study there twice, one moved by a pixel",
        "missing_t1": "no sagittal T1 series",
        "missing_axial": "no axial series",
        "single_block_axial": "axial slices in one parallel block (without it: as drawn)",
        "nested_names": "as a hospital exports: files without extension, nested below export/",
    }
)
"""Name of every trap and what it does."""


def check_traps(names: Iterable[str]) -> frozenset[str]:
    """The names as a set; ConfigError for an unknown one, naming the nearest."""
    for name in names:
        if name not in TRAPS:
            near = get_close_matches(name, TRAPS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "--list-traps shows them all"
            raise ConfigError(f"unknown trap {name!r}: {hint}")
    return frozenset(names)


def trap_study(study: PhantomStudy, traps: frozenset[str], seed: int) -> PhantomStudy:
    """The study after the traps that add, drop or renumber slices and series or blank grades."""
    for name, change in _STUDY_TRAPS.items():
        if name in traps:
            study = change(study, np.random.default_rng([seed, int(study.study_id), _code(name)]))
    return study


def trap_points(
    points: list[LabelPoint], traps: frozenset[str], seed: int, study_id: str
) -> list[LabelPoint]:
    """The label points after the traps that concern them."""
    if "duplicate_points" not in traps or len(points) < 2:
        return points
    rng = np.random.default_rng([seed, int(study_id), _code("duplicate_points")])
    first, second = rng.choice(len(points), 2, replace=False)
    return [*points, points[first], replace(points[second], x=points[second].x + 1.0)]


def trap_header(header: Dataset, traps: frozenset[str]) -> None:
    """Removes from a file's data set what the traps say."""
    for name, keywords in _REMOVED.items():
        if name in traps:
            for keyword in keywords:
                if keyword in header:
                    delattr(header, keyword)


_REMOVED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "no_descriptions": ("SeriesDescription",),
        "no_spacing_between": ("SpacingBetweenSlices",),
        "no_spacing": ("PixelSpacing",),
        "no_geometry": ("ImagePositionPatient", "ImageOrientationPatient", "SliceLocation"),
    }
)


def _code(name: str) -> int:
    return crc32(name.encode())


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
    taken = {series.series_id for series in study.series}
    parts: list[PhantomSeries] = []
    for series in study.series:
        if series.view is not View.AXIAL_T2:
            parts.append(series)
            continue
        cut = len(series.slices) // 2
        free = next(
            str(n) for n in range(int(series.series_id) + 1, 1 << 33) if str(n) not in taken
        )
        parts.append(_numbered(series, series.slices[:cut]))
        parts.append(_numbered(replace(series, series_id=free), series.slices[cut:]))
    return replace(study, series=tuple(parts))


def _blanked(study: PhantomStudy, rng: np.random.Generator) -> PhantomStudy:
    blank = {CELLS[i] for i in rng.choice(len(CELLS), 3, replace=False)}
    grades = {cell: None if cell in blank else study.grades[cell] for cell in CELLS}
    return replace(study, grades=grades)


_STUDY_TRAPS: Mapping[str, StudyTrap] = MappingProxyType(
    {
        "missing_t1": _without(View.SAGITTAL_T1),
        "missing_axial": _without(View.AXIAL_T2),
        "split_axial": _split_axial,
        "missing_slices": _each_series(_thinned),
        "duplicate_slices": _each_series(_duplicated),
        "mixed_matrix": _each_series(_mixed),
        "reversed_instances": _each_series(_reversed),
        "shuffled_instances": _each_series(_shuffled),
        "blank_labels": _blanked,
    }
)
"""In the order in which they are applied: what is there, then how it is numbered."""
