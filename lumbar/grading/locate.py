"""Study -> Landmarks: the canal on sagittal T2, foramina on sagittal T1, recesses on axial T2.

The five discs are found on the sagittal T2 slices near the middle of the stack; everything else
follows through the patient's millimetres - the T1 slices that can show a side's foramina, the
axial slice of a level - and is refined there by the same network's other heat maps. A lone slice
whose side or level nothing tells is left to `unplaced.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lumbar.config import LocatorSettings
from lumbar.domain import CELLS, Cell, Condition, Family, Level, LevelNumbering, Side, View
from lumbar.grading.canal import Canal, find_canal, unsure
from lumbar.grading.landmarks import Landmark, Landmarks, Unplaced
from lumbar.grading.likeness import without_foreign
from lumbar.grading.looks import (
    Chain,
    HeatMaps,
    SliceMaps,
    agreed,
    look_at,
    look_closer,
    near,
)
from lumbar.grading.midline import Middle, left_of, middle_of
from lumbar.grading.networks import FORAMINAL_MAPS
from lumbar.grading.recesses import find_recesses
from lumbar.grading.sights import Sight, candidates, nearly_the_best
from lumbar.grading.unplaced import lone_foramina, lone_recesses
from lumbar.imaging.look import undecided
from lumbar.imaging.study import Series, Study

__all__ = ["locate"]

Array = NDArray[np.float64]

FORAMEN_MM, FORAMEN_SPREAD_MM = 17.0, 5.0
"""Distance of the foramina from the mid-line: between the canal's edge (10 mm) and the pedicles'
outer border (about 22 mm at L3; Zindrick et al., Spine 12:160, 1987)."""

MIDLINE_SLICES = 3
"""A T2 series of fewer slices may lie anywhere, so its canal points are no mid-line."""

MIDDLE_MM, SIDES_MM = 40.0, 50.0
"""Width of all sagittal slices together from which their middle is the patient's, and from which it
tells the sides without a canal: half a stack is 20-45 mm wide, a whole one 45-100 mm."""

ELSEWHERE_MM = 30.0
"""A foramen further than this from its level's canal, seen from the side, is another level's."""

FORAMEN_LEVEL_MM = 12.0
"""How far a foramen's point lies from the disc's, seen from the side: keeps the level's name."""


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
    middle_known: bool = True
    known: Study = field(init=False)
    middle: Middle | None = field(init=False)

    def __post_init__(self) -> None:
        self.known = without_foreign(self.study)
        sagittal = (View.SAGITTAL_T1, View.SAGITTAL_T2)
        self.middle = middle_of(one for view in sagittal for one in self.known.of_view(view))

    def landmarks(self) -> Landmarks:
        self._canal()
        self._foramina()
        self._recesses()
        return Landmarks(
            self.points,
            self.reasons,
            self.numbering,
            tuple(self.unplaced),
            self.beside,
            middle_known=self.middle_known,
        )

    def _canal(self) -> None:
        tried: list[Canal] = []
        for series in self._known(View.SAGITTAL_T2, Family.CANAL):
            tried.append(find_canal(series, self.middle, self.heat_maps, self.settings))
            if tried[-1].sights:
                break
        if not tried:
            return
        best = tried[-1] if tried[-1].sights else tried[0]
        cells = {level: Cell(Condition.SPINAL_CANAL_STENOSIS, level) for level in Level}
        self.reasons |= {cells[level]: reason for level, reason in best.reasons.items()}
        self.points |= {
            cells[level]: sight.landmark(cells[level], best.series)
            for level, sight in best.sights.items()
        }
        self.numbering = best.numbering
        wide = self.middle is not None and self.middle.width_mm >= MIDDLE_MM
        placed = any(one.plane is not None for one in best.series)
        self.middle_known = wide if placed else len(best.series) >= MIDLINE_SLICES

    def _foramina(self) -> None:
        found = self._known(View.SAGITTAL_T1, Family.FORAMINAL)
        if not found:
            return
        series = min(found, key=self._levels_outside)  # the best of those that show as many
        known = self._side_is_known(series)
        if len(series) == 1 and not known:
            self._leave(lone_foramina(series, self.heat_maps, self.settings), Family.FORAMINAL)
            return
        chains = self._foramina_on(series)
        least = self.settings.min_confidence
        missed = "no sagittal T1 slice shows the {} foramina" if known else _SIDE_UNKNOWN
        for side in Side:
            condition = Condition.of(Family.FORAMINAL, side)
            sights: dict[Level, list[Sight]] = {level: [] for level in Level}
            why: dict[Level, str] = {}
            for chain in chains:
                named = chain.named(series.instances[chain.look.index], least)
                for level, (spot, confidence) in zip(Level, chain.spots, strict=True):
                    worth = confidence * self._laterality(series, chain.look, side, level)
                    sight = Sight(worth, chain.look, spot, confidence)
                    reason = named.reasons.get(level) or self._elsewhere(series, sight, level)
                    if worth and reason:
                        why[level] = reason
                    elif worth:
                        sights[level].append(sight)
            for level, shown in sights.items():
                cell = Cell(condition, level)
                if not shown:
                    self.reasons[cell] = why.get(level, missed.format(side))
                    continue
                # first: a slice below the least confidence is no slice at all
                sure = [one for one in shown if one.confidence >= least]
                surest = max(shown, key=lambda one: one.confidence)
                some = candidates if self.choosing else nearly_the_best
                best, *others = some(sure or [surest])
                self._keep(cell, series, best)
                self.beside[cell] = tuple(one.landmark(cell, series) for one in others)

    def _foramina_on(self, series: Series) -> list[Chain]:
        """The foramina of every slice that may show a side's."""
        looks = look_at(series, range(len(series)), self.heat_maps, self.settings)
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
        middle = self._midline_mm(level)
        if middle is None:
            return 0.0
        offset = left_of(instance, middle)
        lateral = offset if side is Side.LEFT else -offset
        if not 0.3 * FORAMEN_MM < lateral < 2.2 * FORAMEN_MM:
            return 0.0
        return float(np.exp(-(((lateral - FORAMEN_MM) / FORAMEN_SPREAD_MM) ** 2) / 2))

    def _midline_mm(self, level: Level) -> Array | None:
        """A point of the mid-line: the canal on T2, else the middle of slices wide enough to hold
        both sides' foramina; None where neither is there."""
        mark = self.points.get(Cell(Condition.SPINAL_CANAL_STENOSIS, level))
        if mark is not None and self.middle_known and len(mark.series) >= MIDLINE_SLICES:
            return self._canal_mm(level)
        wide = self.middle is not None and self.middle.width_mm >= SIDES_MM
        return self.middle.point_mm if self.middle is not None and wide else None

    def _side_is_known(self, series: Series) -> bool:
        if all(instance.plane is None for instance in series):
            return any(instance.side is not None for instance in series)
        return any(self._midline_mm(level) is not None for level in Level)

    def _elsewhere(self, series: Series, sight: Sight, level: Level) -> str | None:
        """What is wrong with a foramen's place by the canal's, seen from the side."""
        canal, plane = self._canal_mm(level), series.instances[sight.look.index].plane
        if canal is None or plane is None:
            return None
        beside = sight.look.square.to_picture(sight.spot) - plane.to_pixel(canal)
        away = float(np.hypot(*(beside * plane.spacing_mm[::-1])))
        if away <= ELSEWHERE_MM:
            return None
        return f"the T1 slices show its level {away:.0f} mm from where the T2 slices do"

    def _levels_outside(self, series: Series) -> int:
        """How many of the canal's points lie outside the picture of a series' middle slice."""
        instance = series.instances[len(series) // 2]
        if instance.plane is None:
            return 0
        rows, columns = instance.shape
        points = [mm for level in Level if (mm := self._canal_mm(level)) is not None]
        seen = [instance.plane.to_pixel(point) for point in points]
        return sum(not (0 <= x < columns and 0 <= y < rows) for x, y in seen)

    def _recesses(self) -> None:
        found = self._known(View.AXIAL_T2, Family.SUBARTICULAR)
        if not found:
            return
        series = found[0]
        if len(series) == 1 and (
            series.instances[0].plane is None
            or all(self._canal_mm(level) is None for level in Level)
        ):
            self._leave(lone_recesses(series, self.heat_maps, self.settings), Family.SUBARTICULAR)
            return
        for level in Level:
            self._recess(level)

    def _recess(self, level: Level) -> None:
        cells = {side: Cell(Condition.of(Family.SUBARTICULAR, side), level) for side in Side}
        if Cell(Condition.SPINAL_CANAL_STENOSIS, level) not in self.points:
            self._give_up(cells.values(), "its level was not found on a sagittal T2 series")
            return
        found = find_recesses(self.known, self._canal_mm(level), self.heat_maps, self.settings)
        if isinstance(found, str):
            self._give_up(cells.values(), found)
            return
        series, sights = found
        for side, cell in cells.items():
            self._keep(cell, series, sights[side])

    def _keep(self, cell: Cell, series: Series, sight: Sight) -> None:
        reason = unsure(sight.confidence, self.settings)
        if reason:
            self.reasons[cell] = reason
        else:
            self.points[cell] = sight.landmark(cell, series)

    def _canal_mm(self, level: Level) -> Array | None:
        mark = self.points.get(Cell(Condition.SPINAL_CANAL_STENOSIS, level))
        return None if mark is None or mark.point_mm is None else np.asarray(mark.point_mm)

    def _known(self, view: View, family: Family) -> Sequence[Series]:
        """The series of a view, best first; without one, every cell of the family says why."""
        if not self.study.of_view(view):
            self._miss(family, f"no {view.description} series{undecided(self.study.series)}")
        elif not self.known.of_view(view):
            self._miss(family, f"the {view.description} series does not look like a lumbar MRI")
        return self.known.of_view(view)

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
