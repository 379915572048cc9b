"""Bones and discs: bodies, pedicles, facets, laminae, processes, each a signed distance in mm.

The bones of one vertebra join by the least of their distances; the facet joint is the surface
that is as far from the upper vertebra's process as from the lower one's.
"""

from __future__ import annotations

import numpy as np

from lumbar.phantom.habitus import VERTEBRAE
from lumbar.phantom.pixels import Pixels
from lumbar.phantom.spine import Field
from lumbar.phantom.tissues import Signals, blend, inside

__all__ = ["paint_bones", "paint_discs"]

_FIRST_SACRAL = VERTEBRAE.index("S1")
# By vertebra, T9 ... S5, mm from the mid-line: the pedicles' middle and half width (Zindrick et
# al., Spine 1987;12:160) and, by disc, how far the facet joints stand apart.
_PEDICLE_U = np.array(
    [11.5, 11.5, 12, 12.5, 13.5, 14, 15, 16.5, 19, 22, 20, 18, 16, 14], np.float32
)
_PEDICLE_HALF = np.array([3, 3.2, 3.5, 3.7, 3.7, 3.9, 4.5, 5.5, 7, 9, 8, 7, 6, 5], np.float32)
_FACET_U = np.array([12, 12, 12, 12.5, 13, 13.5, 14.5, 16, 18, 17, 15, 13, 12], np.float32)
_SPINOUS_MM = np.array([22, 22, 23, 24, 26, 28, 29, 27, 21, 9, 6, 4, 2, 1], np.float32)
_END_PLATE_MM = 1.1


def paint_discs(image: Field, pixels: Pixels, signals: Signals, texture: Field) -> None:
    """Paint the discs: dark annulus, nucleus as bright as it is wet, bulging a little."""
    habitus = pixels.anatomy.habitus
    gap = _disc_half_height(pixels)
    border = (pixels.outline - 1.0) * pixels.depth * 0.5 - 1.2
    # behind, the canal's walls tell how far a disc bulges
    behind = pixels.v - _posterior_margin(pixels)
    border = np.where(pixels.v > -4.0, np.maximum(behind, pixels.aside - pixels.half_width), border)
    border = np.maximum(border, np.abs(pixels.from_disc) - gap - 2.5)
    sacral = (pixels.disc >= _FIRST_SACRAL).astype(np.float32)
    border = border + sacral * 4.0
    blend(image, signals.annulus, inside(border, pixels.edge_mm))
    wet = np.asarray(habitus.hydration, np.float32).take(pixels.disc)
    value = signals.nucleus_dry + (signals.nucleus_wet - signals.nucleus_dry) * wet**1.5
    cleft = 1.0 - 0.3 * np.exp(-((pixels.from_disc / 0.9) ** 2)) * wet
    radius = np.sqrt(
        (pixels.u / (0.66 * pixels.half_width)) ** 2
        + ((pixels.v / pixels.depth + 0.52) / 0.36) ** 2
        + (pixels.from_disc / (0.95 * gap + 0.3)) ** 2
    )
    share = np.clip((1.12 - radius) / 0.3, 0.0, 1.0)
    blend(image, value * cleft * (1.0 + 0.06 * texture), share * inside(border, pixels.edge_mm))


def _disc_half_height(pixels: Pixels) -> Field:
    """Half the distance between the end plates here: a disc is higher where the spine opens."""
    habitus = pixels.anatomy.habitus
    heights = np.asarray(habitus.body_height_mm)
    bony = np.asarray((heights[:-1] + heights[1:]) / 2, np.float32)
    spacing = bony + np.asarray(habitus.disc_height_mm, np.float32)
    gap = spacing.take(pixels.disc) * pixels.stretch - bony.take(pixels.disc)
    return np.maximum(gap / 2, 0.4)


