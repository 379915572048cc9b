"""One patient's spine: a morphology put into a habitus, as profiles along the spine.

Every passage's width is a profile over `s` (see `lumbar.phantom.spine`): its habitual width, with
the morphology's own value at each disc. What is drawn and where the landmarks lie both follow
from these profiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import CELLS, Cell, Family, Level, Side
from lumbar.phantom.habitus import FIRST_LUMBAR, VERTEBRAE, Habitus
from lumbar.phantom.morphology import Morphology
from lumbar.phantom.spine import STEP_MM, CentreLine, Field
from lumbar.phantom.texture import Textures

__all__ = ["Anatomy", "LevelFrame", "Passages", "Segments"]

Vector = NDArray[np.float64]

_FORAMEN_U = (14.0, 14.3, 14.8, 15.6, 17.0)  # mm from the mid-line to the middle of the foramen
_RECESS_U = 8.6
_OPEN_RECESS_MM = 7.0


class LevelFrame(NamedTuple):
    """Where a disc is: its centre, the unit normal of its plane (to the head), its front's way."""

    centre_mm: Vector
    normal: Vector
    posterior: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Which vertebra and disc each `s` belongs to, and their sizes; float32 or int tables."""

    body: NDArray[np.intp]
    disc: NDArray[np.intp]
    arch: NDArray[np.intp]
    body_mm: Field
    disc_mm: Field
    arch_mm: Field
    depth: Field
    half_width: Field
    curvature: Field


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """The canal's walls along `s`, mm behind the posterior wall; lateral tables `[2, n]` by side.

    Between `front` and `roof` lies the canal in its mid-line, between `front_lateral` and
    `roof_lateral` the lateral recess; the thecal sac has its own front, depth and half width.
    """

    front: Field
    roof: Field
    front_lateral: Field
    roof_lateral: Field
    sac_front: Field
    sac_ap: Field
    sac_half_width: Field


class Anatomy:
    """A spine that can be rendered: `morphology` decides the grades, `habitus` all else."""

    def __init__(self, morphology: Morphology, habitus: Habitus) -> None:
        self.morphology = morphology
        self.habitus = habitus
        self.axis = CentreLine.of(habitus)

    @cached_property
    def s_mm(self) -> Field:
        """The positions at which the profiles are sampled."""
        return np.arange(len(self.axis.points)) * STEP_MM

    @property
    def graded_discs_mm(self) -> Field:
        """`s` of the five graded discs' mid-planes."""
        return self.axis.discs_mm[FIRST_LUMBAR : FIRST_LUMBAR + 5]

    @property
    def conus_mm(self) -> float:
        """`s` of the spinal cord's tip, about the lower half of L1."""
        return float(self.axis.bodies_mm[FIRST_LUMBAR]) + 8.0 + self.habitus.conus_mm

    @property
    def sac_end_mm(self) -> float:
        """`s` at which the thecal sac ends, about the second sacral segment."""
        return float(self.axis.bodies_mm[VERTEBRAE.index("S2")]) + 0.2 * self.habitus.conus_mm

    @cached_property
    def segments(self) -> Segments:
        """Vertebrae and discs by `s`."""
        s, bodies, discs = self.s_mm, self.axis.bodies_mm, self.axis.discs_mm
        body = np.searchsorted(discs, s)
        disc = np.clip(np.searchsorted(bodies, s) - 1, 0, len(discs) - 1)
        arches = bodies + 9.0
        arch = np.searchsorted((arches[1:] + arches[:-1]) / 2, s)
        beyond = np.clip((s - bodies[-1]) / 20.0, 0.0, 1.0)
        depth = np.interp(s, bodies, self.habitus.body_depth_mm) * (1 - 0.6 * beyond)
        width = np.interp(s, bodies, self.habitus.half_width_mm) * (1 - 0.6 * beyond)
        tables = (bodies[body], discs[disc], arches[arch], depth, width, self.axis.curvature)
        return Segments(body, disc, arch, *(table.astype(np.float32) for table in tables))

    @cached_property
    def passages(self) -> Passages:
        """The canal's walls by `s`, narrowed at each graded disc as the morphology says."""
        h = self.habitus
        ap, width = self._open_sac()
        lack = np.maximum(
            np.interp(self.graded_discs_mm, self.s_mm, ap) - self.morphology.canal_ap_mm, 0.0
        )
        sac_ap = self._with(ap, self.morphology.canal_ap_mm)
        bulge = np.asarray(h.bulge_mm)[FIRST_LUMBAR : FIRST_LUMBAR + 5]
        front = 0.3 + self._at_discs(0.4 * bulge + 0.45 * lack)
        sac_front = front + self._fat_before_sac()
        squeeze = 1.0 - self._at_discs(0.028 * lack)
        behind = 0.8 + self._at_discs(h.epidural_fat_mm * (1 - 0.05 * lack), reach=9.0)
        fronts, roofs = zip(*(self._recess(side, bulge) for side in Side), strict=True)
        tables = (
            *(front, sac_front + sac_ap + behind, np.stack(fronts), np.stack(roofs)),
            *(sac_front, sac_ap, width * squeeze),
        )
        return Passages(*(np.asarray(table, np.float32) for table in tables))

    @cached_property
    def cauda_equina(self) -> tuple[Field, Field, Field]:
        """Roots `[14, n]` along `s`: place in the sac (shares of its half axes, u, v), radius mm.

        The pair that leaves next lies outermost and in front; the others behind, as in a patient
        who lies on the back.
        """
        rng = np.random.default_rng([self.habitus.texture_seed, 3])
        leaving = [*self.axis.discs_mm[FIRST_LUMBAR + 1 : FIRST_LUMBAR + 7], 1e4]
        roots = [
            self._root(rng, sign, order, float(end))
            for order, end in enumerate(leaving)
            for sign in (-1.0, 1.0)
        ]
        across, behind, radius = np.stack(roots, axis=1).astype(np.float32)
        return across, behind, radius

    def _root(self, rng: np.random.Generator, sign: float, order: int, end: float) -> Field:
        """One root `[3, n]`: across, behind, radius (negative where it is not in the sac)."""
        s = self.s_mm
        due = np.clip(1.0 - (end - 22.0 - s) / 90.0, 0.0, 1.0)
        inner = 0.08 + 0.5 * (6 - order) / 6 + rng.uniform(-0.08, 0.08)
        wander = 0.06 * np.sin(s / rng.uniform(9.0, 16.0) + rng.uniform(0.0, 6.0))
        across = sign * self.habitus.handedness * (inner + (0.82 - inner) * due**1.5 + wander)
        start = rng.uniform(0.15, 0.6)
        behind = start + (-0.25 - start) * due**2 + wander
        present = (s > self.conus_mm - 15.0) & (s < end - 20.0)
        return np.stack([across, behind, np.where(present, rng.uniform(0.6, 0.85), -2.0)])

    @cached_property
    def textures(self) -> Textures:
        """The patient's trabeculae, fibres and patches."""
        return Textures.draw(self.habitus.texture_seed, self.habitus.handedness)

    def _open_sac(self) -> tuple[Field, Field]:
        """Depth and half width of the sac of a spine without any narrowing."""
        bodies = self.axis.bodies_mm
        at = [0.0, bodies[3], bodies[4], bodies[7], bodies[8], bodies[9], self.sac_end_mm - 12]
        taper = np.clip((self.sac_end_mm - self.s_mm) / 14.0, 0.0, 1.0) ** 0.6
        ap = np.interp(self.s_mm, at, [0.95, 1.0, 1.06, 1.0, 0.97, 0.76, 0.55]) * taper
        width = np.interp(self.s_mm, at, [0.9, 1.0, 1.04, 1.0, 0.98, 0.8, 0.55]) * taper
        return ap * self.habitus.sac_ap_mm, width * self.habitus.sac_half_width_mm

    def _fat_before_sac(self) -> Field:
        bodies = self.axis.bodies_mm
        at = [bodies[7], self.axis.discs_mm[8], bodies[9], bodies[10]]
        return np.interp(self.s_mm, at, [0.6, 2.2, 4.5, 5.0])

    def _recess(self, side: Side, bulge: Field) -> tuple[Field, Field]:
        """Front and back wall of one side's lateral recess."""
        depth = np.asarray(self.morphology.recess_depth_mm[side])
        lack = np.maximum(6.0 - depth, 0.0)
        front = 0.3 + self._at_discs(0.3 * bulge + 0.45 * lack, reach=6.5)
        open_depth = np.full(len(self.s_mm), _OPEN_RECESS_MM)
        return front, front + self._with(open_depth, tuple(depth), reach=6.5)

    def _at_discs(self, values: Field, reach: float = 5.5) -> Field:
        """A profile that has `values[5]` at the graded discs and fades within `reach` mm."""
        away = np.abs(self.s_mm[:, None] - self.graded_discs_mm[None, :]) / reach
        return np.exp(-(away**3)) @ np.asarray(values)

    def _with(self, profile: Field, values: tuple[float, ...], reach: float = 5.5) -> Field:
        """`profile` with other values at the five graded discs."""
        change = np.asarray(values) - np.interp(self.graded_discs_mm, self.s_mm, profile)
        return profile + self._at_discs(change, reach)

    def profile_at(self, table: Field, s: float) -> float:
        """One profile's value at `s`."""
        return float(np.interp(s, self.s_mm, table))

    def landmarks(self) -> dict[Cell, Vector]:
        """Patient mm `[3]` of what each of the 25 grades is read off.

        Canal: the sac's centre at the disc. Foraminal: the middle of that side's foramen.
        Subarticular: that side's lateral recess at the disc.
        """
        return {cell: self._landmark(cell) for cell in CELLS}

    def _landmark(self, cell: Cell) -> Vector:
        ordinal, side = cell.level.ordinal, cell.condition.side
        s, walls = float(self.graded_discs_mm[ordinal]), self.passages
        if side is None:
            middle = self.profile_at(walls.sac_front, s) + self.profile_at(walls.sac_ap, s) / 2
            return self.axis.place(0.0, middle, s)
        sign = 1.0 if side is Side.LEFT else -1.0
        if cell.condition.family is Family.FORAMINAL:
            above = s - 6.5 / self.axis.stretch(5.0, s)
            return self.axis.place(sign * _FORAMEN_U[ordinal], 5.0, above)
        row = list(Side).index(side)
        middle = self.profile_at(walls.front_lateral[row] + walls.roof_lateral[row], s) / 2
        return self.axis.place(sign * _RECESS_U, middle, s)

    def level_frames(self) -> dict[Level, LevelFrame]:
        """Each graded disc's centre (mm), its plane's normal (to the head) and its way back."""
        frames = {}
        for level, s in zip(Level, self.graded_discs_mm, strict=True):
            _, back, foot = self.axis.frame[round(float(s) / STEP_MM)]
            depth = self.profile_at(self.segments.depth, float(s))
            frames[level] = LevelFrame(self.axis.place(0.0, -depth / 2, float(s)), -foot, back)
        return frames

    @property
    def bounds(self) -> tuple[Vector, Vector]:
        """Lowest and highest patient mm `[3]` of the spine from T11 to S3 with its muscles."""
        first, last = VERTEBRAE.index("T11"), VERTEBRAE.index("S3")
        span = slice(*(round(float(self.axis.bodies_mm[k]) / STEP_MM) for k in (first, last)))
        points = self.axis.points[span]
        margin = np.array([70.0, 60.0, 15.0])
        return points.min(axis=0) - margin, points.max(axis=0) + margin
