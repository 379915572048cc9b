"""Bones and discs: bodies, pedicles, facets, laminae, processes, each a signed distance in mm.

The bones of one vertebra join by the least of their distances; the facet joint is the surface
that is as far from the upper vertebra's process as from the lower one's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lumbar.phantom.habitus import FIRST_SACRAL
from lumbar.phantom.pixels import Pixels
from lumbar.phantom.spine import Field
from lumbar.phantom.tissues import Signals, blend, inside, smoothstep

__all__ = ["FACET_U", "paint_bones", "paint_discs", "paint_interspinous"]


def _by_vertebra(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


# By vertebra T9 ... S5: the pedicles' middle and half width, mm from the mid-line (Zindrick et
# al., Spine 1987;12:160), the spinous processes' length; by disc, how far facet joints are apart.
_PEDICLE_U = _by_vertebra(11.5, 11.5, 12, 12.5, 13.5, 14, 15, 16.5, 19, 22, 20, 18, 16, 14)
_PEDICLE_HALF = _by_vertebra(3, 3.2, 3.5, 3.7, 3.7, 3.9, 4.5, 5.5, 7, 9, 8, 7, 6, 5)
_SPINOUS_MM = _by_vertebra(22, 22, 23, 24, 26, 28, 29, 27, 21, 9, 6, 4, 2, 1)
FACET_U = _by_vertebra(12, 12, 12, 12.5, 13, 13.5, 14.5, 16, 18, 17, 15, 13, 12)
_CORTEX_MM = 0.9


def paint_discs(image: Field, pixels: Pixels, signals: Signals, texture: Field) -> None:
    """Paint the discs: dark annulus, nucleus as bright as it is wet, bulging a little."""
    habitus = pixels.anatomy.habitus
    gap = _disc_half_height(pixels)
    border = (pixels.outline - 1.0) * pixels.depth * 0.5 - 0.5
    # behind, the canal's walls tell how far a disc bulges
    behind = np.maximum(pixels.v - _posterior_margin(pixels), -8.0 - pixels.v)
    border = np.minimum(border, corner(behind, pixels.aside - 0.78 * pixels.half_width, 3.0))
    border = np.maximum(border, np.abs(pixels.from_disc) - gap - 2.0)
    border = border + (pixels.disc >= FIRST_SACRAL) * np.float32(4.0)
    share = inside(border, pixels.edge_mm)
    blend(image, signals.annulus, share)
    wet = np.asarray(habitus.hydration, np.float32).take(pixels.disc)
    value = signals.nucleus_dry + (signals.nucleus_wet - signals.nucleus_dry) * wet * np.sqrt(
        np.sqrt(wet)
    )
    cleft = 1.0 - 0.35 * np.exp(-np.square(pixels.from_disc / 0.9)) * wet
    radius = np.sqrt(
        np.square(pixels.u / (0.68 * pixels.half_width))
        + np.square((pixels.v / pixels.depth + 0.52) / 0.36)
        + np.square(pixels.from_disc / (0.95 * gap + 0.3))
    )
    core = np.clip((1.15 - radius) / 0.35, 0.0, 1.0)
    blend(image, value * cleft * (1.0 + 0.05 * texture), core * share)


def _disc_half_height(pixels: Pixels) -> Field:
    """Half the distance between the end plates here: a disc is higher where the spine opens."""
    habitus = pixels.anatomy.habitus
    heights = np.asarray(habitus.body_height_mm)
    bony = np.asarray((heights[:-1] + heights[1:]) / 2, np.float32)
    spacing = bony + np.asarray(habitus.disc_height_mm, np.float32)
    opening = np.where(pixels.disc < FIRST_SACRAL, pixels.stretch, np.float32(1.0))
    gap = spacing.take(pixels.disc) * opening - bony.take(pixels.disc)
    return np.maximum(gap / 2, 0.4)


def _posterior_margin(pixels: Pixels) -> Field:
    """How far behind the posterior wall a disc reaches: mid-line, recess and side."""
    passages = pixels.anatomy.passages
    middle = pixels.look_up(passages.front)
    lateral = pixels.look_up_side(passages.front_lateral)
    rounded = 0.05 * np.square(np.maximum(pixels.aside - 10.0, 0.0))
    return np.asarray(middle + (lateral - middle) * smoothstep(pixels.aside, 3.5, 7.5) - rounded)


def paint_interspinous(image: Field, pixels: Pixels, signals: Signals, texture: Field) -> None:
    """Paint the ligament and fat between the spinous processes, and the cord along their tips."""
    lengths = np.interp(
        pixels.anatomy.s_mm, pixels.anatomy.axis.bodies_mm + 12.0, np.minimum(_SPINOUS_MM, 27.0)
    )
    tip = 20.5 + pixels.look_up(lengths.astype(np.float32))
    slab = np.maximum(pixels.aside - 3.5, 17.0 - pixels.v)
    tone = 0.7 * signals.ligament + 0.18 * signals.fat
    between = inside(np.maximum(slab, pixels.v - tip), 2.5)
    blend(image, tone * (1.0 + 0.18 * texture), between)
    cord = np.maximum(np.abs(pixels.v - tip - 1.0) - 1.2, slab)
    lumbar = (pixels.arch < FIRST_SACRAL).astype(np.float32)
    blend(image, signals.ligament, lumbar * inside(cord, pixels.edge_mm))


def paint_bones(image: Field, pixels: Pixels, signals: Signals, texture: Field) -> None:
    """Paint every vertebra: dark cortex, marrow within, a bright film in each facet joint."""
    bone = _body(pixels)
    posterior = pixels.v > -9.0
    part = pixels.where(posterior)
    superior, inferior = _superior_process(part), _inferior_process(part)
    joint = (superior - inferior) * 0.5
    lower = np.minimum(_pedicle(part), np.maximum(superior, joint + 0.6))
    lower = np.minimum(lower, _transverse_process(part))
    upper = np.maximum(np.minimum(inferior, _lamina(part)), 0.6 - joint)
    upper = np.minimum(upper, _spinous_process(part))
    bone[posterior] = np.minimum(bone[posterior], np.minimum(lower, upper))
    marrow = signals.marrow * (1.0 + pixels.anatomy.habitus.marrow_patches * texture)
    blend(image, signals.cortex, inside(bone, pixels.edge_mm))
    blend(image, marrow, inside(bone + _CORTEX_MM, pixels.edge_mm))
    values = image[posterior]
    _paint_basivertebral_vein(values, part, signals)
    film = np.exp(-np.square(joint / 0.6)) * inside(np.maximum(superior, inferior), 1.0)
    blend(values, signals.joint, 0.85 * film)
    image[posterior] = values


def _body_half_height(pixels: Pixels) -> Field:
    heights = np.asarray(pixels.anatomy.habitus.body_height_mm, np.float32)
    return np.asarray(heights.take(pixels.body) / 2)


def _body(pixels: Pixels) -> Field:
    """Vertebral bodies: waisted all round, with slightly hollow end plates."""
    half = _body_half_height(pixels)
    waist = np.clip(1.0 - np.square(pixels.from_body / half), 0.0, 1.0)
    side = (pixels.outline - 1.0 + 0.1 * waist) * pixels.depth * 0.5
    side = np.maximum(side, pixels.v + waist * (0.6 + 1.8 * np.exp(-np.square(pixels.u / 9.0))))
    hollow = 1.4 * np.clip(1.0 - np.square(pixels.outline), 0.0, 1.0)
    # the sacrum's segments below the second have grown together
    hollow = np.where(pixels.body > FIRST_SACRAL + 1, np.float32(-4.0), hollow)
    return corner(side, np.abs(pixels.from_body) - half + hollow, 1.8)


def corner(first: Field, second: Field, radius: float) -> Field:
    """The greater of two distances with the edge between them rounded off."""
    a, b = np.maximum(first + radius, 0.0), np.maximum(second + radius, 0.0)
    inner = np.minimum(np.maximum(first, second), -radius)
    return np.asarray(inner + np.sqrt(a * a + b * b))


def _pedicle(pixels: Pixels) -> Field:
    half = _body_half_height(pixels)
    across = _PEDICLE_HALF.take(pixels.body)
    du = (pixels.aside - _PEDICLE_U.take(pixels.body)) / across
    sacral = pixels.body >= FIRST_SACRAL
    low, tall = np.where(sacral, 0.0, 0.36), np.where(sacral, 0.8, 0.5)
    dt = (pixels.from_body / half + low) / tall
    ring = (np.sqrt(du * du + dt * dt) - 1.0) * across
    return corner(ring, np.maximum(pixels.v - 13.0, -8.0 - pixels.v), 2.5)


def _process(
    pixels: Pixels, d: tuple[float, float], u: Field, v: tuple[float, float], radius: Field
) -> Field:
    """An articular process: a rod from (v[0], d[0]) to (v[1], d[1]), broad along the joint."""
    length = d[1] - d[0]
    share = np.clip((pixels.from_disc - d[0]) / length, 0.0, 1.0)
    dd = pixels.from_disc - (d[0] + length * share)
    du = pixels.aside - u
    dv = pixels.v - (v[0] + (v[1] - v[0]) * share)
    # the joint runs from the canal outwards and backwards
    along, across = 0.77 * du + 0.64 * dv, 0.77 * dv - 0.64 * du
    return np.asarray(np.sqrt(np.square(along / 1.55) + across * across + dd * dd) - radius)


def _facet_size(pixels: Pixels) -> Field:
    habitus = pixels.anatomy.habitus
    sizes = np.asarray([habitus.facet_left, habitus.facet_right], np.float32)
    return np.asarray(sizes.ravel().take(pixels.disc + pixels.side * sizes.shape[1]))


def _superior_process(pixels: Pixels) -> Field:
    """From the lower vertebra's pedicle up to its tip in front of the joint."""
    upward = np.clip((14.0 - pixels.from_disc) / 24.0, 0.0, 1.0)
    radius = (5.2 - 2.6 * upward) * _facet_size(pixels)
    lumbar = np.where(pixels.disc < FIRST_SACRAL, 0.0, 30.0)
    u = FACET_U.take(pixels.disc) + 3.4
    return _process(pixels, (13.0, -7.5), u, (10.0, 13.0), radius) + lumbar


