"""What the locator's network says of single slices: heat maps, and the peaks read off them.

A whole slice tells the levels' names; where it is asked for, a closer look round them, by the same
network, tells their places better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.domain import Level
from lumbar.grading.heatmaps import chain, peak
from lumbar.grading.networks import RECESS_MAPS, STRIDE
from lumbar.grading.pictures import picture, whole_square
from lumbar.grading.row import Row, row_of
from lumbar.imaging.resample import Square
from lumbar.imaging.study import Instance, Series

__all__ = [
    "ROOM",
    "Chain",
    "HeatMaps",
    "SliceMaps",
    "agreed",
    "look_at",
    "look_both_ways",
    "look_closer",
    "near",
]

Array = NDArray[np.float64]
HeatMaps = Callable[[NDArray[np.uint8]], Array]
"""Pictures uint8 `[n, p, p]` -> log heat maps `[n, 12, p/4, p/4]`."""

GAP = 2
"""Least rows of the heat map from one disc to the next: 8 of 128 px, a third of the usual."""

AGAIN = 0.04
"""Standard deviation of a closer look's point round the first one's, a share of the slice's edge: a
third of the distance between two discs, so that each keeps its name."""

TOGETHER = 0.03
"""Standard deviation of a slice's point round that of its whole stack, a share of the slice's edge:
a quarter of the distance between two discs (benchmarks/ABLATIONS.md)."""

ROOM = 1.35
"""A closer square's edge is this many times the distance from the first level to the last where a
smaller one would not show what lies around both; a whole slice's at most."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceMaps:
    """What the network says about slice `index`: its log heat maps `[12, h, w]` in a square."""

    index: int
    square: Square
    maps: Array

    def chain(self, which: slice, prior: Array | None = None) -> Chain:
        """The five levels of these maps, such that they run head to foot."""
        maps = self.maps[which]
        guided = maps if prior is None else maps + prior
        peaks = chain(guided, GAP)
        found = [peak(maps[k], int(row), int(column)) for k, (row, column) in enumerate(peaks)]
        return Chain(self, found)

    def highest(self, which: int, prior: Array | None = None) -> tuple[Array, float]:
        """Point in the square and confidence of one map's highest peak, by `prior` if given."""
        log_map = self.maps[which]
        guided = log_map if prior is None else log_map + prior
        row, column = np.unravel_index(int(guided.argmax()), log_map.shape)
        return peak(log_map, int(row), int(column))


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Five levels, head to foot, on one look: points in its square, each with a confidence."""

    look: SliceMaps
    spots: list[tuple[Array, float]]

    @property
    def confidence(self) -> float:
        """Of all levels together."""
        return sum(confidence for _, confidence in self.spots)

    def named(self, instance: Instance, least: float) -> Row:
        """What the levels of at least that confidence, on their slice, say of their names."""
        spots = {
            level: spot
            for level, (spot, sure) in zip(Level, self.spots, strict=True)
            if sure >= least
        }
        return row_of({k: self.look.square.to_picture(spot) for k, spot in spots.items()}, instance)


def look_at(
    series: Series, indices: Iterable[int], heat_maps: HeatMaps, settings: LocatorSettings
) -> list[SliceMaps]:
    """The heat maps of whole slices, those that show nothing left out."""
    places = [(i, whole_square(series.instances[i], settings.size_px)) for i in indices]
    return [look for look in _looks(series, places, heat_maps) if look is not None]


def agreed(series: Series, looks: Sequence[SliceMaps], which: slice) -> Array | None:
    """Log prior `[k, h, w]` of levels round the places that the looks have for them together.

    The slices of one stack show a level at the same height, so one that counts from another disc
    is outvoted. None where the looks are less than two, or do not lie behind one another.
    """
    if len(looks) < 2 or not _one_behind_another(series, looks):
        return None
    maps = np.mean([look.maps[which] for look in looks], axis=0)
    square, size = looks[0].square, maps.shape[-1]
    places = (chain(maps, GAP)[:, ::-1] + 0.5) * STRIDE - 0.5
    return np.stack([near(place, TOGETHER * square.size_px, size) for place in places])


def look_closer(
    series: Series,
    chains: Sequence[Chain],
    which: slice,
    heat_maps: HeatMaps,
    settings: LocatorSettings,
) -> list[Chain]:
    """The chains as a closer look at their slices finds them; as they are where none is set."""
    if not settings.closer:
        return list(chains)
    places = [(one.look.index, _closer(one, settings.closer)) for one in chains]
    looks = _looks(series, places, heat_maps)
    return [
        first if look is None else look.chain(which, _beside(first, look))
        for first, look in zip(chains, looks, strict=True)
    ]


def look_both_ways(
    index: int, square: Square, shown: NDArray[np.uint8], heat_maps: HeatMaps
) -> SliceMaps:
    """The heat maps of an axial slice's picture `[p, p]`, its recesses read in the mirror as well.

    Left and right have maps of their own, which no network learns quite alike. The mean of both
    ways, again a distribution each, is the mirrored one where the patient is mirrored.
    """
    straight, mirrored = heat_maps(np.stack([shown, shown[:, ::-1]]))
    both = (straight[RECESS_MAPS] + mirrored[RECESS_MAPS][::-1, :, ::-1]) / 2
    maps = straight.copy()
    maps[RECESS_MAPS] = both - np.log(np.exp(both).sum(axis=(1, 2), keepdims=True))
    return SliceMaps(index, square, maps)


def near(point: Array, spread: float, size: int) -> Array:
    """Log of a Gaussian `[size, size]` round a point given in picture pixels, as is `spread`."""
    steps = (np.arange(size) + 0.5) * STRIDE - 0.5
    square = (steps[None, :] - point[0]) ** 2 + (steps[:, None] - point[1]) ** 2
    return np.asarray(-square / (2 * spread**2))


def _looks(
    series: Series, places: Iterable[tuple[int, Square]], heat_maps: HeatMaps
) -> list[SliceMaps | None]:
    """The heat maps of squares on slices, None for those that show nothing."""
    shown = [(i, square, picture(series.instances[i], square)) for i, square in places]
    pictures = [pixels for _, _, pixels in shown if pixels is not None]
    seen = [k for k, (_, _, pixels) in enumerate(shown) if pixels is not None]
    maps = dict(zip(seen, heat_maps(np.stack(pictures)) if pictures else (), strict=True))
    return [SliceMaps(i, q, maps[k]) if k in maps else None for k, (i, q, _) in enumerate(shown)]


def _one_behind_another(series: Series, looks: Sequence[SliceMaps]) -> bool:
    """Whether the looks' squares show the same place, seen from the side."""
    square = looks[0].square
    if any(look.square != square for look in looks):
        return False
    first, *others = (series.instances[look.index].plane for look in looks)
    if first is None:
        return all(plane is None for plane in others)
    within_mm = STRIDE * square.field_mm / square.size_px
    return all(
        plane is not None
        and bool((abs(first.to_pixel(plane.origin_mm)) * first.spacing_mm[::-1] < within_mm).all())
        for plane in others
    )


def _closer(chain: Chain, share: float) -> Square:
    """The square round a chain's middle that shows at least a share, and all of its levels."""
    whole = chain.look.square
    spots = np.array([spot for spot, _ in chain.spots])
    first, last = spots.min(axis=0), spots.max(axis=0)
    column, row = whole.to_picture((first + last) / 2)
    needed = ROOM * float((last - first).max()) / whole.size_px
    field_mm = whole.field_mm * min(max(share, needed), 1.0)
    return replace(whole, centre_px=(float(column), float(row)), field_mm=field_mm)


def _beside(first: Chain, look: SliceMaps) -> Array:
    """Where each level may lie on a closer look: round the first one's points, `[5, h, w]`."""
    whole, square = first.look.square, look.square
    spread = AGAIN * square.size_px * whole.field_mm / square.field_mm
    places = square.from_picture(whole.to_picture([spot for spot, _ in first.spots]))
    return np.stack([near(place, spread, look.maps.shape[-1]) for place in places])
