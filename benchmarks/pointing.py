"""How well heat maps point: their maximum against what a narrowing changed, on phantoms.

python -m benchmarks.pointing --bundle runs/demo/bundle [--studies 40] [--method NAME] [--shift 10]

The pointing game (Zhang et al., ECCV 2016): a hit is a map whose maximum lies on a pixel that the
narrowing changed (`lumbar.phantom.changed`), within `TOLERANCE_MM` or half an edge of the map's own
places. Counted are the cells that the first reader calls Severe and the bundle grades so. The
yardstick is the maximum of the mean map of all cells, which points where findings usually are. A
crop's centre is where its narrowing is, so `--shift` moves every point by up to so many mm each
way, and a map has to find what moved.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.heat_candidates import CANDIDATES
from lumbar.domain import Cell, Family, Severity
from lumbar.grading.activation import HeatMap, HeatOf, heat_maps, heat_of
from lumbar.grading.crops import cut_crops
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.imaging import read_uploaded
from lumbar.imaging.study import Study
from lumbar.imaging.tables import LabelPoint
from lumbar.phantom import PhantomStudy, make_study
from lumbar.phantom.changed import changed_pixels
from lumbar.phantom.write import study_files

__all__ = ["Pointed", "main", "points_of"]

SEED = 1007
"""A cohort that no recipe trains on."""
TOLERANCE_MM = 1.0
"""A pixel of a crop."""


@dataclass(frozen=True, slots=True, eq=False)
class Pointed:
    """One severe cell graded right: its family, its map, and what its narrowing changed.

    `near` `[h, w]` says of each of the map's places whether it is a hit.
    """

    family: Family
    values: NDArray[np.float32]
    near: NDArray[np.bool_]


def main(arguments: list[str] | None = None) -> None:
    """Print the shares of hits."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="first study of the cohort")
    parser.add_argument("--shift", type=float, default=10.0, help="mm each way (default 10)")
    parser.add_argument("--method", nargs="*", choices=["kept", *CANDIDATES], default=["kept"])
    options = parser.parse_args(arguments)
    grader = Grader.from_bundle(options.bundle)
    print(f"{options.bundle.name}, {options.studies} phantoms, shift {options.shift:g} mm")
    ways = {name: CANDIDATES.get(name, heat_of) for name in options.method}
    studies = range(options.first, options.first + options.studies)
    for name, (found, mean) in points_of(grader, studies, options.shift, ways).items():
        print_shares(name, found, mean)


def points_of(
    grader: Grader, studies: range, shift_mm: float, ways: Mapping[str, HeatOf]
) -> dict[str, tuple[list[Pointed], NDArray[np.float32]]]:
    """For each way to make maps the severe cells graded right, and the mean map of all cells."""
    model, settings = grader.bundle.grader(), grader.bundle.config.crops
    found: dict[str, list[Pointed]] = {name: [] for name in ways}
    every: dict[str, list[NDArray[np.float32]]] = {name: [] for name in ways}
    for index in studies:
        phantom = make_study(SEED, index)
        study, landmarks = _shifted(phantom, shift_mm, index)
        grades = grader.grade_at(study, landmarks)
        severe = [
            finding.cell
            for finding in grades.graded()
            if phantom.grades[finding.cell] is finding.severity is Severity.SEVERE
        ]
        if not severe and index % 4:
            continue  # enough others are there for the mean map
        crops = cut_crops(study, landmarks, settings)
        for name, how in ways.items():
            heat = heat_maps(model, crops, landmarks, grades, settings, how)
            every[name] += [one.values for one in heat.values()]
            for cell in severe:
                near = _near(phantom, cell, heat[cell], index)
                if near is not None:
                    found[name].append(Pointed(cell.condition.family, heat[cell].values, near))
    return {name: (found[name], np.mean(every[name], axis=0)) for name in ways}


def print_shares(method: str, found: list[Pointed], mean: NDArray[np.float32]) -> None:
    """One line: shares of hits of the maps and of the mean map, all and by family."""
    parts = []
    for name, chosen in _groups(found):
        hits = np.mean([one.near.flat[one.values.argmax()] for one in chosen])
        usual = np.mean([one.near.flat[mean.argmax()] for one in chosen])
        area = np.mean([one.near.mean() for one in chosen])
        parts.append(f"{name} {hits:.3f} (mean map {usual:.3f}, area {area:.3f}, n {len(chosen)})")
    print(f"{method:16s} {'; '.join(parts)}", flush=True)


def _groups(found: list[Pointed]) -> Iterator[tuple[str, list[Pointed]]]:
    yield "all", found
    for family in Family:
        mine = [one for one in found if one.family is family]
        if mine:
            yield str(family), mine


def _shifted(phantom: PhantomStudy, shift_mm: float, index: int) -> tuple[Study, Landmarks]:
    files = study_files(phantom, frozenset({"uncompressed"}))
    (study,) = read_uploaded(
        {f"train_images/{file.path.as_posix()}": file.content for file in files}, trusted=True
    )
    labels = [
        LabelPoint(phantom.study_id, p.series_id, p.number, p.cell, p.x, p.y)
        for p in phantom.points()
    ]
    rng = np.random.default_rng([SEED, index])
    landmarks = Landmarks.of_labels(study, labels)
    return study, Landmarks(
        {cell: _moved(mark, shift_mm, rng) for cell, mark in landmarks.points.items()},
        landmarks.reasons,
    )


def _moved(mark: Landmark, shift_mm: float, rng: np.random.Generator) -> Landmark:
    row_mm, column_mm = mark.instance.pixel_mm()
    step = rng.uniform(-shift_mm, shift_mm, 2) / (column_mm, row_mm)
    return Landmark.at(mark.cell, mark.series, mark.index, np.add(mark.point_px, step))


def _near(phantom: PhantomStudy, cell: Cell, heat: HeatMap, index: int) -> NDArray[np.bool_] | None:
    """Which places of a map lie on changed pixels; None where none changed."""
    label = next(point for point in phantom.points() if point.cell == cell)
    series = next(one for one in phantom.series if one.series_id == label.series_id)
    piece = next(one for one in series.slices if one.number == label.number)
    changed = changed_pixels(phantom, cell, series, piece, SEED, index)
    if not changed.any():
        return None
    rows, columns = np.nonzero(changed)
    grid = heat.places_px()
    spacing = piece.plane.spacing_mm
    away = np.hypot(
        (grid[..., 0, None] - columns) * spacing[1], (grid[..., 1, None] - rows) * spacing[0]
    )
    place_mm = abs(np.diff(grid[:2, :2].reshape(4, 2)[[0, 3]], axis=0) * spacing[::-1]).max()
    return np.asarray(away.min(axis=-1) <= max(TOLERANCE_MM, place_mm / 2))


if __name__ == "__main__":
    main()
