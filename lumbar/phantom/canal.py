"""What lies in and beside the spinal canal: sac, roots, fat, ligament, foramina, recesses.

Here the 25 grades become visible. A narrow sac has lost the fluid between its roots; a narrow
foramen the fat round its nerve, first in front and behind, then above and below (Lee et al.,
AJR 2010;194:1095); a narrow recess is a slit between disc and facet.
"""

from __future__ import annotations

import numpy as np

from lumbar.domain import Side
from lumbar.phantom.habitus import FIRST_LUMBAR
from lumbar.phantom.pixels import Pixels
from lumbar.phantom.spine import Field
from lumbar.phantom.tissues import Signals, blend, inside, smoothstep

__all__ = ["paint_around_canal", "paint_canal"]

_UNGRADED_FAT = 0.9
_EXIT_ABOVE_DISC_MM = 10.5
_NERVE_MM = 2.6
_NEURAL_MM2 = 28.0
_CANAL_HALF_MM = np.array(
    [8.5, 8.5, 8.5, 8.8, 9.6, 10.1, 10.5, 11.0, 12.0, 13.0, 12.0, 10.0, 8.0, 6.0], np.float32
)


def paint_around_canal(image: Field, pixels: Pixels, signals: Signals) -> None:
    """Paint, before the bones, what has displaced the foramina's fat, and the ligaments."""
    near = (pixels.v > -4.5) & (pixels.v < 27.0) & (pixels.aside < 27.0)
    part, values = pixels.where(near), image[near]
    _paint_venous_plexus(values, part, signals)
    _paint_lost_fat(values, part, signals)
    _paint_flavum(values, part, signals)
    image[near] = values


def _paint_venous_plexus(image: Field, pixels: Pixels, signals: Signals) -> None:
    """Veins and a little fat in the hollow behind each vertebral body."""
    distance = np.maximum(pixels.v - 2.0, pixels.aside - 11.0 + 0.5 * pixels.v)
    blend(image, 0.5 * (signals.vein + 0.35 * signals.fat), inside(distance, 2.0))


def _by_level(pixels: Pixels, left: Field, right: Field) -> Field:
    """Per-disc values of both sides at each pixel."""
    values = np.stack([left, right]).astype(np.float32)
    return np.asarray(values.ravel().take(pixels.disc + pixels.side * values.shape[1]))


def _foraminal_fat(pixels: Pixels) -> Field:
    sides = []
    for side in Side:
        shares = np.full(len(pixels.anatomy.axis.discs_mm), _UNGRADED_FAT)
        shares[FIRST_LUMBAR : FIRST_LUMBAR + 5] = pixels.anatomy.morphology.foraminal_fat[side]
        sides.append(shares)
    return _by_level(pixels, *sides)


def _nerve_radius(fat: Field) -> Field:
    """A root's radius in its foramen: thinner where not even its own room is left."""
    return np.asarray(_NERVE_MM * np.clip(0.7 + 1.2 * fat, 0.7, 1.0))


def _nerve_v(pixels: Pixels) -> Field:
    habitus = pixels.anatomy.habitus
    shift = _by_level(pixels, np.asarray(habitus.nerve_left_mm), np.asarray(habitus.nerve_right_mm))
    return 4.8 + 0.6 * shift


def _paint_lost_fat(image: Field, pixels: Pixels, signals: Signals) -> None:
    """Disc and ligament where a foramen's fat is gone, from the outside towards the nerve."""
    fat = _foraminal_fat(pixels)
    size = np.float32(pixels.anatomy.habitus.foramen)
    dv = pixels.v - _nerve_v(pixels)
    dd = pixels.from_disc + _EXIT_ABOVE_DISC_MM
    around = np.clip((fat - 0.42) / 0.5, 0.0, 1.0)
    above = np.clip((fat - 0.05) / 0.6, 0.0, 1.0)
    below = np.clip((fat - 0.10) / 0.8, 0.0, 1.0)
    nerve = 0.95 * _nerve_radius(fat)
    front, back = nerve + 6.5 * around * size, nerve + 5.0 * around * size
    head, foot = nerve + 3.6 * above * size, nerve + 14.0 * below * size
    # the keyhole: narrower below, where the disc is in front and the facet behind
    waist = 1.0 - 0.35 * np.clip(dd / 12.0, 0.0, 1.0)
    across = np.abs(dv) / np.where(dv < 0, front, back) / waist
    along = np.abs(dd) / np.where(dd < 0, head, foot)
    kept = (np.sqrt(across * across + along * along) - 1.0) * 3.2
    zone = np.square((pixels.aside - 16.5) / 7.5) + np.square((pixels.v - 4.5) / 9.0)
    zone = np.sqrt(zone + np.square((pixels.from_disc + 5.0) / 15.0))
    share = np.clip((1.3 - zone) / 0.3, 0.0, 1.0)
    lost = share * (1.0 - inside(kept, pixels.edge_mm + 0.4))
    disc = smoothstep(-dv + 0.35 * dd, -2.5, 2.5)
    value = signals.ligament + (signals.annulus * 1.15 - signals.ligament) * disc
    blend(image, value, lost * np.clip((0.97 - fat) * 3.5, 0.0, 1.0))


