"""The soft parts round the spine: muscles, fat, skin, great vessels, kidneys, bowel, pelvis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import FIRST_LUMBAR, VERTEBRAE
from lumbar.phantom.pixels import Pixels
from lumbar.phantom.spine import Field
from lumbar.phantom.texture import Textures
from lumbar.phantom.tissues import Signals, blend, inside

__all__ = ["Torso"]


@dataclass(frozen=True, eq=False)
class Torso:
    """One picture's soft background, painted from the outside in."""

    anatomy: Anatomy
    pixels: Pixels
    signals: Signals
    fibre: Field
    patch: Field
    height_mm: Field
    front_mm: Field

    @classmethod
    def on(
        cls,
        anatomy: Anatomy,
        pixels: Pixels,
        signals: Signals,
        textures: Textures,
        plane: Plane,
        thickness_mm: float,
    ) -> Torso:
        """The background of one slice, `pixels` being all its pixels."""
        rows, columns = pixels.u.shape
        shape = (rows, columns)
        points = plane.to_world(np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1))
        return cls(
            anatomy,
            pixels,
            signals,
            textures.fibre.on(plane, shape, thickness_mm),
            textures.patch.on(plane, shape, thickness_mm),
            points[..., 2].astype(np.float32),
            points[..., 1].astype(np.float32),
        )

    @cached_property
    def fascia(self) -> Field:
        """How far behind the posterior wall the back muscles end."""
        bodies = self.anatomy.axis.bodies_mm
        bulk = self.anatomy.habitus.muscle_bulk
        at = [bodies[0], bodies[3], bodies[6], bodies[8], bodies[9], bodies[11], bodies[13]]
        table = np.interp(self.anatomy.s_mm, at, [46, 51, 56, 50, 42, 26, 16]) * bulk
        ridge = 0.0022 * np.minimum(self.pixels.aside, 90.0) ** 2
        return self.pixels.look_up(table.astype(np.float32)) - ridge

    def paint(self) -> Field:
        """The picture without the vertebral column, float32 `[rows, columns]`."""
        image = np.zeros(self.pixels.u.shape, np.float32)
        skin = self._skin()
        edge = self.pixels.edge_mm
        blend(image, self.signals.skin, inside(skin, edge))
        blend(image, self.signals.fat, inside(skin + 2.2, edge))
        self._paint_septa(image, skin)
        self._paint_abdomen(image)
        self._paint_back_muscles(image)
        self._paint_psoas(image)
        self._paint_vessels(image)
        self._paint_pelvis(image)
        image *= inside(skin, edge)
        return image

    def _skin(self) -> Field:
        """Distance outside of the skin: the back follows the spine, the belly is an ellipse."""
        habitus = self.anatomy.habitus
        groove = 5.0 * np.exp(-((self.pixels.u / 14.0) ** 2))
        back = self.pixels.v - self.fascia - habitus.skin_fat_mm + groove
        middle = habitus.centre_mm
        belly = middle[1] - 150.0 - 1.3 * habitus.skin_fat_mm - self.front_mm
        belly += 0.0016 * (self.height_mm - middle[2] + 10.0) ** 2
        flank = self.pixels.aside - 155.0 - habitus.skin_fat_mm
        return np.asarray(np.maximum(np.maximum(back, belly), flank))

    def _paint_septa(self, image: Field, skin: Field) -> None:
        """Thin membranes in the fat under the skin."""
        wall = np.exp(-((self.patch + 0.3 * self.fibre) ** 2) / 0.004)
        blend(image, self.signals.fat * 0.6, 0.5 * wall * inside(skin + 3.0, 3.0))

    def _paint_abdomen(self, image: Field) -> None:
        """Fat, bowel and organs in front of the spine."""
        depth = self.pixels.depth
        cavity = np.maximum(self.pixels.v + 0.35 * depth, self.pixels.aside - 120.0)
        far = np.clip((-self.pixels.v - depth - 14.0) / 30.0, 0.0, 1.0)
        loops = np.clip((self.patch + 0.25 * self.fibre - 0.2) * 2.2, 0.0, 1.0) * far
        gas = np.clip((-self.patch - 1.0) * 3.0, 0.0, 1.0) * far
        blend(image, self.signals.fat * 0.86, inside(cavity, 4.0))
        blend(image, self.signals.bowel, loops * inside(cavity, 4.0))
        blend(image, self.signals.vessel, gas * inside(cavity, 4.0))
        self._paint_kidneys(image)

    def _paint_kidneys(self, image: Field) -> None:
        middle = float(self.anatomy.axis.discs_mm[FIRST_LUMBAR])
        down = (self.pixels.s - middle - 4.0) / 52.0
        across = (self.pixels.aside - 72.0 - 12.0 * down) / 27.0
        along = (self.pixels.v + 20.0) / 24.0
        radius = np.sqrt(down * down + across * across + along * along)
        blend(image, self.signals.kidney, inside((radius - 1.0) * 25.0, 2.0))
        sinus = (radius - 0.42 - 0.1 * self.fibre) * 25.0
        blend(image, self.signals.fat * 0.9, inside(sinus, 5.0))

    def _paint_back_muscles(self, image: Field) -> None:
        """Multifidus beside the processes, erector spinae outside, fat between their bundles."""
        pixels, bulk = self.pixels, self.anatomy.habitus.muscle_bulk
        half = np.maximum((self.fascia + 0.0022 * pixels.aside**2 - 15.0) / 2, 3.0)
        middle = 16.0 + half
        inner = np.hypot((pixels.aside - 16.0) / 13.5, (pixels.v - middle) / half)
        sacral = np.clip((pixels.s - self.anatomy.axis.bodies_mm[8]) / 60.0, 0.0, 1.0)
        reach = 25.0 * bulk * (1.0 - 0.7 * sacral)
        outer = np.hypot(
            (pixels.aside - 28.0 - reach * 0.75) / reach, (pixels.v - middle + 4.0) / (half * 0.96)
        )
        side = np.hypot((pixels.aside - 66.0) / 19.0, (pixels.v - 4.0) / 10.0)
        below = np.clip((pixels.s - self.anatomy.axis.bodies_mm[8]) / 12.0, 0.0, 1.0)
        muscle = np.minimum((inner - 1.0) * 13.0, (outer - 1.0) * 18.0)
        muscle = np.minimum(muscle, (side - 1.0 + below) * 10.0)
        muscle = np.maximum(muscle, pixels.v - self.fascia + 1.5)
        self._paint_muscle(image, muscle, self.anatomy.habitus.muscle_fat)
        band = np.exp(-(((pixels.v - self.fascia) / 0.9) ** 2)) * inside(pixels.aside - 75.0, 8.0)
        blend(image, self.signals.ligament, 0.85 * band)

    def _paint_muscle(self, image: Field, distance: Field, streaks: float) -> None:
        """Muscle with the streaks of fat between its bundles."""
        share = inside(distance, self.pixels.edge_mm)
        tone = self.signals.muscle * (1.0 + 0.12 * self.fibre + 0.08 * self.patch)
        blend(image, tone, share)
        width = 0.04 + 0.5 * streaks
        fat = np.exp(-((self.fibre / width) ** 2)) * (0.25 + 0.5 * streaks)
        blend(image, self.signals.fat * 0.85, fat * inside(distance + 1.0, 2.0))

    def _paint_psoas(self, image: Field) -> None:
        pixels, bulk = self.pixels, self.anatomy.habitus.muscle_bulk
        bodies = self.anatomy.axis.bodies_mm
        at = [bodies[3], bodies[4], bodies[6], bodies[8], bodies[9], bodies[11]]
        size = np.interp(self.anatomy.s_mm, at, [1.0, 6.0, 14.5, 19.0, 18.0, 15.0]) * bulk
        forward = np.interp(self.anatomy.s_mm, at, [12, 12, 14, 18, 34, 52])
        away = np.interp(self.anatomy.s_mm, at, [0.0, 0.0, 0.0, 4.0, 14.0, 26.0])
        radius, front, off = (pixels.look_up(t.astype(np.float32)) for t in (size, forward, away))
        du = (pixels.aside - pixels.half_width - 0.88 * radius - off) / radius
        dv = (pixels.v + front) / (1.22 * radius)
        self._paint_muscle(image, (np.hypot(du, dv) - 1.0) * radius, 0.05)

    def _paint_vessels(self, image: Field) -> None:
        """Aorta and vena cava without signal, each in two from L4 on."""
        pixels, hand = self.pixels, self.anatomy.habitus.handedness
        fork = float(self.anatomy.axis.bodies_mm[VERTEBRAE.index("L4")]) + 6.0
        apart = np.clip((pixels.s - fork) / 60.0, 0.0, 1.0)
        front = pixels.v + pixels.depth + 10.0 - 14.0 * apart
        u = pixels.u * hand
        for centre, size, spread in ((6.0, 9.0, 34.0), (-15.0, 9.5, 30.0)):
            du = np.abs(u - centre * (1 - apart)) - spread * apart
            radius = size * (1.0 - 0.35 * apart)
            flat = 1.0 if centre > 0 else 0.75
            distance = np.hypot(du, front / flat) - radius
            distance = np.where(apart < 1.0, distance, 9.0)
            blend(image, self.signals.muscle, inside(distance - 0.8, 1.0))
            blend(image, self.signals.vessel, inside(distance, 1.0))

    def _paint_pelvis(self, image: Field) -> None:
        """The sacrum's wings and the iliac bones beside them."""
        pixels = self.pixels
        sacrum = self.anatomy.axis.bodies_mm[VERTEBRAE.index("S1")]
        lower = np.clip((pixels.s - sacrum) / 40.0, 0.0, 1.0)
        wing = np.maximum(pixels.aside - 52.0 + 22.0 * lower, sacrum - 14.0 - pixels.s)
        thick = np.abs(pixels.v + 8.0 - 0.1 * pixels.aside) - 13.0 + 5.0 * lower
        wing = np.maximum(np.maximum(wing, thick), pixels.s - sacrum - 70.0)
        gap = pixels.aside - 62.0 - 0.45 * (-pixels.v - 8.0) + 16.0 * lower
        ilium = np.maximum(np.abs(gap) - 7.0, np.abs(pixels.v + 12.0) - 48.0)
        ilium = np.maximum(ilium, sacrum - 44.0 - pixels.s)
        bone = np.minimum(wing, ilium)
        blend(image, self.signals.cortex, inside(bone, pixels.edge_mm))
        blend(image, self.signals.marrow * 1.05, inside(bone + 1.6, pixels.edge_mm))
