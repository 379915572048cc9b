"""A phantom seen by a scanner: a slice as tissue, then as a picture with a picture's faults."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.canal import paint_around_canal, paint_canal
from lumbar.phantom.habitus import Habitus
from lumbar.phantom.pixels import Pixels
from lumbar.phantom.spine import Field
from lumbar.phantom.tissues import Contrast, Signals
from lumbar.phantom.torso import Torso
from lumbar.phantom.vertebrae import paint_bones, paint_discs

__all__ = ["acquire", "render"]

_COLUMN_HALF_WIDTH_MM = 33.0
_COLUMN_BEHIND_MM = 56.0
_SUBSLICE_MM = 1.5


def render(
    anatomy: Anatomy,
    plane: Plane,
    shape: tuple[int, int],
    contrast: Contrast,
    thickness_mm: float,
) -> NDArray[np.float32]:
    """The tissues in one slice, without noise: float32 `[rows, columns]`, 0 to about 1.

    The column is the mean of two or three sub-slices, as a slice of `thickness_mm` averages what
    it holds; borders are blurred over about a pixel.
    """
    signals = Signals.of(anatomy.habitus, contrast)
    textures = anatomy.textures
    edge = max(0.9, 1.2 * max(plane.spacing_mm))
    pixels = Pixels(anatomy, *anatomy.axis.coordinates(plane, shape), edge)
    image = Torso.on(anatomy, pixels, signals, textures, plane, thickness_mm).paint()
    column = (
        (pixels.aside < _COLUMN_HALF_WIDTH_MM)
        & (pixels.v < _COLUMN_BEHIND_MM)
        & (pixels.v > -pixels.depth - 6.0)
    )
    if column.any():
        bone = textures.bone.on(plane, shape, thickness_mm)[column]
        image[column] = _column(anatomy, plane, shape, signals, thickness_mm, column, image, bone)
    return image


def _column(
    anatomy: Anatomy,
    plane: Plane,
    shape: tuple[int, int],
    signals: Signals,
    thickness_mm: float,
    column: NDArray[np.bool_],
    image: Field,
    bone: Field,
) -> Field:
    """The vertebral column's pixels, averaged through the slice."""
    count = int(np.clip(round(thickness_mm / _SUBSLICE_MM), 1, 3))
    offsets = ((np.arange(count) + 0.5) / count - 0.5) * thickness_mm
    edge = max(0.9, 1.2 * max(plane.spacing_mm))
    slabs = []
    for offset in offsets:
        shifted = Plane(
            plane.origin_mm + offset * plane.normal,
            plane.along_row,
            plane.along_column,
            plane.spacing_mm,
        )
        u, v, s = (c[column] for c in anatomy.axis.coordinates(shifted, shape))
        slabs.append(_paint_column(Pixels(anatomy, u, v, s, edge), signals, image[column], bone))
    # the outer pair first: a mirrored plane adds the same numbers and so the same picture
    total = slabs[0] if count == 1 else slabs[0] + slabs[-1]
    return (total + slabs[1] if count == 3 else total) / np.float32(count)


def _paint_column(pixels: Pixels, signals: Signals, image: Field, bone: Field) -> Field:
    painted = image.copy()
    paint_around_canal(painted, pixels, signals, bone)
    paint_discs(painted, pixels, signals, bone)
    paint_bones(painted, pixels, signals, bone)
    paint_canal(painted, pixels, signals)
    return painted


def acquire(
    image: NDArray[np.float32],
    rng: np.random.Generator,
    habitus: Habitus,
    bits: int = 12,
    plane: Plane | None = None,
) -> NDArray[np.uint16]:
    """The picture that a scanner stores of `image`: uneven light, Rician noise, `bits` bits.

    With the `plane` of the slice, a coil under the back lights what is near to it (Roemer et al., MRM 1990;16:192, without full
    correction); magnitude images have Rician noise (Gudbjartsson and Patz, MRM 1995;34:910),
    correlated between neighbours as after interpolation.
    """
    lit = image if plane is None else image * _sensitivity(image.shape, plane, habitus)
    noise = [habitus.noise * _correlated(rng, image.shape) for _ in range(2)]
    magnitude = np.hypot(lit + noise[0], noise[1]) * habitus.gain
    stored: NDArray[np.uint16] = np.clip(np.rint(magnitude), 0, 2**bits - 1).astype(np.uint16)
    return stored


def _sensitivity(shape: tuple[int, ...], plane: Plane, habitus: Habitus) -> Field:
    """How strongly the coil hears each pixel: falls off to the front, ripples head to foot."""
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    points = plane.to_world(np.stack([columns, rows], axis=-1)) - np.asarray(habitus.centre_mm)
    away = np.maximum(75.0 + habitus.skin_fat_mm - points[..., 1], 0.0) / habitus.coil_depth_mm
    ripple = 1.0 + habitus.coil_ripple * np.cos(2 * np.pi * points[..., 2] / 105.0)
    light: Field = 1.35 * ripple / (1.0 + away**2) ** 1.1
    return light.astype(np.float32)


def _correlated(rng: np.random.Generator, shape: tuple[int, ...]) -> Field:
    """Unit Gaussian noise, smoothed a little along both axes."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    for axis in (0, 1):
        noise = 0.9 * noise + 0.3 * (np.roll(noise, 1, axis) + np.roll(noise, -1, axis))
    return noise
