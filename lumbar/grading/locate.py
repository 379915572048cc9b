"""Study -> Landmarks: the canal on sagittal T2, foramina on sagittal T1, recesses on axial T2.

The five discs are found on the sagittal T2 slices near the middle of the stack; everything else
follows through the patient's millimetres - the T1 slices that can show a side's foramina, the
axial slice of a level - and is refined there by the same network's other heat maps. A lone slice
whose side or level nothing tells is left to `unplaced.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.domain import CELLS, Cell, Condition, Family, Level, LevelNumbering, Side, View
from lumbar.grading.crops import COVER_MM, covering
from lumbar.grading.landmarks import Landmark, Landmarks, Unplaced
from lumbar.grading.likeness import looks_foreign, without_foreign
from lumbar.grading.looks import (
    GAP,
    Chain,
    HeatMaps,
    SliceMaps,
    agreed,
    look_at,
    look_both_ways,
    look_closer,
    near,
)
from lumbar.grading.midline import centre_mm, left_of, width_mm
from lumbar.grading.networks import CANAL_MAPS, FORAMINAL_MAPS
from lumbar.grading.pictures import map_of, picture
from lumbar.grading.sights import Sight, candidates, nearly_the_best
from lumbar.grading.unplaced import lone_foramina, lone_recesses
from lumbar.imaging.look import undecided
from lumbar.imaging.resample import square_on
from lumbar.imaging.study import Series, Study

__all__ = ["locate"]

Array = NDArray[np.float64]

MIDDLE_SLICES = 5
"""Sagittal T2 slices searched for the canal, of an even number of slices one more. The canal is
15-25 mm wide and a patient lies within a slice or two of the middle of the stack."""

FORAMEN_MM, FORAMEN_SPREAD_MM = 17.0, 5.0
"""Distance of the foramina from the mid-line: between the canal's edge (10 mm) and the pedicles'
outer border (about 22 mm at L3; Zindrick et al., Spine 12:160, 1987)."""

MIDLINE_SLICES = 3
"""A T2 series of fewer slices may lie anywhere, so its canal points are no mid-line."""

FORAMEN_LEVEL_MM = 12.0
"""How far a foramen's point lies from the disc's, seen from the side: keeps the level's name."""

RECESS_MM, RECESS_SPREAD_MM = 9.0, 8.0
"""Distance of the recesses from the canal's point to either side: the canal is 15-25 mm wide. The
sagittal slice that the point was found on may lie as far from the canal's middle."""


def locate(
    study: Study, heat_maps: HeatMaps, settings: LocatorSettings, *, choosing: bool = False
) -> Landmarks:
    """The points of all cells that can be found; for the others the reason.

    With `choosing`, `beside` holds every slice that may show a foramen, for a Choice among them.
    """
    return _Search(study, heat_maps, settings, choosing).landmarks()


