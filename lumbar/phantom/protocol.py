"""How a scanner's operator places the slices of an examination: planes, matrices, spacings.

As in the challenge's whole studies: T1 and T2 sagittal stacks at the same positions, each with a
field of view of its own; axial slices in five blocks, one along each disc, or more rarely in one
parallel block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import View
from lumbar.imaging.geometry import Plane
from lumbar.phantom.anatomy import LevelFrame
from lumbar.phantom.sampling import SAMPLINGS, Range, Sampling, Size

__all__ = ["SeriesPlan", "plan_localizer", "plan_study"]

Vector = NDArray[np.float64]


OBLONG_SHARE = 0.1
"""Share of series whose rows and columns differ in number (211 of 1,653 real T1 series)."""

PARALLEL_SHARE = 0.15
"""Share of studies whose axial slices are one parallel block."""


@dataclass(frozen=True, slots=True, eq=False)
class SeriesPlan:
    """The slices of one series in order of instance number, in the frame of the anatomy."""

    view: View | None
    contrast: Literal["t1", "t2"]
    shape: tuple[int, int]
    thickness_mm: float
    spacing_mm: float
    planes: tuple[Plane, ...]
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Where the slices of a sagittal stack lie, before a matrix is chosen."""

    centre_mm: Vector
    along_row: Vector
    along_column: Vector
    offsets_mm: Vector
    thickness_mm: float
    spacing_mm: float


def plan_study(
    discs: Sequence[LevelFrame],
    sides_mm: Vector,
    size: Size,
    rng: np.random.Generator,
    parallel_axial: bool | None = None,
) -> tuple[SeriesPlan, ...]:
    """Plans of a sagittal T1, a sagittal T2 and an axial T2 series.

    `discs` head to foot; `sides_mm` `[n, 3]` are points that the sagittal stack has to cover
    (the foramina). `parallel_axial` forces one parallel axial block or five angled ones.
    The generator is used in a way that the sagittal series do not depend on that choice.
    """
    sagittal_rng, axial_rng = rng.spawn(2)
    sampling = SAMPLINGS[size]
    stack = _sagittal_stack(discs, sides_mm, sampling, sagittal_rng)
    return (
        _sagittal_plan(View.SAGITTAL_T1, stack, sampling, sagittal_rng),
        _sagittal_plan(View.SAGITTAL_T2, stack, sampling, sagittal_rng),
        _axial_plan(discs, sampling, axial_rng, parallel_axial),
    )


def _sagittal_stack(
    discs: Sequence[LevelFrame], sides_mm: Vector, sampling: Sampling, rng: np.random.Generator
) -> Stack:
    along_row, along_column = _turned(
        np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0]), rng, degrees=2.5
    )
    normal = np.cross(along_row, along_column)
    middle = np.mean([disc.centre_mm for disc in discs], axis=0)
    across = (sides_mm - middle) @ normal
    count = int(rng.integers(sampling.sagittal_slices[0], sampling.sagittal_slices[1] + 1))
    needed = (float(np.ptp(across)) + 8.0) / (count - 1)
    spacing = round(max(rng.uniform(*sampling.sagittal_spacing_mm), needed), 2)
    centre = middle + normal * ((across.min() + across.max()) / 2 + rng.uniform(-2.0, 2.0))
    offsets = (np.arange(count) - (count - 1) / 2) * spacing
    if rng.random() < 0.5:
        offsets = -offsets
    thickness = round(spacing * rng.uniform(0.8, 1.0), 1)
    return Stack(centre, along_row, along_column, np.asarray(offsets), thickness, spacing)


def _sagittal_plan(
    view: View, stack: Stack, sampling: Sampling, rng: np.random.Generator
) -> SeriesPlan:
    shape, pixel = _matrix(sampling.sagittal_px, sampling.sagittal_field_mm, rng)
    shift = rng.uniform(-6.0, 14.0) * stack.along_row + rng.uniform(-8.0, 8.0) * stack.along_column
    normal = np.cross(stack.along_row, stack.along_column)
    planes = tuple(
        _centred(
            stack.centre_mm + shift + offset * normal,
            stack.along_row,
            stack.along_column,
            shape,
            pixel,
        )
        for offset in stack.offsets_mm
    )
    contrast: Literal["t1", "t2"] = "t1" if view is View.SAGITTAL_T1 else "t2"
    return SeriesPlan(
        view, contrast, shape, stack.thickness_mm, stack.spacing_mm, planes, (0,) * len(planes)
    )


def _axial_plan(
    discs: Sequence[LevelFrame],
    sampling: Sampling,
    rng: np.random.Generator,
    parallel_axial: bool | None,
) -> SeriesPlan:
    parallel_rng, blocks_rng = rng.spawn(2)
    drawn = bool(rng.random() < PARALLEL_SHARE)
    reverse = rng.random() < 0.3
    shape, pixel = _matrix(sampling.axial_px, sampling.axial_field_mm, rng)
    if drawn if parallel_axial is None else parallel_axial:
        spacing, placed = _parallel_slices(discs, sampling, parallel_rng)
    else:
        spacing, placed = _angled_slices(discs, sampling, blocks_rng)
    pieces = [(block, _centred(*where, shape, pixel)) for block, where in placed]
    if reverse:
        pieces.reverse()
    blocks, planes = zip(*pieces, strict=True)
    thickness = round(spacing * rng.uniform(0.85, 1.0), 1)
    return SeriesPlan(View.AXIAL_T2, "t2", shape, thickness, spacing, planes, blocks)


