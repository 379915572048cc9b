"""How bright each tissue is on T1, T2, STIR and CT, and how one is painted over another.

Shares of the brightest tissue on spin echo at 1.5 T, in the order that every reader knows: on T1
fat is white and fluid dark, on T2 fluid is white, fat nearly so, and a disc as wet as it is young;
STIR is a T2 whose fat, and with it most of the marrow, is nulled. On CT bone is the brightest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
        column = _CONTRASTS.index(contrast)
        values = {tissue: row[column] for tissue, row in _BRIGHTNESS.items()}
        for tissue in _VARIES[contrast]:
            values[tissue] *= habitus.contrast
        marrow = {"t1": habitus.marrow_t1, "t2": habitus.marrow_t2, "stir": 0.4 * habitus.marrow_t2}
        values["marrow"] = marrow.get(contrast, values["marrow"])
        if contrast == "t2":
            values["fat"] = habitus.fat_t2
        return cls(**values)


_CONTRASTS: tuple[Contrast, ...] = ("t1", "t2", "stir", "ct")

_OWN = math.nan
"""The patient's own: `Habitus` has it."""

_BRIGHTNESS: Mapping[str, tuple[float, float, float, float]] = {
    #                T1    T2    STIR   CT
    "fat":         (0.95, _OWN, 0.07, 0.28),
    "marrow":      (_OWN, _OWN, _OWN, 0.62),
    "cortex":      (0.05, 0.04, 0.03, 1.00),
    "annulus":     (0.22, 0.09, 0.08, 0.52),
    "nucleus_dry": (0.29, 0.13, 0.14, 0.50),
    "nucleus_wet": (0.33, 0.74, 0.62, 0.48),
    "ligament":    (0.13, 0.08, 0.07, 0.46),
    "csf":         (0.15, 1.00, 1.00, 0.38),
    "nerve":       (0.30, 0.32, 0.36, 0.43),
    "cord":        (0.32, 0.42, 0.45, 0.44),
    "vein":        (0.34, 0.55, 0.68, 0.45),
    "joint":       (0.22, 0.62, 0.66, 0.40),
    "muscle":      (0.27, 0.14, 0.22, 0.45),
    "skin":        (0.45, 0.30, 0.26, 0.44),
    "vessel":      (0.05, 0.03, 0.05, 0.45),
    "kidney":      (0.36, 0.50, 0.66, 0.44),
    "bowel":       (0.30, 0.36, 0.32, 0.40),
}  # fmt: skip

_VARIES: Mapping[Contrast, tuple[str, ...]] = {
    "t1": ("annulus", "nucleus_dry", "nucleus_wet", "csf", "nerve", "cord", "muscle"),
    "t2": ("nucleus_dry", "muscle"),
    "stir": ("nucleus_dry", "muscle"),
    "ct": (),
}
"""The tissues that `Habitus.contrast` makes brighter or darker."""


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
