"""Study -> Landmarks: the canal on sagittal T2, foramina on sagittal T1, recesses on axial T2.

The five discs are found on the sagittal T2 slices near the middle of the stack; everything else
follows through the patient's millimetres - the T1 slices that can show a side's foramina, the
axial slice of a level - and is refined there by the same network's other heat maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.domain import CELLS, Cell, Condition, Family, Level, LevelNumbering, Side, View
from lumbar.grading.crops import COVER_MM, covering_slice
from lumbar.grading.heatmaps import chain, peak
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.grading.pictures import axial_square, map_of, picture, whole_square
from lumbar.imaging.resample import Square
from lumbar.imaging.study import Instance, Series, Study

__all__ = ["HeatMaps", "locate"]

Array = NDArray[np.float64]
HeatMaps = Callable[[NDArray[np.uint8]], Array]
"""Pictures uint8 `[n, p, p]` -> log heat maps `[n, 12, p/4, p/4]`."""

MIDDLE_SLICES = 5
"""Sagittal T2 slices searched for the canal, of an even number of slices one more. The canal is
15-25 mm wide and a patient lies within a slice or two of the middle of the stack."""

GAP = 2
"""Least rows of the heat map from one disc to the next: 8 of 128 px, a third of the usual."""

FORAMEN_MM, FORAMEN_SPREAD_MM = 17.0, 5.0
"""Distance of the foramina from the mid-line: between the canal's edge (10 mm) and the pedicles'
outer border (about 22 mm at L3; Zindrick et al., Spine 12:160, 1987)."""

FORAMEN_LEVEL_MM = 12.0
"""How far a foramen's point lies from the disc's, seen from the side: keeps the level's name."""


def locate(study: Study, heat_maps: HeatMaps, settings: LocatorSettings) -> Landmarks:
    """The points of all cells that can be found; for the others the reason."""
    return _Search(study, heat_maps, settings).landmarks()


