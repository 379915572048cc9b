"""Everything of a patient and a scanner that no grade depends on, drawn from a seed.

The nuisance that a reader looks past: how tall, curved, muscled and fat the patient is, how wet
the discs are, how bright the marrow, how the coil lights the back, how noisy the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["FIRST_LUMBAR", "FIRST_SACRAL", "VERTEBRAE", "Habitus"]

VERTEBRAE: tuple[str, ...] = (
    *("T9", "T10", "T11", "T12"),
    *("L1", "L2", "L3", "L4", "L5"),
    *("S1", "S2", "S3", "S4", "S5"),
)
"""The vertebrae of a phantom, head to foot; disc j lies below vertebra j."""

FIRST_LUMBAR = VERTEBRAE.index("L1")
FIRST_SACRAL = VERTEBRAE.index("S1")

Numbers = tuple[float, ...]

# Means of adults: lumbar bodies and discs after Zhou et al., Eur Spine J 2000;9:242 and
# Wolf et al., Spine 2001;26:1646; the sacrum and the thoracic levels follow on smoothly.
_BODY_HEIGHT = (20.0, 21.0, 22.0, 24.0, 26.0, 27.0, 27.5, 27.5, 27.5, 30.0, 24.0, 20.0, 17.0, 14.0)
_BODY_DEPTH = (26.0, 27.0, 28.5, 30.0, 31.0, 32.5, 33.5, 34.0, 34.0, 29.0, 20.0, 15.5, 12.0, 9.0)
_HALF_WIDTH = (14.0, 15.0, 17.0, 19.0, 21.0, 22.0, 23.0, 24.0, 25.5, 26.0, 22.0, 18.0, 15.0, 12.0)
_DISC_HEIGHT = (4.0, 4.5, 5.0, 6.5, 8.0, 9.5, 10.5, 11.5, 10.5, 4.0, 2.5, 1.5, 1.0)
# Inclination of each body in a supine patient: degrees by which its axis runs backwards on its
# way to the foot; between L1 and S1 that is a lordosis of 54 degrees.
_INCLINATION = (-1.0, -5.0, -9.0, -12.0, -12.0, -8.0, -1.0, 9.0, 23.0, 42.0, 53.0, 44.0, 18.0, -8.0)


@dataclass(frozen=True, slots=True)
class Habitus:
    """One patient's build and one scanner's manner; lengths in mm, angles in degrees.

    The tuples run over VERTEBRAE or their discs. `handedness` is -1 in a mirrored patient and
    turns the textures and the organs over with the rest.
    """

    body_height_mm: Numbers
    body_depth_mm: Numbers
    half_width_mm: Numbers
    disc_height_mm: Numbers
    hydration: Numbers
    bulge_mm: Numbers
    inclination_deg: Numbers
    lateral_deg: Numbers
    roll_deg: float
    centre_mm: tuple[float, float, float]
    sac_ap_mm: float
    sac_half_width_mm: float
    epidural_fat_mm: float
    foramen: float
    facet_left: Numbers
    facet_right: Numbers
    nerve_left_mm: Numbers
    nerve_right_mm: Numbers
    conus_mm: float
    skin_fat_mm: float
    muscle_bulk: float
    muscle_fat: float
    marrow_t1: float
    marrow_t2: float
    marrow_patches: float
    fat_t2: float
    contrast: float
    coil_depth_mm: float
    coil_ripple: float
    noise: float
    gain: float
    texture_seed: int
    handedness: int = 1

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Habitus:
        """A patient at random: adults as they come to a lumbar MRI."""
        scale = float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.13))
        hydration = _hydration(rng)
        sizes = _sizes(rng, scale, hydration)
        return cls(
            **sizes,
            hydration=_numbers(hydration),
            bulge_mm=_numbers(rng.uniform(0.3, 2.0, len(_DISC_HEIGHT))),
            **_posture(rng),
            **_passages(rng, scale),
            conus_mm=float(rng.normal(0.0, 10.0)),
            skin_fat_mm=float(np.clip(rng.lognormal(3.0, 0.4), 8.0, 48.0)),
            muscle_bulk=float(np.clip(rng.normal(1.0, 0.1), 0.75, 1.25)),
            muscle_fat=float(rng.beta(2.0, 3.0)),
            marrow_t1=float(np.clip(rng.normal(0.60, 0.07), 0.42, 0.76)),
            marrow_t2=float(np.clip(rng.normal(0.40, 0.06), 0.24, 0.54)),
            marrow_patches=float(rng.uniform(0.03, 0.11)),
            fat_t2=float(np.clip(rng.normal(0.72, 0.09), 0.5, 0.9)),
            contrast=float(np.clip(rng.normal(1.0, 0.1), 0.8, 1.25)),
            coil_depth_mm=float(rng.uniform(65.0, 120.0)),
            coil_ripple=float(rng.uniform(0.02, 0.12)),
            noise=float(rng.uniform(0.008, 0.026)),
            gain=float(np.clip(rng.lognormal(6.9, 0.25), 500.0, 1700.0)),
            texture_seed=int(rng.integers(2**31)),
        )

    def mirrored(self) -> Habitus:
        """The same patient mirrored left to right (x negated)."""
        x, y, z = self.centre_mm
        return replace(
            self,
            lateral_deg=tuple(-angle for angle in self.lateral_deg),
            roll_deg=-self.roll_deg,
            centre_mm=(-x, y, z),
            facet_left=self.facet_right,
            facet_right=self.facet_left,
            nerve_left_mm=self.nerve_right_mm,
            nerve_right_mm=self.nerve_left_mm,
            handedness=-self.handedness,
        )


def _numbers(values: object) -> Numbers:
    return tuple(float(value) for value in np.asarray(values, np.float64))


def _hydration(rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Water of each disc, 0 (black) to 1 (white): one age a patient, worse towards the foot."""
    age = rng.beta(2.0, 2.2)
    load = np.interp(np.arange(13), [0, 4, 7, 8, 9, 12], [0.0, 0.05, 0.3, 0.3, 0.1, 0.1])
    return np.clip(1.0 - age - load + rng.normal(0.0, 0.16, 13), 0.02, 1.0)


