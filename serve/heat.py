"""Heat maps on their way to a viewer: a small grey PNG a finding, and its corners on the slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from lumbar.domain import Cell, Condition, Level
from lumbar.imaging.png import encode_png
from serve.answer import Answer, FindingPart

if TYPE_CHECKING:
    from lumbar.grading.activation import HeatMap

__all__ = ["heat_name", "heat_pictures", "with_corners"]


def heat_name(condition: Condition, level: Level) -> str:
    """The file's name of a finding's heat map."""
    return f"heat-{condition.value}-{level.value}.png"


def heat_pictures(maps: Mapping[Cell, HeatMap]) -> dict[str, bytes]:
    """Each map as an 8-bit grey PNG, by its file's name."""
    return {
        heat_name(cell.condition, cell.level): encode_png(
            np.rint(np.clip(heat.values, 0, 1) * 255).astype(np.uint8)
        )
        for cell, heat in maps.items()
    }


def with_corners(answer: Answer, maps: Mapping[Cell, HeatMap]) -> Answer:
    """The answer with the corners of each picture that has a heat map."""
    findings = tuple(
        _cornered(finding, maps.get(Cell(finding.condition, finding.level)))
        for finding in answer.findings
    )
    return answer.model_copy(update={"findings": findings})


def _cornered(finding: FindingPart, heat: HeatMap | None) -> FindingPart:
    if heat is None or finding.evidence is None:
        return finding
    corners = tuple((float(column), float(row)) for column, row in heat.corners_px)
    evidence = finding.evidence.model_copy(update={"crop_px": corners, "heatmap": True})
    return finding.model_copy(update={"evidence": evidence})
