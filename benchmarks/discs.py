"""How far a locator's canal points lie from the discs of patients whose slices have masks.

python -m benchmarks.discs DATA/spider/t2_masks [--bundle DIR] [--all] [--cut foot|head]

The folder has `images/` and `masks/` (van der Graaf et al., Scientific Data 11, 2024). The masks
name no level; they are counted from the sacrum, the lowest disc being L5/S1. Distances are in
halves of the disc's height: below 1 a point lies beside its disc. Without --all only patients of
the bundle's held-out fold count. Slices with fewer than five counted discs are left out. With --cut
the pictures end above L5/S1 or begin below L1/L2, as no lumbar picture should: what counts is that
no level is given another's name.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lumbar.domain import CELLS, Family, Level, LevelNumbering, View
from lumbar.errors import ConfigError, LumbarError
from lumbar.grading.grader import Grader
from lumbar.grading.store import fold_of
from lumbar.imaging.study import Instance, Series, Study
from lumbar.pipelines.masks import Disc, discs_of, grey, has_masks

CANAL = {cell.level: cell for cell in CELLS if cell.condition.family is Family.CANAL}


@dataclass(frozen=True, slots=True)
class Found:
    """One level of one slice: `off` from its disc along the canal and `away` from the canal's
    middle beside it, in halves of the disc's height; `nearest` is the level whose disc is nearest.
    None where the locator did not find it."""

    level: Level
    off: float | None
    away: float | None
    nearest: Level | None


def judge(
    grader: Grader, path: Path, discs: tuple[Disc, ...], end: str | None = None
) -> tuple[list[Found], bool]:
    """The levels of a slice whose canal the mask shows; whether their numbering was certain.

    `end` is "foot" or "head" to cut that level's disc off, halfway to the next one.
    """
    pixels = grey(path)
    rows = _rows(discs, end, len(pixels))
    picture = Instance("1", "1", path.name, pixels[rows])
    series = Series("1", View.SAGITTAL_T2, "its folder says so", (picture,))
    marks = grader.locate(Study(path.stem, (series,)))
    points = {
        cell.level: (marks.points[cell].point_px[0], marks.points[cell].point_px[1] + rows.start)
        for cell in CANAL.values()
        if cell in marks.points
    }
    found = [_found(disc, points.get(disc.level), discs) for disc in discs if disc.canal_px]
    return found, marks.numbering is LevelNumbering.CERTAIN


def _rows(discs: tuple[Disc, ...], end: str | None, rows: int) -> slice:
    """The picture's rows that are left."""
    one, other = discs[-2:] if end == "foot" else discs[:2]
    if end is None:
        return slice(0, rows)
    if not one.canal_px or not other.canal_px:
        raise ConfigError(f"no canal beside the disc that is to be cut off at the {end}")
    half = round((one.canal_px[1] + other.canal_px[1]) / 2)
    return slice(0, half) if end == "foot" else slice(half, rows)


def _found(disc: Disc, point: tuple[float, float] | None, discs: tuple[Disc, ...]) -> Found:
    assert disc.canal_px is not None
    if point is None:
        return Found(disc.level, None, None, None)
    column, row = np.subtract(point, disc.canal_px) / (disc.height_px / 2)
    beside = [one for one in discs if one.canal_px]
    nearest = min(beside, key=lambda one: abs(one.canal_px[1] - point[1]))  # type: ignore[index]
    return Found(disc.level, abs(float(row)), float(np.hypot(column, row)), nearest.level)


def slices(folder: Path) -> Iterator[tuple[Path, tuple[Disc, ...]]]:
    """Slices with five counted discs; ConfigError where the folder has no masks."""
    if not has_masks(folder):
        raise ConfigError(f"{folder}: has no images/ and masks/ side by side")
    for mask in sorted((folder / "masks").iterdir()):
        image = next((folder / "images").glob(f"{mask.stem}.*"), None)
        discs = discs_of(grey(mask).astype(np.uint8))
        if image is not None and len(discs) == len(Level):
            yield image, discs


def report(found: list[list[Found]], certain: list[bool]) -> str:
    """What was found on the slices, as lines to read."""
    levels = [one for slice_ in found for one in slice_]
    off = np.array([one.off for one in levels if one.off is not None])
    away = np.array([one.away for one in levels if one.away is not None])
    named = sum(one.nearest is one.level for one in levels)
    beside, near = int((off <= 1).sum()), int((away <= 1).sum())
    n = len(levels)
    lines = [
        f"{len(found)} slices, {n} levels, {len(off)} found; numbering certain on {sum(certain)}",
        f"beside their disc, within half its height along the canal: {beside} ({beside / n:.3f})",
        f"within half the disc's height of the canal's middle: {near} ({near / n:.3f})",
        f"nearest to the disc of their own name: {named} ({named / n:.3f})",
    ]
    sure = [one for some, told in zip(found, certain, strict=True) if told for one in some]
    other, surely = (sum(one.nearest not in (None, one.level) for one in k) for k in (levels, sure))
    lines.append(
        f"nearest to another level's disc: {other}, of these with certain numbering: {surely}"
    )
    if len(off):
        middle, most = np.percentile(off, [50, 95])
        lines.append(f"along the canal: median {middle:.2f}, 95 % {most:.2f} of half a height")
    return "\n".join(lines)


def _patient(path: Path) -> str:
    return path.stem.split("_")[0]


def main() -> None:
    """Read the slices, locate, print."""
    arguments = ArgumentParser(prog="benchmarks.discs", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("folder", type=Path, help="holds images/ and masks/")
    arguments.add_argument("--bundle", type=Path, help="default: the starter")
    arguments.add_argument("--all", action="store_true", help="patients that it trained on too")
    arguments.add_argument("--cut", choices=("foot", "head"), help="cut L5/S1 or L1/L2 off")
    options = arguments.parse_args()
    try:
        grader = Grader.from_bundle(options.bundle) if options.bundle else Grader.starter()
        told = grader.bundle.card["trained_on"]
        judged = [
            judge(grader, path, discs, options.cut)
            for path, discs in slices(options.folder)
            if (options.all or fold_of(_patient(path), told["folds"]) == told["held_out_fold"])
            and (options.cut is None or all(disc.canal_px for disc in discs))
        ]
        if not judged:
            raise ConfigError(f"{options.folder}: no patient of the held-out fold; try --all")
        print(report(*map(list, zip(*judged, strict=True))))
    except LumbarError as error:
        sys.exit(f"discs: {error}")


if __name__ == "__main__":
    main()