def _roof(pixels: Pixels) -> Field:
    """The canal's back wall here: mid-line ridge to lateral recess, a narrow one reaching in."""
    passages = pixels.anatomy.passages
    middle = pixels.look_up(passages.roof)
    lateral = pixels.look_up_side(passages.roof_lateral)
    depth = lateral - pixels.look_up_side(passages.front_lateral)
    reach = 4.2 + 0.4 * np.minimum(depth, 6.5)
    share = np.clip((np.hypot(pixels.aside, 3.0) - 3.0) / reach, 0.0, 1.0)
    return np.asarray(middle + (lateral - middle) * share)


def _front(pixels: Pixels) -> Field:
    """The canal's front wall here."""
    passages = pixels.anatomy.passages
    middle = pixels.look_up(passages.front)
    lateral = pixels.look_up_side(passages.front_lateral)
    return middle + (lateral - middle) * smoothstep(pixels.aside, 3.5, 7.5)


def _paint_flavum(image: Field, pixels: Pixels, signals: Signals) -> None:
    """The yellow ligament from lamina to lamina, thin in the mid-line, and the facet's capsule."""
    roof = _roof(pixels) + 0.8 * np.maximum(pixels.aside - 12.0, 0.0)
    thick = np.minimum(2.5 + 1.1 * pixels.aside, 8.0)
    distance = np.maximum(roof - pixels.v, pixels.v - roof - thick)
    distance = np.maximum(distance, np.maximum(pixels.aside - 16.0, -pixels.v))
    distance = np.maximum(distance, np.abs(pixels.from_disc) - 11.0)
    blend(image, signals.ligament, inside(distance, pixels.edge_mm))


def paint_canal(image: Field, pixels: Pixels, signals: Signals) -> None:
    """Paint, after the bones: epidural fat, the sac with cord and roots, nerves on their way."""
    near = (pixels.v > -3.0) & (pixels.v < 24.0) & (pixels.aside < 34.0)
    part, values = pixels.where(near), image[near]
    _paint_canal(values, part, signals)
    _paint_exiting_nerves(values, part, signals)
    image[near] = values


def _paint_canal(image: Field, pixels: Pixels, signals: Signals) -> None:
    wall = _CANAL_HALF_MM.take(pixels.body) + 0.08 * np.minimum(np.abs(pixels.from_body), 14.0)
    canal = np.maximum(_front(pixels) - pixels.v, pixels.v - _roof(pixels))
    canal = np.maximum(canal, pixels.aside - wall)
    depth = np.maximum(pixels.v, pixels.aside - 5.0)
    fat = signals.fat * (0.42 + 0.52 * smoothstep(depth, 1.5, 6.0))
    blend(image, fat, inside(canal + 0.3, pixels.edge_mm))
    near = canal < 1.5
    part = pixels.where(near)
    values = image[near]
    _paint_traversing_nerves(values, part, signals)
    _paint_sac(values, part, signals, canal[near])
    image[near] = values