def _posterior_margin(pixels: Pixels) -> Field:
    """How far behind the posterior wall a disc reaches: mid-line, recess and side."""
    passages = pixels.anatomy.passages
    middle = pixels.look_up(passages.front)
    lateral = pixels.look_up_side(passages.front_lateral)
    return np.asarray(
        middle
        + (lateral - middle) * smoothstep(pixels.aside, 3.5, 7.5)
        - (0.035 * np.maximum(pixels.aside - 9.0, 0.0) ** 2)
    )


def smoothstep(values: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def paint_bones(image: Field, pixels: Pixels, signals: Signals, texture: Field) -> None:
    """Paint every vertebra: dark cortex, marrow within, a bright film in each facet joint."""
    superior, inferior = _superior_process(pixels), _inferior_process(pixels)
    joint = (superior - inferior) * 0.5
    lower = np.minimum(_body(pixels), _pedicle(pixels))
    lower = np.minimum(lower, np.maximum(superior, joint + 0.5))
    lower = np.minimum(lower, _transverse_process(pixels))
    upper = np.maximum(np.minimum(inferior, _lamina(pixels)), 0.5 - joint)
    upper = np.minimum(upper, _spinous_process(pixels))
    bone = np.minimum(lower, upper)
    patches = pixels.anatomy.habitus.marrow_patches
    marrow = signals.marrow * (1.0 + patches * texture)
    blend(image, signals.cortex, inside(bone, pixels.edge_mm))
    blend(image, marrow, inside(bone + _END_PLATE_MM, pixels.edge_mm))
    _paint_basivertebral_vein(image, pixels, signals)
    touching = np.maximum(superior, inferior)
    film = np.exp(-((joint / 0.45) ** 2)) * inside(touching - 0.3, pixels.edge_mm)
    blend(image, signals.joint, 0.8 * film)


def _body(pixels: Pixels) -> Field:
    """Vertebral bodies: waisted, with slightly hollow end plates."""
    heights = np.asarray(pixels.anatomy.habitus.body_height_mm, np.float32)
    half = heights.take(pixels.body) / 2
    level = pixels.from_body / half
    forward = np.clip(-pixels.v / pixels.depth, 0.0, 1.0)
    waist = 0.075 * np.clip(1.0 - level * level, 0.0, 1.0) * forward
    side = (pixels.outline - 1.0 + waist) * pixels.depth * 0.5
    hollow = 1.3 * np.clip(1.0 - pixels.outline**2, 0.0, 1.0)
    return _corner(side, np.abs(pixels.from_body) - half + hollow, 1.2)


def _corner(first: Field, second: Field, radius: float) -> Field:
    """The greater of two distances with the edge between them rounded off."""
    a, b = np.maximum(first + radius, 0.0), np.maximum(second + radius, 0.0)
    return np.asarray(np.minimum(np.maximum(first, second), -radius) + np.sqrt(a * a + b * b))


def _pedicle(pixels: Pixels) -> Field:
    heights = np.asarray(pixels.anatomy.habitus.body_height_mm, np.float32)
    half = heights.take(pixels.body) / 2
    across = _PEDICLE_HALF.take(pixels.body)
    du = (pixels.aside - _PEDICLE_U.take(pixels.body)) / across
    dt = (pixels.from_body + half * 0.36) / (half * 0.5)
    ring = (np.sqrt(du * du + dt * dt) - 1.0) * across
    return np.asarray(np.maximum(ring, np.maximum(pixels.v - 13.0, -8.0 - pixels.v)))


def _capsule(
    pixels: Pixels, d: tuple[float, float], u: Field, v: tuple[float, float], r: Field
) -> Field:
    """Distance to a rod in the (v, d) plane from (v[0], d[0]) to (v[1], d[1]) at `u` aside."""
    length = d[1] - d[0]
    share = np.clip((pixels.from_disc - d[0]) / length, 0.0, 1.0)
    dv = pixels.v - (v[0] + (v[1] - v[0]) * share)
    dd = pixels.from_disc - (d[0] + length * share)
    du = pixels.aside - u
    return np.asarray(np.sqrt(du * du + dv * dv + dd * dd) - r)


def _facet_size(pixels: Pixels) -> Field:
    habitus = pixels.anatomy.habitus
    sizes = np.asarray([habitus.facet_left, habitus.facet_right], np.float32)
    return np.asarray(sizes.ravel().take(pixels.disc + pixels.side * sizes.shape[1]))


def _superior_process(pixels: Pixels) -> Field:
    """From the lower vertebra's pedicle up to its tip in front of the joint."""
    upward = np.clip((14.0 - pixels.from_disc) / 24.0, 0.0, 1.0)
    radius = (6.0 - 2.8 * upward) * _facet_size(pixels)
    u = _FACET_U.take(pixels.disc) + 3.2 + 0.0 * upward
    tall = (pixels.disc < _FIRST_SACRAL).astype(np.float32)
    return _capsule(pixels, (13.0, -7.5), u, (10.5, 13.5), radius * tall)


def _inferior_process(pixels: Pixels) -> Field:
    """From the upper vertebra's lamina down behind the joint."""
    radius = 4.6 * _facet_size(pixels) * (pixels.disc < _FIRST_SACRAL)
    u = _FACET_U.take(pixels.disc) - 1.8
    return _capsule(pixels, (-17.0, 8.5), u, (14.5, 20.0), radius)


def _transverse_process(pixels: Pixels) -> Field:
    heights = np.asarray(pixels.anatomy.habitus.body_height_mm, np.float32)
    dt = (pixels.from_body + heights.take(pixels.body) * 0.16) / 4.6
    dv = (pixels.v - 10.5 - 0.12 * (pixels.aside - 18.0)) / 3.0
    ring = (np.sqrt(dt * dt + dv * dv) - 1.0) * 3.0
    return np.asarray(np.maximum(ring, np.maximum(pixels.aside - 40.0, 15.0 - pixels.aside)))


def _lamina(pixels: Pixels) -> Field:
    """Two plates that meet in the mid-line behind the canal, the lower half of a level high."""
    roof = 20.5 + 0.2 * pixels.from_arch - 0.42 * pixels.aside
    sacral = (pixels.arch >= _FIRST_SACRAL).astype(np.float32)
    roof = roof - sacral * 4.0
    plate = np.abs(pixels.v - roof) - 2.9
    return _corner(plate, np.maximum(np.abs(pixels.from_arch) - 8.5, pixels.aside - 15.0), 1.5)


def _spinous_process(pixels: Pixels) -> Field:
    length = _SPINOUS_MM.take(pixels.arch)
    back = pixels.v - 20.0
    heights = np.asarray(pixels.anatomy.habitus.body_height_mm, np.float32).take(pixels.arch)
    half = np.minimum(0.36 * heights, 0.46 * heights * pixels.stretch) * (
        0.8 + 0.3 * np.clip(back / length, 0.0, 1.0)
    )
    tall = np.abs(pixels.from_arch - 2.5 - 0.1 * back) - half
    thick = pixels.aside - 2.4 - 2.0 * np.clip(back / length, 0.0, 1.0) ** 2
    rim = _corner(tall, np.maximum(back - length, -back), 4.0)
    return np.asarray(np.maximum(rim, thick))


def _paint_basivertebral_vein(image: Field, pixels: Pixels, signals: Signals) -> None:
    tall = 1.2 + 0.12 * np.clip(pixels.v + 9.0, 0.0, 9.0)
    distance = np.maximum(np.abs(pixels.from_body) - tall, np.abs(pixels.v + 5.0) - 5.0)
    distance = np.maximum(distance, pixels.aside - 6.0)
    lumbar = (pixels.body < _FIRST_SACRAL).astype(np.float32)
    blend(image, signals.vein, 0.7 * lumbar * inside(distance, 1.5 + pixels.edge_mm))