def _inferior_process(pixels: Pixels) -> Field:
    """From the upper vertebra's lamina down behind the joint."""
    lumbar = np.where(pixels.disc < FIRST_SACRAL, 0.0, 30.0)
    u = FACET_U.take(pixels.disc) - 1.6
    return _process(pixels, (-17.0, 8.5), u, (14.0, 19.5), 4.0 * _facet_size(pixels)) + lumbar


def _transverse_process(pixels: Pixels) -> Field:
    dt = (pixels.from_body + _body_half_height(pixels) * 0.32) / 4.6
    dv = (pixels.v - 10.5 - 0.12 * (pixels.aside - 18.0)) / 3.0
    ring = (np.sqrt(dt * dt + dv * dv) - 1.0) * 3.0
    return corner(ring, np.maximum(pixels.aside - 38.0, 15.0 - pixels.aside), 1.5)


def _lamina(pixels: Pixels) -> Field:
    """Two plates that meet in the mid-line behind the canal, the lower half of a level high."""
    roof = 20.5 + 0.2 * pixels.from_arch - 0.42 * pixels.aside
    roof = roof - np.where(pixels.arch < FIRST_SACRAL, 0.0, 4.0)
    plate = np.abs(pixels.v - roof) - 2.9
    tall = np.where(pixels.arch < FIRST_SACRAL, 8.5, 14.0)
    return corner(plate, np.maximum(np.abs(pixels.from_arch) - tall, pixels.aside - 15.0), 1.5)


