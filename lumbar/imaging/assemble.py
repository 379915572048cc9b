"""Slices put in the order of space, told into angulation blocks, freed of doubles; series ranked.

A stack's order comes from positions alone: file names and InstanceNumber run either way in real
studies. Only pictures without any geometry fall back to their number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import View
from lumbar.errors import InputError
from lumbar.imaging.geometry import STACK_DIRECTIONS, Plane, axis_of, stack_direction
from lumbar.imaging.headers import Header
from lumbar.imaging.roles import Role, drawbacks, is_secondary
from lumbar.imaging.study import SetAside

__all__ = [
    "GAP",
    "SAME_ANGLE_DEG",
    "SAME_PART",
    "SAME_PLACE_MM",
    "Stack",
    "arrange",
    "one_patient",
    "rank",
]

SAME_ANGLE_DEG = 0.3
"""Slices of one block share a normal; real blocks differ by as little as 0.4 degrees."""
GAP = 1.5
"""A distance of more than this many slice distances ends a block."""
SAME_PLACE_MM = 0.05
"""Slices nearer to each other than this lie in one plane."""
SAME_PART = 0.25
"""Pictures in one plane whose centres are nearer than this share of a width show the same."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """One series' headers in the order of space, each one's block, and the series' role."""

    series_id: str
    headers: tuple[Header, ...]
    blocks: tuple[int, ...]
    role: Role

    @property
    def cover_mm(self) -> float:
        """Distance between the outermost slices' centres; 0 without geometry."""
        planes = [header.plane for header in self.headers]
        if len(planes) < 2 or planes[0] is None or planes[-1] is None:
            return 0.0
        ends = [_centre(header) for header in (self.headers[0], self.headers[-1])]
        return float(np.linalg.norm(ends[1] - ends[0]))

    @property
    def pixel_mm(self) -> float:
        """The finest slice's smaller pixel distance; infinite without spacing."""
        return min((min(h.plane.spacing_mm) for h in self.headers if h.plane), default=np.inf)

    @property
    def missing(self) -> int:
        """Slices that a sagittal stack's distances say are absent; elsewhere gaps are planned."""
        planes = [header.plane for header in self.headers if header.plane is not None]
        if len(planes) < 3 or axis_of(planes[0].normal) != 0:
            return 0
        steps = np.diff([_position(header, self.headers[:1]) for header in self.headers])
        usual = float(np.median(steps))
        return int(np.maximum(np.rint(steps / usual) - 1, 0).sum()) if usual > SAME_PLACE_MM else 0


def arrange(
    headers: Sequence[Header],
) -> tuple[tuple[Header, ...], tuple[int, ...], tuple[SetAside, ...]]:
    """Headers of one series in the order of space, their blocks, and what was set aside.

    Blocks are numbered in the order of the stack (axial: head to foot). Of slices at the same
    place one is kept. Where some slices have a position those without one are set aside.
    """
    placed = [header for header in headers if header.plane is not None]
    if not placed:
        ordered = sorted(headers, key=_by_distance if _are_parallel(headers) else _by_number)
        return tuple(ordered), (0,) * len(ordered), ()
    lost = [header for header in headers if header.plane is None]
    aside = [
        SetAside(header.source, f"no place among the series' slices: {header.plane_reason}")
        for header in sorted(lost, key=lambda header: header.source)
    ]
    ordered_blocks: list[list[Header]] = []
    for parallel in _parallel(placed):
        kept, doubles = _without_doubles(parallel)
        aside += doubles
        ordered_blocks += _split_at_gaps(kept)
    ordered_blocks.sort(key=_block_place)
    blocks = [index for index, block in enumerate(ordered_blocks) for _ in block]
    return (
        tuple(header for block in ordered_blocks for header in block),
        tuple(blocks),
        tuple(aside),
    )


def one_patient(headers: Sequence[Header], study_id: str) -> None:
    """Raise InputError where the files of one study name several patients."""
    patients = {header.patient for header in headers if header.patient}
    if len(patients) > 1:
        raise InputError(
            f"study {study_id}: {len(patients)} different PatientIDs under one study; "
            "nothing is graded, so as not to mix patients: send each patient's files apart"
        )


def rank(stacks: Sequence[Stack]) -> tuple[Stack, ...]:
    """Series in the order of views, of each view the best first, unused ones last.

    Best: one that covers at least half of what the widest one covers, with pixels of at most
    1.5 mm; of these the one with the fewest drawbacks (derived, contrast-enhanced,
    fat-suppressed, STIR), then the larger cover (in steps of 20 mm), then fewer slices missing,
    more slices, finer pixels. The reason of each of several says its place and why.
    """
    ranked: list[Stack] = []
    for view in View:
        same = [stack for stack in stacks if stack.role.view is view]
        if len(same) > 1:
            widest = max(stack.cover_mm for stack in same)
            same.sort(key=lambda stack: _merit(stack, widest))
            same = [_with_place(stack, place, len(same)) for place, stack in enumerate(same)]
        ranked += same
    unused = (stack for stack in stacks if stack.role.view is None)
    return (*ranked, *sorted(unused, key=lambda stack: stack.series_id))


