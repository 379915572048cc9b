"""How finely a phantom is sampled: the ranges of matrices, fields of view and slice distances.

`full` has those of the challenge's series (matrices from its 5,263 series' sizes, the rest from
whole studies: sagittal stacks of 18-25 slices 3-4.5 mm apart, 42-60 axial slices); `small` is the
same examination on a coarser grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

__all__ = ["SAMPLINGS", "Range", "Sampling", "Size"]

Range = tuple[float, float]


class Size(StrEnum):
    """How finely a study is sampled: `small` for tests and the demo, `full` as the real files."""

    SMALL = "small"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Ranges that a size's series are drawn from; matrices in pixels, distances in mm."""

    sagittal_px: tuple[int, ...]
    sagittal_field_mm: Range
    sagittal_slices: tuple[int, int]
    sagittal_spacing_mm: Range
    axial_px: tuple[int, ...]
    axial_field_mm: Range
    block_slices: tuple[int, int]
    block_spacing_mm: Range
    parallel_spacing_mm: Range


SAMPLINGS: Mapping[Size, Sampling] = MappingProxyType(
    {
        Size.SMALL: Sampling(
            sagittal_px=(160, 168, 176, 184, 192),
            sagittal_field_mm=(255.0, 300.0),
            sagittal_slices=(13, 15),
            sagittal_spacing_mm=(4.0, 4.8),
            axial_px=(128, 136, 144),
            axial_field_mm=(150.0, 185.0),
            block_slices=(3, 4),
            block_spacing_mm=(3.5, 4.5),
            parallel_spacing_mm=(5.0, 6.0),
        ),
        Size.FULL: Sampling(
            sagittal_px=(448, 512, 560, 640),
            sagittal_field_mm=(240.0, 320.0),
            sagittal_slices=(18, 25),
            sagittal_spacing_mm=(3.0, 4.5),
            axial_px=(256, 320, 384, 448),
            axial_field_mm=(150.0, 200.0),
            block_slices=(9, 12),
            block_spacing_mm=(3.5, 4.5),
            parallel_spacing_mm=(4.0, 4.5),
        ),
    }
)