@dataclass(slots=True)
class _Search:
    study: Study
    heat_maps: HeatMaps
    settings: LocatorSettings
    points: dict[Cell, Landmark] = field(default_factory=dict)
    reasons: dict[Cell, str] = field(default_factory=dict)
    numbering: LevelNumbering = LevelNumbering.CERTAIN

    def landmarks(self) -> Landmarks:
        self._canal()
        self._foramina()
        self._recesses()
        return Landmarks(self.points, self.reasons, self.numbering)

    def _canal(self) -> None:
        series = self._first(View.SAGITTAL_T2, Family.CANAL)
        if series is None:
            return
        looks = self._look(series, _middle(len(series)))
        if not looks:
            self._miss(Family.CANAL, "the sagittal T2 slices are empty or without contrast")
            return
        found = [(look, look.chain(slice(0, 5))) for look in looks]
        look, spots = max(found, key=lambda pair: sum(c for _, c in pair[1]))
        alone = look.maps[:5].reshape(5, -1).argmax(axis=1) // look.maps.shape[-1]
        agreed = [abs(row - spot[1] / 4) < GAP for row, (spot, _) in zip(alone, spots, strict=True)]
        self.numbering = LevelNumbering.CERTAIN if all(agreed) else LevelNumbering.UNCERTAIN
        for level, (spot, confidence) in zip(Level, spots, strict=True):
            cell = Cell(Condition.SPINAL_CANAL_STENOSIS, level)
            self._keep(cell, series, look, spot, confidence)

    def _foramina(self) -> None:
        series = self._first(View.SAGITTAL_T1, Family.FORAMINAL)
        if series is None:
            return
        looks = self._look(series, range(len(series)))
        for side in Side:
            condition = Condition.of(Family.FORAMINAL, side)
            best: dict[Level, tuple[float, _Look, Array, float]] = {}
            for look in looks:
                for level, spot, confidence in self._foramina_on(look, series, side):
                    worth = confidence * self._laterality(series, look, side, level)
                    if worth > best.get(level, (0.0,))[0]:
                        best[level] = (worth, look, spot, confidence)
            for level in Level:
                cell = Cell(condition, level)
                if level in best:
                    _, look, spot, confidence = best[level]
                    self._keep(cell, series, look, spot, confidence)
                else:
                    self.reasons[cell] = f"no sagittal T1 slice shows the {side} foramina"

    def _foramina_on(
        self, look: _Look, series: Series, side: Side
    ) -> Iterable[tuple[Level, Array, float]]:
        if all(self._laterality(series, look, side, level) == 0 for level in Level):
            return []
        maps = slice(5, 10)
        prior = np.zeros_like(look.maps[maps])
        for level in Level:
            canal = self._canal_mm(level)
            plane = series.instances[look.index].plane
            if canal is not None and plane is not None:
                near = look.square.from_picture(plane.to_pixel(canal))
                pixel_mm = look.square.field_mm / look.square.size_px
                prior[level.ordinal] = _near(near, FORAMEN_LEVEL_MM / pixel_mm, prior.shape[-1])
        return [
            (level, spot, confidence)
            for level, (spot, confidence) in zip(Level, look.chain(maps, prior), strict=True)
        ]

    def _laterality(self, series: Series, look: _Look, side: Side, level: Level) -> float:
        """How well a slice's distance from the mid-line fits a side's foramina, 0..1."""
        instance = series.instances[look.index]
        if instance.plane is None:
            return 1.0 if instance.side in (side, None) and _told(series) else 0.0
        canal = self._canal_mm(level)
        offset = _left_of(instance, canal if canal is not None else _centre(series))
        lateral = offset if side is Side.LEFT else -offset
        if not 0.3 * FORAMEN_MM < lateral < 2.2 * FORAMEN_MM:
            return 0.0
        return float(np.exp(-(((lateral - FORAMEN_MM) / FORAMEN_SPREAD_MM) ** 2) / 2))

    def _recesses(self) -> None:
        series = self._first(View.AXIAL_T2, Family.SUBARTICULAR)
        if series is None:
            return
        for level in Level:
            self._recess(level)

    def _recess(self, level: Level) -> None:
        cells = {side: Cell(Condition.of(Family.SUBARTICULAR, side), level) for side in Side}
        canal = self._canal_mm(level)
        if canal is None:
            self._give_up(cells.values(), "its level was not found on a sagittal T2 series")
            return
        for series in self.study.of_view(View.AXIAL_T2):
            index = covering_slice(series, (canal[0], canal[1], canal[2]))
            if index is None:
                continue
            instance = series.instances[index]
            assert instance.plane is not None
            centre = instance.plane.to_pixel(canal)
            square = axial_square(instance, (centre[0], centre[1]), self.settings)
            shown = picture(instance, square)
            if shown is None:
                self._give_up(cells.values(), "the axial slice is empty or without contrast")
                return
            look = _Look(index, square, self.heat_maps(shown[None])[0])
            for cell in cells.values():
                log_map = look.maps[map_of(cell)]
                row, column = np.unravel_index(int(log_map.argmax()), log_map.shape)
                spot, confidence = peak(log_map, int(row), int(column))
                self._keep(cell, series, look, spot, confidence)
            return
        self._give_up(
            cells.values(), f"no axial slice within {COVER_MM:.0f} mm of the level: outside cover"
        )

    def _look(self, series: Series, indices: Iterable[int]) -> list[_Look]:
        """The heat maps of slices, those that show nothing left out."""
        squares, pictures, kept = [], [], []
        for index in indices:
            square = whole_square(series.instances[index], self.settings)
            shown = picture(series.instances[index], square)
            if shown is not None:
                squares.append(square)
                pictures.append(shown)
                kept.append(index)
        if not kept:
            return []
        maps = self.heat_maps(np.stack(pictures))
        return [_Look(i, s, m) for i, s, m in zip(kept, squares, maps, strict=True)]

    def _keep(
        self, cell: Cell, series: Series, look: _Look, spot: Array, confidence: float
    ) -> None:
        if confidence < self.settings.min_confidence:
            self.reasons[cell] = (
                f"its level was not found with confidence ({confidence:.2f} of at least "
                f"{self.settings.min_confidence:.2f})"
            )
            return
        point = look.square.to_picture(spot)
        self.points[cell] = Landmark.at(cell, series, look.index, point, confidence)

    def _canal_mm(self, level: Level) -> Array | None:
        mark = self.points.get(Cell(Condition.SPINAL_CANAL_STENOSIS, level))
        return None if mark is None or mark.point_mm is None else np.asarray(mark.point_mm)

    def _first(self, view: View, family: Family) -> Series | None:
        """The best series of a view; without one, every cell of the family gets the reason."""
        series = self.study.of_view(view)
        if not series:
            self._miss(family, f"no {view.description} series")
            return None
        return series[0]

    def _miss(self, family: Family, reason: str) -> None:
        self._give_up((cell for cell in CELLS if cell.condition.family is family), reason)

    def _give_up(self, cells: Iterable[Cell], reason: str) -> None:
        self.reasons.update(dict.fromkeys(cells, reason))


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What the network says about one slice: its log heat maps `[12, h, w]` in a square."""

    index: int
    square: Square
    maps: Array

    def chain(self, which: slice, prior: Array | None = None) -> list[tuple[Array, float]]:
        """Points in the square and confidences of five levels that run head to foot."""
        maps = self.maps[which]
        guided = maps if prior is None else maps + prior
        peaks = chain(guided, GAP)
        return [peak(maps[k], int(row), int(column)) for k, (row, column) in enumerate(peaks)]


def _middle(slices: int) -> range:
    """Indices of the middle slices, the same of a stack and of its mirror image."""
    reach = MIDDLE_SLICES // 2
    return range(max((slices - 1) // 2 - reach, 0), min(slices // 2 + reach + 1, slices))


def _near(point: Array, spread: float, size: int) -> Array:
    """Log of a Gaussian `[size, size]` round a point given in picture pixels."""
    steps = (np.arange(size) + 0.5) * 4 - 0.5
    square = (steps[None, :] - point[0]) ** 2 + (steps[:, None] - point[1]) ** 2
    return np.asarray(-square / (2 * spread**2))


def _told(series: Series) -> bool:
    """Whether anything says which side this series' slices show."""
    return any(instance.side is not None for instance in series)


def _left_of(instance: Instance, point_mm: Array) -> float:
    """How far in mm a sagittal slice lies on the patient's left of a point, at its y and z."""
    assert instance.plane is not None
    return float(-instance.plane.distance(point_mm) / instance.plane.normal[0])


def _centre(series: Series) -> Array:
    """The middle of a stack in patient mm: the mid-line's best guess without a T2 series."""
    plane = series.instances[len(series) // 2].plane
    assert plane is not None
    rows, columns = series.instances[len(series) // 2].shape
    return plane.to_world(((columns - 1) / 2, (rows - 1) / 2))