def _spinous_process(pixels: Pixels) -> Field:
    length = _SPINOUS_MM.take(pixels.arch)
    back = pixels.v - 20.0
    share = np.clip(back / length, 0.0, 1.0)
    heights = np.asarray(pixels.anatomy.habitus.body_height_mm, np.float32).take(pixels.arch)
    half = heights * np.minimum(0.3, 0.42 * pixels.stretch) * (0.8 + 0.35 * share)
    tall = np.abs(pixels.from_arch - 2.5 - 0.1 * back) - half
    thick = pixels.aside - 2.4 - 2.0 * share * share
    return np.asarray(np.maximum(corner(tall, np.maximum(back - length, -back), 6.5), thick))


def _paint_basivertebral_vein(image: Field, pixels: Pixels, signals: Signals) -> None:
    tall = 1.0 + 0.14 * np.clip(pixels.v + 9.0, 0.0, 9.0)
    distance = np.maximum(np.abs(pixels.from_body) - tall, np.abs(pixels.v + 4.0) - 4.5)
    distance = np.maximum(distance, pixels.aside - 5.0)
    lumbar = (pixels.body < FIRST_SACRAL).astype(np.float32)
    blend(image, signals.vein, 0.7 * lumbar * inside(distance, 1.5 + pixels.edge_mm))
