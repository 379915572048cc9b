"""The canal of the five levels on one sagittal T2 series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lumbar.config import LocatorSettings
from lumbar.domain import Level, LevelNumbering
from lumbar.grading.looks import GAP, Chain, HeatMaps, look_at, look_closer
from lumbar.grading.midline import Middle, middle_slices
from lumbar.grading.networks import CANAL_MAPS, STRIDE
from lumbar.grading.sights import Sight
from lumbar.imaging.study import Series

__all__ = ["Canal", "find_canal", "unsure"]


@dataclass(frozen=True, slots=True, eq=False)
class Canal:
    """Where the canal was found on a series; for the other levels the reason."""

    series: Series
    sights: Mapping[Level, Sight]
    reasons: Mapping[Level, str]
    numbering: LevelNumbering


def find_canal(
    series: Series, middle: Middle | None, heat_maps: HeatMaps, settings: LocatorSettings
) -> Canal:
    """The canal on the surest of the slices that may show it."""
    indices = middle_slices(series, middle)
    looks = look_at(series, indices, heat_maps, settings)
    if not looks:
        why = _EMPTY if indices else "the sagittal T2 slices do not show the middle of the patient"
        return Canal(series, {}, dict.fromkeys(Level, why), LevelNumbering.UNCERTAIN)
    first = max((look.chain(CANAL_MAPS) for look in looks), key=lambda chain: chain.confidence)
    (chain,) = look_closer(series, [first], CANAL_MAPS, heat_maps, settings)
    row = chain.named(series.instances[chain.look.index], settings.min_confidence)
    reasons = dict(row.reasons)
    sights: dict[Level, Sight] = {}
    for level, (spot, confidence) in zip(Level, chain.spots, strict=True):
        reason = reasons.get(level) or unsure(confidence, settings)
        if reason:
            reasons[level] = reason
        else:
            sights[level] = Sight(1.0, chain.look, spot, confidence)
    certain = row.certain and _agreed(first)
    numbering = LevelNumbering.CERTAIN if certain else LevelNumbering.UNCERTAIN
    return Canal(series, sights, reasons, numbering)


def unsure(confidence: float, settings: LocatorSettings) -> str | None:
    """Why a level of too little confidence is not assessed."""
    least = settings.min_confidence
    if confidence >= least:
        return None
    return f"its level was not found with confidence ({confidence:.2f} of at least {least:.2f})"


def _agreed(chain: Chain) -> bool:
    """Whether each level's own map has its peak where the row of all five has it."""
    maps = chain.look.maps[CANAL_MAPS]
    rows = maps.reshape(len(maps), -1).argmax(axis=1) // maps.shape[-1]
    return all(
        abs(row - spot[1] / STRIDE) < GAP for row, (spot, _) in zip(rows, chain.spots, strict=True)
    )


_EMPTY = "the sagittal T2 slices are empty or without contrast"