def _paint_sac(image: Field, pixels: Pixels, signals: Signals, canal: Field) -> None:
    passages = pixels.anatomy.passages
    half_width = np.maximum(pixels.look_up(passages.sac_half_width), 0.2)
    half_depth = np.maximum(pixels.look_up(passages.sac_ap) / 2, 0.2)
    q = (pixels.v - pixels.look_up(passages.sac_front) - half_depth) / half_depth
    p = pixels.u / half_width / (1.0 - 0.2 * np.clip(q, -1.0, 1.0))
    # round behind, squarer in front, where the roots leave through its corners
    corner = np.where(q < 0, 0.65, 0.0) * np.minimum(p * p, 1.0) * np.minimum(q * q, 1.0)
    distance = (np.sqrt(p * p + q * q - corner) - 1.0) * np.minimum(half_width, half_depth)
    distance = np.maximum(distance, canal + 0.4)
    distance = np.where(half_depth > 0.6, distance, 9.0)
    share = inside(distance, pixels.edge_mm)
    blend(image, signals.ligament, inside(distance - 0.5, pixels.edge_mm))
    # rootlets too thin to be seen one by one: they darken what fluid a narrow sac has left
    filled = _NEURAL_MM2 / (np.pi * half_width * half_depth)
    crowded = np.clip((filled - 0.2) / 0.5, 0.0, 0.85) * (half_depth > 1.0)
    contents = signals.csf + (signals.nerve - signals.csf) * np.where(
        pixels.s < pixels.anatomy.graded_discs_mm[-1] + 10.0, crowded, 0.0
    )
    contents = contents.astype(image.dtype)
    _paint_roots(contents, pixels, signals, half_width, half_depth, q * half_depth)
    _paint_cord(contents, pixels, signals, q * half_depth)
    blend(image, contents, share)


def _paint_roots(
    image: Field, pixels: Pixels, signals: Signals, half_width: Field, half_depth: Field, y: Field
) -> None:
    """Cauda equina: as many roots in a narrow sac as in a wide one, so less fluid between."""
    across, behind, radius = pixels.anatomy.cauda_equina
    shade = np.zeros_like(image)
    for number in range(len(across)):
        du = pixels.u - pixels.look_up(across[number]) * half_width
        dv = y - pixels.look_up(behind[number]) * half_depth
        distance = np.sqrt(du * du + dv * dv) - pixels.look_up(radius[number])
        shade = np.maximum(shade, inside(distance, pixels.edge_mm))
    blend(image, signals.nerve, shade)


def _paint_cord(image: Field, pixels: Pixels, signals: Signals, y: Field) -> None:
    rest = np.clip((pixels.anatomy.conus_mm - pixels.s) / 28.0, 0.0, 1.0) ** 0.7
    radius = np.maximum(rest, 0.01)
    ring = np.sqrt((pixels.u / (4.8 * radius)) ** 2 + ((y - 0.6) / (3.7 * radius)) ** 2)
    cover = inside((ring - 1.0) * 3.7 * radius, pixels.edge_mm)
    blend(image, signals.cord, cover * (rest > 0.02))


def _paint_traversing_nerves(image: Field, pixels: Pixels, signals: Signals) -> None:
    """The next level's root on its way down through the lateral recess."""
    d = pixels.from_disc
    passages = pixels.anatomy.passages
    depth = pixels.look_up_side(passages.roof_lateral - passages.front_lateral)
    middle = pixels.look_up_side(passages.front_lateral) + np.minimum(depth * 0.5, 2.6)
    du, dv = pixels.aside - 8.9 - 0.2 * d, pixels.v - middle
    distance = np.sqrt(du * du + dv * dv) - np.minimum(1.6, 0.45 * depth)
    distance = np.maximum(distance, np.abs(d - 5.0) - 12.0)
    blend(image, signals.nerve, inside(distance, pixels.edge_mm))


def _paint_exiting_nerves(image: Field, pixels: Pixels, signals: Signals) -> None:
    """Each level's root below its pedicle, thickest at the ganglion within the foramen."""
    d = pixels.from_disc + _EXIT_ABOVE_DISC_MM
    slope = np.where(d > 0, 1.0, 0.75)
    du = (pixels.aside - 15.5 - slope * d) / np.sqrt(1.0 + slope * slope)
    dv = pixels.v - _nerve_v(pixels) + 0.2 * d
    thick = _nerve_radius(_foraminal_fat(pixels)) - 0.06 * np.abs(d)
    distance = np.sqrt(du * du + dv * dv) - thick
    distance = np.maximum(distance, np.maximum(np.abs(d - 2.0) - 11.0, 9.5 - pixels.aside))
    lumbar = (pixels.disc < FIRST_LUMBAR + 5).astype(np.float32)
    blend(image, signals.nerve, lumbar * inside(distance, pixels.edge_mm))
