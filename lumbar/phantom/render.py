"""A phantom seen by a scanner: a slice as tissue, then as a picture with a picture's faults."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.canal import paint_around_canal, paint_canal
from lumbar.phantom.habitus import VERTEBRAE, Habitus
from lumbar.phantom.pixels import Pixels
from lumbar.phantom.spine import Field
from lumbar.phantom.tissues import Contrast, Signals
from lumbar.phantom.torso import Torso, patient_axes
from lumbar.phantom.vertebrae import paint_bones, paint_discs, paint_interspinous

__all__ = ["acquire", "render"]

_FEW = 24_000  # so few pixels are painted faster all at once than sub-slice by sub-slice


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
    edge = max(0.9, 1.2 * max(plane.spacing_mm))
    place, drift = anatomy.axis.coordinates(plane, shape)
    pixels = Pixels(anatomy, *place, edge)
    image = Torso.on(pixels, signals, plane, thickness_mm).paint()
    column = _column(pixels)
    if column.any():
        bone = anatomy.textures.bone.on(plane, shape, thickness_mm)[column]
        third = [d[column] * np.float32(thickness_mm / 3) for d in drift]
        image[column] = _paint_slab(pixels.where(column), third, signals, image[column], bone)
    return image.astype(np.float32, copy=False)


def _column(pixels: Pixels) -> NDArray[np.bool_]:
    """Which pixels can hold a part of the vertebral column, transverse processes and all."""
    sacrum = np.float32(pixels.anatomy.axis.discs_mm[VERTEBRAE.index("L5")] + 6.0)
    reach = np.where(pixels.s < sacrum, np.float32(40.0), np.float32(19.0))
    near = (pixels.aside < reach) & (pixels.v > -pixels.depth - 5.0) & (pixels.v < 30.0)
    spinous = (pixels.aside < 7.0) & (pixels.v >= 30.0) & (pixels.v < 56.0)
    return near | spinous


def _paint_slab(
    pixels: Pixels, drift: list[Field], signals: Signals, image: Field, bone: Field
) -> Field:
    """The vertebral column's pixels as the mean of three sub-slices through the slice."""
    # the outer pair first: a mirrored plane adds the same numbers and so gives the same picture
    if len(image) <= _FEW:
        three = pixels.thrice(drift)
        stacked = _paint_column(three, signals, np.tile(image, 3), np.tile(bone, 3))
        before, behind, middle = stacked.reshape(3, -1)
    else:
        before, behind, middle = (
            _paint_column(pixels.moved(drift, share), signals, image, bone)
            for share in (-1.0, 1.0, 0.0)
        )
    return np.asarray((before + behind + middle) / np.float32(3))


def _paint_column(pixels: Pixels, signals: Signals, image: Field, bone: Field) -> Field:
    painted = image.copy()
    paint_interspinous(painted, pixels, signals, bone)
    paint_around_canal(painted, pixels, signals)
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

    With the `plane` of the slice, a coil under the back lights what is near to it (Roemer et al.,
    MRM 1990;16:192); without, the light is even. Magnitude images have Rician noise (Gudbjartsson
    and Patz, MRM 1995;34:910), correlated between neighbours as after interpolation.
    """
    lit = (
        image
        if plane is None
        else image * _sensitivity((image.shape[0], image.shape[1]), plane, habitus)
    )
    noise = [habitus.noise * _correlated(rng, image.shape) for _ in range(2)]
    magnitude = np.hypot(lit + noise[0], noise[1]) * habitus.gain
    stored: NDArray[np.uint16] = np.clip(np.rint(magnitude), 0, 2**bits - 1).astype(np.uint16)
    return stored


def _sensitivity(shape: tuple[int, int], plane: Plane, habitus: Habitus) -> Field:
    """How strongly the coil hears each pixel: falls off to the front, ripples head to foot."""
    _, y, z = patient_axes(plane, shape)
    away = 70.0 + habitus.skin_fat_mm + np.float32(habitus.centre_mm[1]) - y
    away = np.maximum(away, 0.0) / np.float32(habitus.coil_depth_mm)
    ripple = 1.0 + habitus.coil_ripple * np.cos((z - habitus.centre_mm[2]) * (2 * np.pi / 105.0))
    light: Field = (1.3 * ripple / (1.0 + away * away)).astype(np.float32)
    return light


def _correlated(rng: np.random.Generator, shape: tuple[int, ...]) -> Field:
    """Unit Gaussian noise, smoothed a little along both axes."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    for axis in (0, 1):
        noise = 0.9 * noise + 0.3 * (np.roll(noise, 1, axis) + np.roll(noise, -1, axis))
    return noise