def _with_place(stack: Stack, place: int, count: int) -> Stack:
    standing = "best" if place == 0 else f"number {place + 1}"
    against = "".join(f"{drawback}, " for drawback in drawbacks(stack.headers[0]))
    reason = (
        f"{stack.role.reason}; {standing} of {count} such series: {against}"
        f"cover {stack.cover_mm:.0f} mm, {len(stack.headers)} slices, "
        f"{stack.missing} missing, pixel {stack.pixel_mm:.2f} mm"
    )
    return replace(stack, role=replace(stack.role, reason=reason))


COARSE_MM = 1.5
"""Pixels larger than this are a localizer's: the coarsest real lumbar series has 0.9 mm."""


def _merit(stack: Stack, widest_mm: float) -> tuple[object, ...]:
    return (
        stack.cover_mm < widest_mm / 2,
        stack.pixel_mm > COARSE_MM,
        len(drawbacks(stack.headers[0])),
        -round(stack.cover_mm / 20),
        stack.missing,
        -len(stack.headers),
        stack.pixel_mm,
        stack.series_id,
    )


def _parallel(headers: Sequence[Header]) -> list[list[Header]]:
    """Headers grouped by their normal; the grouping does not depend on the order given."""
    groups: list[tuple[NDArray[np.float64], list[Header]]] = []
    limit = np.cos(np.radians(SAME_ANGLE_DEG))
    for header in sorted(headers, key=lambda header: (*_centre(header), header.source)):
        normal = stack_direction(_plane(header).normal)
        for seen, members in groups:
            if normal @ seen >= limit:
                members.append(header)
                break
        else:
            groups.append((normal, [header]))
    return [members for _, members in groups]


def _without_doubles(parallel: list[Header]) -> tuple[list[Header], list[SetAside]]:
    """Parallel slices along the stack, of those at one place the best alone."""
    kept: list[Header] = []
    aside: list[SetAside] = []
    for header in sorted(parallel, key=lambda header: _along(header, parallel)):
        if not kept or not _same_place(kept[-1], header, parallel):
            kept.append(header)
            continue
        best, other = sorted((kept[-1], header), key=_preference)
        kept[-1] = best
        aside.append(SetAside(other.source, f"shows the same place as {best.source}"))
    return kept, aside


def _along(header: Header, parallel: Sequence[Header]) -> tuple[object, ...]:
    return (_position(header, parallel), *_centre(header).round(4), *_preference(header))


def _preference(header: Header) -> tuple[object, ...]:
    """Of several pictures of one place: the latest echo (T2), an original, the finest."""
    finest = min(_plane(header).spacing_mm)
    secondary = is_secondary(header)
    return -(header.echo_ms or 0.0), secondary, finest, header.instance_id, header.source


def _same_place(one: Header, other: Header, parallel: Sequence[Header]) -> bool:
    """Whether two slices lie in one plane and show the same part of it.

    Centres differ with the matrix and the field of view; stations of a long field of view, whose
    centres are far from each other in one plane, show different parts.
    """
    apart = abs(_position(one, parallel) - _position(other, parallel))
    width = min(h.columns * _plane(h).spacing_mm[1] for h in (one, other))
    return apart < SAME_PLACE_MM and bool(
        np.linalg.norm(_centre(one) - _centre(other)) < SAME_PART * width
    )


def _split_at_gaps(ordered: list[Header]) -> list[list[Header]]:
    if len(ordered) < 3:
        return [ordered]
    steps = np.diff([_position(header, ordered) for header in ordered])
    breaks = np.flatnonzero(steps > GAP * np.median(steps)) + 1
    bounds = [0, *breaks.tolist(), len(ordered)]
    return [ordered[start:stop] for start, stop in itertools.pairwise(bounds)]


def _block_place(block: list[Header]) -> float:
    """Where a block's middle lies along the patient's axis that its stack runs along."""
    direction = STACK_DIRECTIONS[axis_of(_plane(block[0]).normal)]
    return float(np.mean([_centre(header) for header in block], axis=0) @ direction)


def _position(header: Header, parallel: Sequence[Header]) -> float:
    """Millimetres along the common normal of parallel slices."""
    return round(float(_centre(header) @ stack_direction(_plane(parallel[0]).normal)), 4)


def _centre(header: Header) -> NDArray[np.float64]:
    return _plane(header).to_world([(header.columns - 1) / 2, (header.rows - 1) / 2])


def _plane(header: Header) -> Plane:
    if header.plane is None:
        raise InputError(f"{header.source}: has no position")
    return header.plane


def _are_parallel(headers: Sequence[Header]) -> bool:
    """Whether slices without spacing still have positions along one common normal."""
    normals = [header.normal for header in headers if header.origin_mm is not None]
    known = [normal for normal in normals if normal is not None]
    if len(known) < len(headers):
        return False
    directions = [stack_direction(normal) for normal in known]
    limit = np.cos(np.radians(SAME_ANGLE_DEG))
    return all(direction @ directions[0] >= limit for direction in directions)


def _by_distance(header: Header) -> tuple[float, str]:
    if header.normal is None or header.origin_mm is None:
        raise InputError(f"{header.source}: has no position")
    return float(header.origin_mm @ stack_direction(header.normal)), header.source


def _by_number(header: Header) -> tuple[float, tuple[object, ...]]:
    number = float("inf") if header.number is None else header.number
    return number, _natural(header.source)


def _natural(name: str) -> tuple[object, ...]:
    """`slice10` after `slice9`: digits compare as numbers."""
    parts = re.split(r"(\d+)", name)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