Placed = tuple[int, tuple[Vector, Vector, Vector]]
"""A slice's block and its centre, direction along the row and along the column."""


def _angled_slices(
    discs: Sequence[LevelFrame], sampling: Sampling, rng: np.random.Generator
) -> tuple[float, list[Placed]]:
    """Five blocks along the discs, the same number of slices or one more in each."""
    spacing = round(rng.uniform(*sampling.block_spacing_mm), 1)
    placed: list[Placed] = []
    for block, disc in enumerate(discs):
        count = int(rng.integers(sampling.block_slices[0], sampling.block_slices[1] + 1))
        directions = _axial_directions(disc.normal, rng, degrees=2.0)
        centre = _behind(disc.centre_mm, directions, rng)
        down = -np.cross(*directions)
        start = rng.uniform(-1.2, 1.2) - spacing * (count - 1) / 2
        placed += [
            (block, (centre + (start + i * spacing) * down, *directions)) for i in range(count)
        ]
    return spacing, placed


def _parallel_slices(
    discs: Sequence[LevelFrame], sampling: Sampling, rng: np.random.Generator
) -> tuple[float, list[Placed]]:
    """One block from above the first disc to below the last, angled as the middle ones."""
    spacing = round(rng.uniform(*sampling.parallel_spacing_mm), 1)
    directions = _axial_directions(
        np.mean([d.normal for d in discs[1:4]], axis=0), rng, degrees=3.0
    )
    down = -np.cross(*directions)
    middle = _behind(np.mean([disc.centre_mm for disc in discs], axis=0), directions, rng)
    heights = [float((disc.centre_mm - middle) @ down) for disc in discs]
    top, bottom = min(heights) - rng.uniform(6.0, 14.0), max(heights) + rng.uniform(6.0, 14.0)
    offsets = np.arange(top, bottom, spacing)
    return spacing, [(0, (middle + offset * down, *directions)) for offset in offsets]


def _behind(centre: Vector, directions: tuple[Vector, Vector], rng: np.random.Generator) -> Vector:
    """The centre of an axial picture: in its plane some way behind the disc's, at the canal."""
    along_row, along_column = directions
    return centre + rng.uniform(-4.0, 4.0) * along_row + rng.uniform(12.0, 28.0) * along_column


def _axial_directions(
    normal: Vector, rng: np.random.Generator, degrees: float
) -> tuple[Vector, Vector]:
    up = normal if normal[2] > 0 else -normal
    along_row = np.array([1.0, 0.0, 0.0]) - up[0] * up
    along_row /= np.linalg.norm(along_row)
    return _turned(along_row, np.cross(up, along_row), rng, degrees)


def _turned(
    along_row: Vector, along_column: Vector, rng: np.random.Generator, degrees: float
) -> tuple[Vector, Vector]:
    """Both directions turned about a random axis by a normal angle of standard deviation/√3."""
    x, y, z = np.radians(rng.normal(0.0, degrees / np.sqrt(3.0), 3))
    row = along_row + np.cross([x, y, z], along_row)
    row /= np.linalg.norm(row)
    column = along_column + np.cross([x, y, z], along_column)
    column -= (column @ row) * row
    return row, column / np.linalg.norm(column)


def _matrix(
    choices: Sequence[int], field_mm: Range, rng: np.random.Generator
) -> tuple[tuple[int, int], float]:
    """(rows, columns) and the edge of a pixel in mm."""
    columns = int(rng.choice(choices))
    pixel = round(rng.uniform(*field_mm) / columns, 4)
    rows = columns
    if rng.random() < OBLONG_SHARE:
        rows = int(columns * rng.uniform(1.02, 1.15)) // 2 * 2
    return (rows, columns), pixel


def _centred(
    centre: Vector, along_row: Vector, along_column: Vector, shape: tuple[int, int], pixel: float
) -> Plane:
    rows, columns = shape
    origin = centre - pixel * (columns - 1) / 2 * along_row - pixel * (rows - 1) / 2 * along_column
    return Plane(origin, along_row, along_column, (pixel, pixel))


def plan_localizer(discs: Sequence[LevelFrame]) -> SeriesPlan:
    """Three coarse slices through the middle of the spine: coronal, sagittal and axial."""
    middle = np.mean([disc.centre_mm for disc in discs], axis=0)
    shape, pixel = (96, 96), 3.5
    planes = tuple(_centred(middle, *pair, shape, pixel) for pair in _three_directions())
    return SeriesPlan(None, "t2", shape, 8.0, 8.0, planes, (0, 1, 2))


def _three_directions() -> Iterator[tuple[Vector, Vector]]:
    left, back, foot = np.eye(3) * [1.0, 1.0, -1.0]
    yield left, foot
    yield back, foot
    yield left, back
