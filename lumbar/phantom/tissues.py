"""How bright each tissue is on T1, T2, STIR and CT, and how one is painted over another.

Shares of the brightest tissue on spin echo at 1.5 T, in the order that every reader knows: on T1
fat is white and fluid dark, on T2 fluid is white, fat nearly so, and a disc as wet as it is young;
STIR is a T2 whose fat, and with it most of the marrow, is nulled. On CT bone is the brightest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lumbar.phantom.habitus import Habitus
from lumbar.phantom.spine import Field

__all__ = ["Contrast", "Signals", "blend", "inside", "smoothstep"]

Contrast = Literal["t1", "t2", "stir", "ct"]


@dataclass(frozen=True, slots=True)
class Signals:
    """Brightness of each tissue, 0..1; `nucleus_dry` and `nucleus_wet` end a scale."""

    fat: float
    marrow: float
    cortex: float
    annulus: float
    nucleus_dry: float
    nucleus_wet: float
    ligament: float
    csf: float
    nerve: float
    cord: float
    vein: float
    joint: float
    muscle: float
    skin: float
    vessel: float
    kidney: float
    bowel: float

    @classmethod
    def of(cls, habitus: Habitus, contrast: Contrast) -> Signals:
        """The patient's tissues as the sequence shows them."""
        power = habitus.contrast
        if contrast == "t1":
            return cls(
                fat=0.95,
                marrow=habitus.marrow_t1,
                cortex=0.05,
                annulus=0.22 * power,
                nucleus_dry=0.29 * power,
                nucleus_wet=0.33 * power,
                ligament=0.13,
                csf=0.15 * power,
                nerve=0.30 * power,
                cord=0.32 * power,
                vein=0.34,
                joint=0.22,
                muscle=0.27 * power,
                skin=0.45,
                vessel=0.05,
                kidney=0.36,
                bowel=0.30,
            )
        if contrast == "stir":
            return cls(
                fat=0.07,
                marrow=0.4 * habitus.marrow_t2,
                cortex=0.03,
                annulus=0.08,
                nucleus_dry=0.14 * power,
                nucleus_wet=0.62,
                ligament=0.07,
                csf=1.0,
                nerve=0.36,
                cord=0.45,
                vein=0.68,
                joint=0.66,
                muscle=0.22 * power,
                skin=0.26,
                vessel=0.05,
                kidney=0.66,
                bowel=0.32,
            )
        if contrast == "ct":
            return cls(
                fat=0.28,
                marrow=0.62,
                cortex=1.0,
                annulus=0.52,
                nucleus_dry=0.5,
                nucleus_wet=0.48,
                ligament=0.46,
                csf=0.38,
                nerve=0.43,
                cord=0.44,
                vein=0.45,
                joint=0.40,
                muscle=0.45,
                skin=0.44,
                vessel=0.45,
                kidney=0.44,
                bowel=0.40,
            )
        return cls(
            fat=habitus.fat_t2,
            marrow=habitus.marrow_t2,
            cortex=0.04,
            annulus=0.09,
            nucleus_dry=0.13 * power,
            nucleus_wet=0.74,
            ligament=0.08,
            csf=1.0,
            nerve=0.32,
            cord=0.42,
            vein=0.55,
            joint=0.62,
            muscle=0.14 * power,
            skin=0.30,
            vessel=0.03,
            kidney=0.5,
            bowel=0.36,
        )


def inside(distance_mm: Field, edge_mm: float) -> Field:
    """Share of a pixel inside a surface, from the signed distance to it (negative inside)."""
    share: Field = np.clip(0.5 - distance_mm / np.float32(edge_mm), 0.0, 1.0)
    return share


def blend(image: Field, value: Field | float, share: Field) -> None:
    """Paint `value` over `image` in place, as far as `share` (0..1) covers it."""
    paint = np.float32(value) if isinstance(value, float) else value
    image += share * (paint - image)


def smoothstep(values: Field, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) / np.float32(high - low), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))
