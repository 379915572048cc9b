"""Which slices of a series lie nearest to a point, and which lie beside one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumbar.domain import Side
from lumbar.errors import GeometryError
from lumbar.imaging.assemble import GAP, SAME_ANGLE_DEG, SAME_PART, SAME_PLACE_MM
from lumbar.imaging.geometry import stack_direction
from lumbar.imaging.study import Instance, Series

__all__ = ["nearest_slice", "neighbours"]


def nearest_slice(series: Series, point_mm: ArrayLike) -> int:
    """Index of the slice whose plane is nearest to a point in patient mm.

    Slices on which the point falls outside the picture come last. Raises GeometryError where no
    slice has a plane.
    """
    shown = [n for n, instance in enumerate(series.instances) if instance.plane is not None]
    if not shown:
        raise GeometryError(f"series {series.series_id}: no slice with a position to search")
    outside, distance = _apart([series.instances[n] for n in shown], point_mm)
    return shown[int(np.lexsort((distance, outside))[0])]


def _apart(
    instances: Sequence[Instance], point_mm: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Of each picture: whether a point falls outside it, and how far it is from its plane."""
    planes = [instance.plane for instance in instances if instance.plane is not None]
    along_row = np.array([plane.along_row for plane in planes])
    along_column = np.array([plane.along_column for plane in planes])
    spacing = np.array([plane.spacing_mm for plane in planes])
    size = np.array([instance.shape for instance in instances])
    offset = np.asarray(point_mm, np.float64) - np.array([plane.origin_mm for plane in planes])
    row = (offset * along_column).sum(1) / spacing[:, 0]
    column = (offset * along_row).sum(1) / spacing[:, 1]
    place = np.stack([row, column], 1)
    outside: NDArray[np.bool_] = np.any((place < -0.5) | (place > size - 0.5), axis=1)
    normal = np.array([plane.normal for plane in planes])
    return outside, np.abs((offset * normal).sum(1))


def neighbours(
    series: Series, index: int, k: int, others: Iterable[Series] = ()
) -> tuple[Instance, ...]:
    """The 2 k + 1 slices around `index` in its block, the outermost repeated.

    A block that `others` hold the rest of goes on there: scanners store one stack in two series.
    Without a plane, slices of one side with successive numbers are neighbours, up to a number that
    is missing, where the series tells slices of both sides and so which way the numbers run.
    """
    if series.instances[index].plane is None:
        return _numbered(series, index, k)
    blocks = series.blocks or (0,) * len(series)
    block = _blocks(series)[blocks[index]]
    before, behind = _rest(block, others, -1), _rest(block, others, 1)
    run = (*before, *block, *behind)
    at = len(before) + blocks[:index].count(blocks[index])
    return tuple(run[min(max(at + step, 0), len(run) - 1)] for step in range(-k, k + 1))


def _numbered(series: Series, index: int, k: int) -> tuple[Instance, ...]:
    """The neighbours of a slice without a plane, from the patient's right to the left."""
    at = series.instances[index]
    told: dict[Side, dict[int, Instance]] = {side: {} for side in Side}
    for instance in series:
        if instance.side and instance.number is not None and instance.plane is None:
            told[instance.side][instance.number] = instance
    if at.side is None or at.number is None or not all(told.values()):
        return (at,) * (2 * k + 1)
    leftward = 1 if np.mean(list(told[Side.LEFT])) > np.mean(list(told[Side.RIGHT])) else -1
    alike = {n: one for n, one in told[at.side].items() if _same_grid(one, at)} | {at.number: at}
    behind, before = ([at], [at])
    for way, found in ((leftward, behind), (-leftward, before)):
        number = at.number
        for _ in range(k):
            number += way * (number + way in alike)  # a number that is missing ends the run
            found.append(alike[number])
    return (*before[:0:-1], *behind)


def _same_grid(one: Instance, other: Instance) -> bool:
    return one.shape == other.shape and one.aspect == other.aspect


Block = Sequence[Instance]


def _blocks(series: Series) -> dict[int, Block]:
    blocks: dict[int, list[Instance]] = {}
    for instance, block in zip(series, series.blocks or (0,) * len(series), strict=True):
        blocks.setdefault(block, []).append(instance)
    return dict(blocks)


def _rest(block: Block, others: Iterable[Series], way: int) -> Block:
    """The block of another series that this goes on in, behind (`way` 1) or before (-1) it."""
    for series in others:
        for other in _blocks(series).values():
            if _goes_on(block, other) if way > 0 else _goes_on(other, block):
                return other
    return ()


def _goes_on(block: Block, other: Block) -> bool:
    """Whether `other` begins one step behind `block`, with slices of the same kind and place."""
    last, first = block[-1], other[0]
    if last.plane is None or first.plane is None or last.shape != first.shape:
        return False
    normal = stack_direction(last.plane.normal)
    alike = np.allclose(last.plane.spacing_mm, first.plane.spacing_mm, rtol=1e-3)
    parallel = normal @ stack_direction(first.plane.normal) >= np.cos(np.radians(SAME_ANGLE_DEG))
    if not (alike and parallel):
        return False
    steps = [*_steps(block, normal), *_steps(other, normal)]
    way = _centre(first) - _centre(last)
    step = float(way @ normal)
    width = last.shape[1] * last.plane.spacing_mm[1]
    beside = float(np.linalg.norm(way - step * normal))
    return (
        bool(steps)
        and SAME_PLACE_MM < step <= GAP * float(np.median(steps))
        and beside < SAME_PART * width
    )


def _steps(block: Block, normal: NDArray[np.float64]) -> list[float]:
    along = [float(_centre(instance) @ normal) for instance in block]
    return [abs(b - a) for a, b in pairwise(along)]


def _centre(instance: Instance) -> NDArray[np.float64]:
    assert instance.plane is not None
    return instance.plane.centre_mm(instance.shape)
