"""How wide the 25 passages of one spine are: the continuous truth that a grade is a threshold on.

The three quantities are those that the literature measures the three kinds of stenosis by: the
front-to-back diameter of the thecal sac, the fat left round a nerve in its foramen, and the depth
of the lateral recess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from lumbar.domain import CELLS, Cell, Condition, Family, Level, Severity, Side

__all__ = ["RANGES", "THRESHOLDS", "FiveLevels", "Morphology"]

FiveLevels = tuple[float, float, float, float, float]
"""One value a level, L1/L2 ... L5/S1."""

THRESHOLDS: Mapping[Family, tuple[float, float]] = MappingProxyType(
    {
        # Absolute stenosis is a sac of less than 10 mm (Verbiest 1954; Steurer et al., BMC
        # Musculoskelet Disord 2011;12:175); at 7 mm no fluid is left between the roots.
        Family.CANAL: (10.0, 7.0),
        # Lee et al., AJR 2010;194:1095: fat gone on two opposite sides of the nerve (grade 1-2
        # begins), then all round it (grade 2-3), put as the share of the fat that is left.
        Family.FORAMINAL: (0.55, 0.25),
        # Ciric et al., J Neurosurg 1980;53:433: 5 mm is normal, 3-4 mm suggests stenosis, 2 mm
        # and less is diagnostic.
        Family.SUBARTICULAR: (4.0, 2.5),
    }
)
"""Below the first value a passage is Moderate, below the second Severe (mm, share, mm)."""

RANGES: Mapping[Family, tuple[float, float]] = MappingProxyType(
    {
        Family.CANAL: (3.0, 17.0),
        Family.FORAMINAL: (0.0, 1.0),
        Family.SUBARTICULAR: (0.8, 7.5),
    }
)
"""Narrowest and widest value of a passage that can be drawn (mm, share, mm)."""


@dataclass(frozen=True, slots=True)
class Morphology:
    """The width of every graded passage, levels head to foot.

    `canal_ap_mm` is the front-to-back diameter of the thecal sac in its mid-line at the disc;
    `foraminal_fat` the share (0..1) of the fat round the nerve that a foramen still has;
    `recess_depth_mm` the front-to-back depth of the lateral recess at the disc. ValueError where
    a value lies outside of RANGES.
    """

    canal_ap_mm: FiveLevels
    foraminal_fat: Mapping[Side, FiveLevels]
    recess_depth_mm: Mapping[Side, FiveLevels]

    def __post_init__(self) -> None:
        for cell in CELLS:
            low, high = RANGES[cell.condition.family]
            if not low <= self.of(cell) <= high:
                raise ValueError(
                    f"{cell.column} is {self.of(cell)}: expected a value from {low} to {high}"
                )

    @classmethod
    def from_cells(cls, values: Mapping[Cell, float]) -> Self:
        """Morphology of one value a cell, all 25 of them (KeyError where one is missing)."""

        def levels(family: Family, side: Side | None) -> FiveLevels:
            condition = Condition.of(family, side)
            first, second, third, fourth, fifth = (
                float(values[Cell(condition, level)]) for level in Level
            )
            return first, second, third, fourth, fifth

        return cls(
            canal_ap_mm=levels(Family.CANAL, None),
            foraminal_fat={side: levels(Family.FORAMINAL, side) for side in Side},
            recess_depth_mm={side: levels(Family.SUBARTICULAR, side) for side in Side},
        )

    def of(self, cell: Cell) -> float:
        """The value that decides `cell`'s grade, in its family's unit."""
        side = cell.condition.side
        if side is None:
            return self.canal_ap_mm[cell.level.ordinal]
        by_side = (
            self.foraminal_fat
            if cell.condition.family is Family.FORAMINAL
            else self.recess_depth_mm
        )
        return by_side[side][cell.level.ordinal]

    def severity(self, cell: Cell) -> Severity:
        """The grade that a reader without error gives `cell`: THRESHOLDS applied to its value."""
        moderate, severe = THRESHOLDS[cell.condition.family]
        value = self.of(cell)
        return Severity(int(value < moderate) + int(value < severe))

    def mirrored(self) -> Morphology:
        """The morphology of the patient mirrored left to right."""
        return Morphology(
            canal_ap_mm=self.canal_ap_mm,
            foraminal_fat={side: self.foraminal_fat[side.other] for side in Side},
            recess_depth_mm={side: self.recess_depth_mm[side.other] for side in Side},
        )