@dataclass(slots=True)
class _Search:
    study: Study
    heat_maps: HeatMaps
    settings: LocatorSettings
    choosing: bool
    points: dict[Cell, Landmark] = field(default_factory=dict)
    reasons: dict[Cell, str] = field(default_factory=dict)
    numbering: LevelNumbering = LevelNumbering.CERTAIN
    unplaced: list[Unplaced] = field(default_factory=list)
    beside: dict[Cell, tuple[Landmark, ...]] = field(default_factory=dict)

    def landmarks(self) -> Landmarks:
        self._canal()
        self._foramina()
        self._recesses()
        return Landmarks(
            self.points, self.reasons, self.numbering, tuple(self.unplaced), self.beside
        )

    def _canal(self) -> None:
        series = self._first(View.SAGITTAL_T2, Family.CANAL)
        if series is None:
            return
        looks = self._look(series, _middle(len(series)))
        if not looks:
            self._miss(Family.CANAL, "the sagittal T2 slices are empty or without contrast")
            return
        first = max((look.chain(CANAL_MAPS) for look in looks), key=lambda chain: chain.confidence)
        maps = first.look.maps[CANAL_MAPS]
        alone = maps.reshape(len(maps), -1).argmax(axis=1) // maps.shape[-1]
        agreed = [abs(row - s[1] / 4) < GAP for row, (s, _) in zip(alone, first.spots, strict=True)]
        self.numbering = LevelNumbering.CERTAIN if all(agreed) else LevelNumbering.UNCERTAIN
        (chain,) = look_closer(series, [first], CANAL_MAPS, self.heat_maps, self.settings)
        for level, (spot, confidence) in zip(Level, chain.spots, strict=True):
            cell = Cell(Condition.SPINAL_CANAL_STENOSIS, level)
            self._keep(cell, series, Sight(1.0, chain.look, spot, confidence))

    def _foramina(self) -> None:
        series = self._first(View.SAGITTAL_T1, Family.FORAMINAL)
        if series is None:
            return
        known = self._side_is_known(series)
        if len(series) == 1 and not known:
            self._leave(lone_foramina(series, self.heat_maps, self.settings), Family.FORAMINAL)
            return
        chains = self._foramina_on(series)
        missed = "no sagittal T1 slice shows the {} foramina" if known else _SIDE_UNKNOWN
        for side in Side:
            condition = Condition.of(Family.FORAMINAL, side)
            sights: dict[Level, list[Sight]] = {level: [] for level in Level}
            for chain in chains:
                for level, (spot, confidence) in zip(Level, chain.spots, strict=True):
                    worth = confidence * self._laterality(series, chain.look, side, level)
                    sights[level].append(Sight(worth, chain.look, spot, confidence))
            for level, seen in sights.items():
                cell = Cell(condition, level)
                shown = [one for one in seen if one.worth]
                if not shown:
                    self.reasons[cell] = missed.format(side)
                    continue
                least = self.settings.min_confidence  # first: a slice below it is no slice at all
                sure = [one for one in shown if one.confidence >= least]
                surest = max(shown, key=lambda one: one.confidence)
                some = candidates if self.choosing else nearly_the_best
                best, *others = some(sure or [surest])
                self._keep(cell, series, best)
                self.beside[cell] = tuple(one.landmark(cell, series) for one in others)

    def _foramina_on(self, series: Series) -> list[Chain]:
        """The foramina of every slice that may show a side's."""
        looks = self._look(series, range(len(series)))
        seen = [
            look
            for look in looks
            if any(self._laterality(series, look, side, level) for side in Side for level in Level)
        ]
        if any(self._canal_mm(level) is not None for level in Level):
            priors: list[Array | None] = [self._beside_the_canal(look, series) for look in seen]
        else:
            priors = [agreed(series, seen, FORAMINAL_MAPS)] * len(seen)
        chains = [look.chain(FORAMINAL_MAPS, p) for look, p in zip(seen, priors, strict=True)]
        return look_closer(series, chains, FORAMINAL_MAPS, self.heat_maps, self.settings)

    def _beside_the_canal(self, look: SliceMaps, series: Series) -> Array:
        """Where foramina may lie on a slice by the canal's points, as far as they are known."""
        prior = np.zeros_like(look.maps[FORAMINAL_MAPS])
        plane = series.instances[look.index].plane
        pixel_mm = look.square.field_mm / look.square.size_px
        for level in Level:
            canal = self._canal_mm(level)
            if canal is not None and plane is not None:
                beside = look.square.from_picture(plane.to_pixel(canal))
                prior[level.ordinal] = near(beside, FORAMEN_LEVEL_MM / pixel_mm, prior.shape[-1])
        return prior

    def _laterality(self, series: Series, look: SliceMaps, side: Side, level: Level) -> float:
        """How well a slice's distance from the mid-line fits a side's foramina, 0..1."""
        instance = series.instances[look.index]
        if instance.plane is None:
            return 1.0 if instance.side is side else 0.0
        middle = self._midline_mm(series, level)
        if middle is None:
            return 0.0
        offset = left_of(instance, middle)
        lateral = offset if side is Side.LEFT else -offset
        if not 0.3 * FORAMEN_MM < lateral < 2.2 * FORAMEN_MM:
            return 0.0
        return float(np.exp(-(((lateral - FORAMEN_MM) / FORAMEN_SPREAD_MM) ** 2) / 2))

    def _midline_mm(self, series: Series, level: Level) -> Array | None:
        """A point of the mid-line: the canal on T2, else the middle of a stack wide enough to
        hold both sides' foramina; None where neither is there."""
        mark = self.points.get(Cell(Condition.SPINAL_CANAL_STENOSIS, level))
        if mark is not None and mark.point_mm is not None and len(mark.series) >= MIDLINE_SLICES:
            return np.asarray(mark.point_mm)
        return centre_mm(series) if width_mm(series) >= 2 * FORAMEN_MM else None

    def _side_is_known(self, series: Series) -> bool:
        if all(instance.plane is None for instance in series):
            return _told(series)
        return any(self._midline_mm(series, level) is not None for level in Level)

    def _recesses(self) -> None:
        series = self._first(View.AXIAL_T2, Family.SUBARTICULAR)
        if series is None:
            return
        if len(series) == 1 and (
            series.instances[0].plane is None
            or all(self._canal_mm(level) is None for level in Level)
        ):
            self._leave(lone_recesses(series, self.heat_maps, self.settings), Family.SUBARTICULAR)
            return
        known = without_foreign(self.study)
        for level in Level:
            self._recess(known, level)

    def _recess(self, known: Study, level: Level) -> None:
        cells = {side: Cell(Condition.of(Family.SUBARTICULAR, side), level) for side in Side}
        if Cell(Condition.SPINAL_CANAL_STENOSIS, level) not in self.points:
            self._give_up(cells.values(), "its level was not found on a sagittal T2 series")
            return
        canal = self._canal_mm(level)
        axial = known.of_view(View.AXIAL_T2)
        if canal is None or all(one.plane is None for series in axial for one in series):
            self._give_up(cells.values(), _PLACE_UNKNOWN)
            return
        found = covering(known, View.AXIAL_T2, (canal[0], canal[1], canal[2]))
        if found is None:
            why = f"no axial slice within {COVER_MM:.0f} mm of the level: outside cover"
            self._give_up(cells.values(), why)
            return
        series, index = found
        instance = series.instances[index]
        assert instance.plane is not None
        column, row = instance.plane.to_pixel(canal)
        field_mm, size_px = self.settings.axial_field_mm, self.settings.size_px
        square = square_on(instance, (column, row), field_mm, size_px)
        shown = picture(instance, square)
        if shown is None:
            self._give_up(cells.values(), "the axial slice is empty or without contrast")
            return
        look = look_both_ways(index, square, shown, self.heat_maps)
        spread = RECESS_SPREAD_MM * square.size_px / square.field_mm
        for side, cell in cells.items():
            lateral = RECESS_MM if side is Side.LEFT else -RECESS_MM
            beside = instance.plane.to_pixel(canal + np.array([lateral, 0.0, 0.0]))
            prior = near(square.from_picture(beside), spread, look.maps.shape[-1])
            self._keep(cell, series, Sight(1.0, look, *look.highest(map_of(cell), prior)))

    def _look(self, series: Series, indices: Iterable[int]) -> list[SliceMaps]:
        return look_at(series, indices, self.heat_maps, self.settings)

    def _keep(self, cell: Cell, series: Series, sight: Sight) -> None:
        if sight.confidence < self.settings.min_confidence:
            self.reasons[cell] = (
                f"its level was not found with confidence ({sight.confidence:.2f} of at least "
                f"{self.settings.min_confidence:.2f})"
            )
            return
        self.points[cell] = sight.landmark(cell, series)

    def _canal_mm(self, level: Level) -> Array | None:
        mark = self.points.get(Cell(Condition.SPINAL_CANAL_STENOSIS, level))
        return None if mark is None or mark.point_mm is None else np.asarray(mark.point_mm)

    def _first(self, view: View, family: Family) -> Series | None:
        """The best series of a view; without one, every cell of the family gets the reason."""
        series = self.study.of_view(view)
        if not series:
            self._miss(family, f"no {view.description} series{undecided(self.study.series)}")
            return None
        alike = next((one for one in series if not looks_foreign(one)), None)
        if alike is None:
            self._miss(family, f"the {view.description} series does not look like a lumbar MRI")
        return alike

    def _leave(self, found: Unplaced | None, family: Family) -> None:
        """What a lone slice shows is no row's; every cell of the family says so."""
        if found is not None:
            self.unplaced.append(found)
        reason = "nothing was found on the lone slice with confidence"
        self._miss(family, reason if found is None else found.reason)

    def _miss(self, family: Family, reason: str) -> None:
        self._give_up((cell for cell in CELLS if cell.condition.family is family), reason)

    def _give_up(self, cells: Iterable[Cell], reason: str) -> None:
        self.reasons.update(dict.fromkeys(cells, reason))


_SIDE_UNKNOWN = "nothing says which side the sagittal T1 slices show"
_PLACE_UNKNOWN = "nothing tells where the axial slices lie beside the sagittal ones"


def _middle(slices: int) -> range:
    """Indices of the middle slices, the same of a stack and of its mirror image."""
    reach = MIDDLE_SLICES // 2
    return range(max((slices - 1) // 2 - reach, 0), min(slices // 2 + reach + 1, slices))


def _told(series: Series) -> bool:
    """Whether anything says which side this series' slices show."""
    return any(instance.side is not None for instance in series)
