"""How often readers name the levels of one side of a spine apart from those of the other.

python -m benchmarks.sides ROOT/train_label_coordinates.csv

The foramina of a level lie at nearly one height on both sides. Where a patient's left ones lie a
level above or below the right ones of the same name, all the way down, one side was counted from
another disc. No locator can be right about both, so this bounds what can be asked of one.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lumbar.domain import Family, Level, Side
from lumbar.errors import FormatError, LumbarError
from lumbar.grading.landmarks import APART, side_offset
from lumbar.imaging.tables import LabelPoint, read_label_points


def offsets(points: Iterable[LabelPoint]) -> dict[str, float]:
    """How far each patient's left foramina lie below the right ones, in levels."""
    heights: dict[tuple[str, str], dict[tuple[Side, Level], float]] = {}
    for point in points:
        side = point.cell.condition.side
        if point.cell.condition.family is Family.FORAMINAL and side:
            seen = heights.setdefault((point.study_id, point.series_id), {})
            seen[side, point.cell.level] = point.y
    found = ((study_id, side_offset(seen)) for (study_id, _), seen in heights.items())
    return {study_id: offset for study_id, offset in found if offset is not None}


def report(found: dict[str, float]) -> str:
    """The share of patients whose sides are named half a level and more apart."""
    size = np.abs(list(found.values()))
    apart = sorted(study_id for study_id, offset in found.items() if abs(offset) > APART)
    middle, most = np.percentile(size, [50, 95])
    return (
        f"{len(found)} patients, {len(apart)} ({len(apart) / len(found):.3f}) with sides named a "
        f"level apart\nof all: median {middle:.2f}, 95 % {most:.2f} of the distance of two levels"
    )


def main() -> None:
    """Read the points, print."""
    parser = ArgumentParser(prog="benchmarks.sides", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("points", type=Path, help="train_label_coordinates.csv")
    path = parser.parse_args().points
    try:
        found = offsets(read_label_points(path))
        if not found:
            raise FormatError(f"{path}: has both sides' foramina of no patient in one series")
        print(report(found))
    except LumbarError as error:
        sys.exit(f"sides: {error}")


if __name__ == "__main__":
    main()
