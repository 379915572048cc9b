"""Fine structure that fills space: trabeculae, muscle fibres, bowel, each a sum of plane waves.

A plane wave cut by a plane is a product of functions of the row and of the column, so a field of
a hundred waves costs one matrix product, and the same anatomy shows the same texture whichever
way it is cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lumbar.imaging.geometry import Plane
from lumbar.phantom.spine import Field

__all__ = ["Texture", "Textures"]


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """Stationary Gaussian noise in space: unit variance, band-limited.

    `waves` are the wave vectors `[n, 3]` in radians a mm, `phases` `[n]`.
    """

    waves: Field
    phases: Field

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        wavelength_mm: tuple[float, float, float],
        handedness: int,
        count: int = 56,
    ) -> Texture:
        """Noise whose mean wavelength along x, y, z is given; handedness -1 mirrors it."""
        direction = rng.normal(size=(count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        size = 2 * np.pi * rng.uniform(0.6, 1.6, (count, 1)) / np.asarray(wavelength_mm)
        waves = direction * size * np.array([float(handedness), 1.0, 1.0])
        return cls(waves, rng.uniform(0, 2 * np.pi, count))

    def on(self, plane: Plane, shape: tuple[int, int], thickness_mm: float) -> Field:
        """The noise averaged over a slice, float32 `[rows, columns]`."""
        weight = np.sinc((self.waves @ plane.normal) * thickness_mm / (2 * np.pi))
        weight *= np.sqrt(2.0 / len(self.phases))
        across, down = self.waves @ plane.along_row, self.waves @ plane.along_column
        start = (self.waves @ plane.origin_mm + self.phases) % (2 * np.pi)
        by_row = _angles(shape[0], down * plane.spacing_mm[0])
        by_column = _angles(shape[1], across * plane.spacing_mm[1]) + start.astype(np.float32)
        rows = np.concatenate([np.cos(by_row), -np.sin(by_row)], axis=1)
        columns = np.concatenate([np.cos(by_column), np.sin(by_column)], axis=1)
        product: Field = (rows * np.tile(weight, 2).astype(np.float32)) @ columns.T
        return product


def _angles(count: int, step: Field) -> Field:
    return np.arange(count, dtype=np.float32)[:, None] * step.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Textures:
    """The fine structure of one patient: bony trabeculae, muscle fibres, large soft patches."""

    bone: Texture
    fibre: Texture
    patch: Texture

    @classmethod
    def draw(cls, seed: int, handedness: int) -> Textures:
        """Drawn from the patient's texture seed, mirrored where `handedness` is -1."""
        draws = [np.random.default_rng([seed, number]) for number in range(3)]
        return cls(
            Texture.draw(draws[0], (4.8, 4.8, 4.8), handedness),
            Texture.draw(draws[1], (7.0, 7.0, 70.0), handedness),
            Texture.draw(draws[2], (48.0, 40.0, 48.0), handedness),
        )
