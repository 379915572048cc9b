"""The soft parts round the spine: muscles, fat, skin, great vessels, kidneys, bowel, pelvis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import FIRST_LUMBAR, FIRST_SACRAL, VERTEBRAE
from lumbar.phantom.pixels import Pixels
from lumbar.phantom.spine import Field
from lumbar.phantom.tissues import Signals, blend, inside

__all__ = ["Torso", "patient_axes"]


def patient_axes(plane: Plane, shape: tuple[int, int]) -> tuple[Field, Field, Field]:
    """x, y, z in patient mm of every pixel, each float32 `[rows, columns]`."""
    rows = np.arange(shape[0])[:, None] * plane.spacing_mm[0]
    columns = np.arange(shape[1])[None, :] * plane.spacing_mm[1]
    x, y, z = (
        ((origin + rows * down).astype(np.float32) + (columns * right).astype(np.float32))
        for origin, down, right in zip(
            plane.origin_mm, plane.along_column, plane.along_row, strict=True
        )
    )
    return x, y, z


@dataclass(frozen=True, eq=False)
class Torso:
    """Some pixels of one picture and how their soft tissue is painted, from the outside in.

    `fibre` and `patch` are the muscles' and the bowel's textures, `front_mm` and `height_mm` y
    and z in the patient.
    """

    pixels: Pixels
    signals: Signals
    fibre: Field
    patch: Field
    front_mm: Field
    height_mm: Field

    @classmethod
    def on(cls, pixels: Pixels, signals: Signals, plane: Plane, thickness_mm: float) -> Torso:
        """The soft tissue of one slice, `pixels` being all its pixels."""
        shape = (pixels.u.shape[0], pixels.u.shape[1])
        textures = pixels.anatomy.textures
        _, y, z = patient_axes(plane, shape)
        fibre, patch = (t.on(plane, shape, thickness_mm) for t in (textures.fibre, textures.patch))
        return cls(pixels, signals, fibre, patch, y, z)

    @property
    def anatomy(self) -> Anatomy:
        """The patient."""
        return self.pixels.anatomy

    def _where(self, chosen: NDArray[np.bool_]) -> Torso:
        fields = (self.fibre, self.patch, self.front_mm, self.height_mm)
        return Torso(self.pixels.where(chosen), self.signals, *(f[chosen] for f in fields))

    @cached_property
    def fascia(self) -> Field:
        """How far behind the posterior wall the back muscles end."""
        ridge = 0.0022 * np.square(np.minimum(self.pixels.aside, 90.0))
        return self._profile((46, 51, 56, 50, 42, 26, 16), (0, 3, 6, 8, 9, 11, 13), True) - ridge

    def _profile(
        self, values: tuple[float, ...], at: tuple[int, ...], bulky: bool = False
    ) -> Field:
        """A profile given at some vertebrae; `bulky` ones grow with the patient's muscles."""
        bodies = self.anatomy.axis.bodies_mm[list(at)]
        table = np.interp(self.anatomy.s_mm, bodies, values).astype(np.float32)
        return self.pixels.look_up(table * (self.anatomy.habitus.muscle_bulk if bulky else 1.0))

    def paint(self) -> Field:
        """The picture without the vertebral column, float32 `[rows, columns]`."""
        pixels = self.pixels
        image = np.zeros(pixels.u.shape, np.float32)
        skin = self._skin()
        blend(image, self.signals.skin, inside(skin, pixels.edge_mm))
        blend(image, self.signals.fat, inside(skin + 2.0, pixels.edge_mm))
        down = pixels.s - np.float32(self.anatomy.axis.bodies_mm[FIRST_SACRAL])
        parts = (
            (pixels.v > self.fascia - 4.0, Torso._paint_septa),
            (pixels.v < -4.0, Torso._paint_abdomen),
            ((pixels.v < 20.0) & (pixels.v > -48.0) & (down < -90.0), Torso._paint_kidneys),
            ((pixels.v > -12.0) & (pixels.v < self.fascia + 3.0), Torso._paint_back_muscles),
            ((pixels.v < 16.0) & (pixels.v > -95.0) & (pixels.aside < 95.0), Torso._paint_psoas),
            ((pixels.v < -12.0) & (pixels.v > -75.0) & (pixels.aside < 60.0), Torso._paint_vessels),
            ((down > -48.0) & (down < 75.0), Torso._paint_pelvis),
        )
        for chosen, painter in parts:
            self._paint_part(image, chosen & (skin < 0.0), painter)
        return image

    def _paint_part(
        self, image: Field, chosen: NDArray[np.bool_], painter: Callable[[Torso, Field], None]
    ) -> None:
        if chosen.any():
            values = image[chosen]
            painter(self._where(chosen), values)
            image[chosen] = values

    def _skin(self) -> Field:
        """Distance outside of the skin: the back follows the spine, the belly is an arch."""
        habitus = self.anatomy.habitus
        groove = 5.0 * np.exp(-np.square(self.pixels.u / 14.0))
        back = self.pixels.v - self.fascia - habitus.skin_fat_mm + groove
        _, y, z = habitus.centre_mm
        belly = y - 150.0 - 1.3 * habitus.skin_fat_mm - self.front_mm
        belly = belly + 0.0016 * np.square(self.height_mm - z + 10.0)
        flank = self.pixels.aside - 155.0 - habitus.skin_fat_mm
        return np.asarray(np.maximum(np.maximum(back, belly), flank))

    def _paint_septa(self, image: Field) -> None:
        """Thin membranes in the fat under the skin, and the fascia over the muscles."""
        wall = np.exp(-np.square(self.patch + 0.15 * self.fibre) * 400.0)
        depth = np.clip((self.pixels.v - self.fascia - 3.0) / 3.0, 0.0, 1.0)
        blend(image, self.signals.fat * 0.6, 0.45 * wall * depth)

    def _paint_abdomen(self, image: Field) -> None:
        """Fat, bowel and organs in front of the spine, blurred by breath and gut."""
        ahead = -self.pixels.v - self.pixels.depth
        far = np.clip((ahead - 12.0) / 30.0, 0.0, 1.0)
        loops = far / (1.0 + np.exp(-4.0 * (self.patch + 0.1)))
        gas = far / (1.0 + np.exp(9.0 * (self.patch + 1.25)))
        tone = self.signals.fat * (0.8 + 0.07 * self.patch)
        cavity = np.clip((6.0 - self.pixels.v - 0.35 * self.pixels.depth) / 5.0, 0.0, 1.0)
        blend(image, tone, cavity)
        bowel = self.signals.bowel * (1.3 - 0.25 * self.patch)
        blend(image, bowel, 0.75 * loops)
        blend(image, self.signals.vessel, 0.7 * gas)

    def _paint_kidneys(self, image: Field) -> None:
        middle = float(self.anatomy.axis.discs_mm[FIRST_LUMBAR])
        down = (self.pixels.s - middle - 4.0) / 52.0
        across = (self.pixels.aside - 74.0 - 12.0 * down) / 26.0
        along = (self.pixels.v + 18.0) / 23.0
        radius = np.sqrt(down * down + across * across + along * along)
        blend(image, self.signals.kidney, inside((radius - 1.0) * 25.0, 2.0))
        sinus = (radius - 0.38 - 0.1 * self.fibre - 0.08 * self.patch) * 25.0
        blend(image, self.signals.fat * 0.9, inside(sinus, 6.0))

    def _paint_back_muscles(self, image: Field) -> None:
        """Multifidus beside the processes, erector spinae outside, quadratus in front."""
        pixels, bulk = self.pixels, self.anatomy.habitus.muscle_bulk
        half = np.maximum((self.fascia + 0.0022 * np.square(pixels.aside) - 13.0) / 2, 3.0)
        behind = pixels.v - 14.0 - half
        inner = np.hypot((pixels.aside - 15.5) / 14.0, behind / half)
        below = pixels.s - np.float32(self.anatomy.axis.bodies_mm[FIRST_SACRAL])
        reach = 25.0 * bulk * (1.0 - 0.7 * np.clip(below / 60.0, 0.0, 1.0))
        outer = np.hypot((pixels.aside - 28.0 - reach * 0.75) / reach, (behind + 4.0) / half)
        side = np.hypot((pixels.aside - 66.0) / 19.0, (pixels.v - 4.0) / 10.0)
        muscle = np.minimum((inner - 1.0) * 13.0, (outer - 1.0) * 18.0)
        muscle = np.minimum(muscle, (side - 1.0 + np.clip(below / 12.0 + 2.5, 0.0, 1.0)) * 10.0)
        muscle = np.maximum(muscle, pixels.v - self.fascia + 1.5)
        deep = np.clip(-behind / half + 0.5, 0.0, 1.5) * (inner < outer)
        low = np.clip(below / 120.0 + 1.0, 0.3, 1.2)
        self._paint_muscle(image, muscle, self.anatomy.habitus.muscle_fat * low * (0.6 + deep))
        band = np.exp(-np.square((pixels.v - self.fascia) / 0.9))
        band = band * np.clip((80.0 - pixels.aside) / 8.0, 0.0, 1.0)
        blend(image, self.signals.ligament, 0.85 * band)

    def _paint_muscle(self, image: Field, distance: Field, streaks: Field) -> None:
        """Muscle, and between its bundles streaks of fat, wider where `streaks` nears 1."""
        tone = self.signals.muscle * (1.0 + 0.13 * self.fibre + 0.1 * self.patch)
        blend(image, tone, inside(distance, self.pixels.edge_mm))
        level = self.fibre + 0.35 * self.patch - 2.1 + 2.2 * streaks
        fat = np.clip(0.25 + level / 1.2, 0.0, 0.8)
        blend(image, self.signals.fat * 0.85, fat * inside(distance + 1.0, 2.0))

    def _paint_psoas(self, image: Field) -> None:
        pixels = self.pixels
        at = (3, 4, 6, 8, 9, 11)
        radius = self._profile((1.0, 6.0, 14.5, 19.0, 18.0, 15.0), at, True)
        forward = self._profile((12, 12, 14, 18, 34, 52), at)
        away = self._profile((0.0, 0.0, 0.0, 4.0, 14.0, 26.0), at)
        du = (pixels.aside - pixels.half_width - 0.88 * radius - away) / radius
        dv = (pixels.v + forward) / (1.22 * radius)
        distance = (np.sqrt(du * du + dv * dv + 0.5 * du * dv) - 1.0) * radius
        self._paint_muscle(image, distance, np.full_like(distance, 0.04))

    def _paint_vessels(self, image: Field) -> None:
        """Aorta and vena cava without signal, each in two from L4 on."""
        pixels, hand = self.pixels, self.anatomy.habitus.handedness
        fork = float(self.anatomy.axis.bodies_mm[VERTEBRAE.index("L4")]) + 6.0
        apart = np.clip((pixels.s - fork) / 60.0, 0.0, 1.0)
        wander = 2.5 * np.sin(pixels.s / 31.0 + self.anatomy.habitus.texture_seed % 7)
        front = pixels.v + pixels.depth + 12.5 - 14.0 * apart
        u = pixels.u * hand - wander
        for centre, size, spread, flat in ((10.0, 8.5, 34.0, 1.0), (-15.0, 9.5, 30.0, 0.7)):
            du = np.abs(u - centre * (1 - apart)) - spread * apart
            radius = size * (1.0 - 0.35 * apart)
            distance = np.hypot(du, front / flat) - radius
            distance = np.maximum(distance, (pixels.s - fork - 75.0) / 3.0)
            blend(image, self.signals.muscle, inside(distance - 0.8, 1.0))
            blend(image, self.signals.vessel, inside(distance, 1.2))

    def _paint_pelvis(self, image: Field) -> None:
        """The sacrum's wings and the iliac bones beside them."""
        pixels = self.pixels
        down = pixels.s - np.float32(self.anatomy.axis.bodies_mm[FIRST_SACRAL])
        lower = np.clip(down / 40.0, 0.0, 1.0)
        wing = np.maximum(pixels.aside - 52.0 + 22.0 * lower, -14.0 - down)
        thick = np.abs(pixels.v + 8.0 - 0.1 * pixels.aside) - 13.0 + 5.0 * lower
        wing = np.maximum(np.maximum(wing, thick), down - 70.0)
        bow = -pixels.v - 8.0
        gap = pixels.aside - 62.0 - 0.55 * bow + 0.002 * bow * np.abs(bow) + 16.0 * lower
        along = np.maximum(np.abs(pixels.v + 14.0) - 38.0, 0.0)
        ilium = np.hypot(np.maximum(np.abs(gap) - 1.0, 0.0), along) - 5.5
        ilium = np.maximum(ilium, -44.0 - down)
        bone = np.minimum(wing, ilium)
        blend(image, self.signals.cortex, inside(bone, pixels.edge_mm))
        blend(image, self.signals.marrow * 1.05, inside(bone + 1.4, pixels.edge_mm))