def _sizes(
    rng: np.random.Generator,
    scale: float,
    hydration: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> dict[str, Any]:
    """Heights, depths and widths; a dry disc has lost up to a third of its height."""
    count = len(VERTEBRAE)
    heights = np.asarray(_BODY_HEIGHT) * scale * rng.normal(1.0, 0.025, count)
    depths = np.asarray(_BODY_DEPTH) * scale * rng.normal(1.0, 0.04)
    widths = np.asarray(_HALF_WIDTH) * scale * rng.normal(1.0, 0.04)
    discs = np.asarray(_DISC_HEIGHT) * scale * rng.normal(1.0, 0.07, count - 1)
    discs *= 0.68 + 0.32 * np.clip(hydration * 1.5, 0.0, 1.0)
    return {
        "body_height_mm": _numbers(heights),
        "body_depth_mm": _numbers(depths),
        "half_width_mm": _numbers(widths),
        "disc_height_mm": _numbers(discs),
    }


def _posture(rng: np.random.Generator) -> dict[str, Any]:
    """How the patient lies: lordosis, a slight or marked lateral curve, tilt, roll, place."""
    order = np.arange(len(VERTEBRAE), dtype=np.float64)
    lordosis = np.clip(rng.normal(1.0, 0.18), 0.55, 1.35)
    inclination = np.asarray(_INCLINATION) * lordosis + rng.normal(0.0, 2.5)
    inclination += rng.normal(0.0, 1.0, len(order))
    curve = rng.normal(0.0, 2.5) * (1.0 if rng.uniform() < 0.8 else 2.5)
    apex = rng.uniform(5.0, 8.0)
    lateral = curve * np.sin((order - apex) * 2 * np.pi / 9.0) * np.clip((11 - order) / 3, 0, 1)
    return {
        "inclination_deg": _numbers(inclination),
        "lateral_deg": _numbers(lateral + rng.normal(0.0, 1.2)),
        "roll_deg": float(rng.normal(0.0, 2.0)),
        "centre_mm": (
            float(rng.normal(0.0, 5.0)),
            float(rng.normal(0.0, 8.0)),
            float(rng.normal(0.0, 8.0)),
        ),
    }


def _passages(rng: np.random.Generator, scale: float) -> dict[str, Any]:
    """Baseline size of canal and foramina away from what is graded, uneven between the sides."""
    return {
        "sac_ap_mm": float(13.6 * np.clip(rng.normal(1.0, 0.055), 0.9, 1.1)),
        "sac_half_width_mm": float(9.0 * scale * np.clip(rng.normal(1.0, 0.07), 0.85, 1.15)),
        "epidural_fat_mm": float(rng.uniform(2.0, 5.0)),
        "foramen": float(np.clip(rng.normal(1.0, 0.07), 0.85, 1.15)),
        "facet_left": _numbers(rng.normal(1.0, 0.08, 13).clip(0.8, 1.25)),
        "facet_right": _numbers(rng.normal(1.0, 0.08, 13).clip(0.8, 1.25)),
        "nerve_left_mm": _numbers(rng.normal(0.0, 0.8, 13).clip(-1.6, 1.6)),
        "nerve_right_mm": _numbers(rng.normal(0.0, 0.8, 13).clip(-1.6, 1.6)),
    }
