"""Slices put in the order of space, told into angulation blocks, freed of doubles.

A stack's order comes from positions alone: file names and InstanceNumber run either way in real
studies. Only pictures without any geometry fall back to their number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lumbar.errors import InputError
from lumbar.imaging.geometry import STACK_DIRECTIONS, Plane, axis_of, stack_direction
from lumbar.imaging.headers import Header
from lumbar.imaging.repeats import kind_of_picture, without_repeats
from lumbar.imaging.study import SetAside

__all__ = [
    "GAP",
    "SAME_ANGLE_DEG",
    "SAME_PART",
    "SAME_PLACE_MM",
    "arrange",
    "one_patient",
    "position_mm",
]

SAME_ANGLE_DEG = 0.3
"""Slices of one block share a normal; real blocks differ by as little as 0.4 degrees."""
GAP = 1.5
"""A distance of more than this many slice distances ends a block."""
SAME_PLACE_MM = 0.05
"""Slices nearer to each other than this lie in one plane."""
SAME_PART = 0.25
"""Pictures in one plane whose centres are nearer than this share of a width show the same."""


def arrange(
    headers: Sequence[Header],
) -> tuple[tuple[Header, ...], tuple[int, ...], tuple[SetAside, ...]]:
    """Headers of one series in the order of space, their blocks, and what was set aside.

    Blocks are numbered in the order of the stack (axial: head to foot). Of acquisitions of the same
    places one is kept, and one of slices at the same place. Stations side by side in one plane are
    blocks of their own, their slices between each other's. Where some slices have a position those
    without one are set aside.
    """
    placed = [header for header in headers if header.plane is not None]
    if not placed:
        bare = sorted(headers, key=_by_distance if _are_parallel(headers) else _by_number)
        return tuple(bare), (0,) * len(bare), ()
    lost = [header for header in headers if header.plane is None]
    aside = [
        SetAside(header.source, f"no place among the series' slices: {header.plane_reason}")
        for header in sorted(lost, key=lambda header: header.source)
    ]
    stacks = _stacks(placed)
    once, repeats = without_repeats(_places(stacks))
    if repeats:
        aside += repeats
        stacks = _stacks(once)
    blocks: list[list[Header]] = []
    side_by_side = any(len(stations) > 1 for stations in stacks)
    for station in itertools.chain(*stacks):
        kept, doubles = _without_doubles(station)
        aside += doubles
        blocks += _split_at_gaps(kept)
    blocks.sort(key=_block_place)
    ordered = [(header, index) for index, block in enumerate(blocks) for header in block]
    if side_by_side:
        ordered.sort(key=lambda pair: _block_place([pair[0]]))
    return (
        tuple(header for header, _ in ordered),
        tuple(index for _, index in ordered),
        tuple(aside),
    )


def one_patient(headers: Sequence[Header], study_id: str) -> None:
    """Raise InputError where the files of one study name several patients."""
    patients = {header.patient for header in headers if header.patient}
    numbers = {patient.partition(".")[0] for patient in patients}
    issued = {patient for patient in patients if "." in patient}
    if (count := max(len(numbers), len(issued))) > 1:
        raise InputError(
            f"study {study_id}: {count} different PatientIDs under one study; "
            "nothing is graded, so as not to mix patients: send each patient's files apart"
        )


def position_mm(header: Header, parallel: Header) -> float:
    """Millimetres along the normal of a parallel slice, in the sign in which a stack runs."""
    return round(float(_centre(header) @ stack_direction(_plane(parallel).normal)), 4)


def _stacks(placed: Sequence[Header]) -> list[list[list[Header]]]:
    """Headers by their normal, and of each normal by station, in the order of space."""
    return [
        _stations(sorted(parallel, key=partial(_along, parallel=parallel[0])))
        for parallel in _parallel(placed)
    ]


def _places(stacks: Iterable[Iterable[Iterable[Header]]]) -> dict[Header, int]:
    """Each picture's place, numbered: pictures in one plane of one station have the same."""
    places: dict[Header, int] = {}
    number = 0
    for station in itertools.chain(*stacks):
        first = None
        for header in station:
            if first is None or not _in_one_plane(first, header):
                first, number = header, number + 1
            places[header] = number
    return places


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


def _stations(parallel: list[Header]) -> list[list[Header]]:
    """Parallel slices along the stack, told apart where they lie beside each other in one plane.

    So a long field of view is taken. Elsewhere centres may wander from slice to slice.
    """
    stations: list[list[Header]] = []
    for header in parallel:
        for station in stations:
            if _same_part(station[-1], header):
                station.append(header)
                break
        else:
            stations.append([header])
    pairs = itertools.pairwise(parallel)
    beside = any(_in_one_plane(a, b) and not _same_part(a, b) for a, b in pairs)
    return stations if beside else [parallel]


def _without_doubles(parallel: list[Header]) -> tuple[list[Header], list[SetAside]]:
    """Of parallel slices along the stack those at one place the best alone."""
    kept: list[Header] = []
    aside: list[SetAside] = []
    for header in parallel:
        if not kept or not _in_one_plane(kept[-1], header):
            kept.append(header)
            continue
        best, other = sorted((kept[-1], header), key=_preference)
        kept[-1] = best
        aside.append(SetAside(other.source, f"shows the same place as {best.source}"))
    return kept, aside


def _along(header: Header, parallel: Header) -> tuple[object, ...]:
    return (position_mm(header, parallel), *_centre(header).round(4), *_preference(header))


def _preference(header: Header) -> tuple[object, ...]:
    """Of several pictures of one place: Dixon's plain one, the latest echo (T2), an original, the
    finest; of others always the one with the lower number or UID, so that they do not alternate."""
    number = float("inf") if header.number is None else header.number
    return *kind_of_picture(header), number, _natural(header.instance_id), header.source


def _in_one_plane(one: Header, other: Header) -> bool:
    return abs(position_mm(one, one) - position_mm(other, one)) < SAME_PLACE_MM


def _same_part(one: Header, other: Header) -> bool:
    """Whether two parallel slices show the same part of their planes.

    Centres differ a little with the matrix and the field of view.
    """
    offset = _centre(other) - _centre(one)
    normal = _plane(one).normal
    width = min(h.columns * _plane(h).spacing_mm[1] for h in (one, other))
    return bool(np.linalg.norm(offset - (offset @ normal) * normal) < SAME_PART * width)


def _split_at_gaps(ordered: list[Header]) -> list[list[Header]]:
    if len(ordered) < 3:
        return [ordered]
    steps = np.diff([position_mm(header, ordered[0]) for header in ordered])
    breaks = np.flatnonzero(steps > GAP * np.median(steps)) + 1
    bounds = [0, *breaks.tolist(), len(ordered)]
    return [ordered[start:stop] for start, stop in itertools.pairwise(bounds)]


def _block_place(block: list[Header]) -> float:
    """Where a block's middle lies along the patient's axis that its stack runs along."""
    direction = STACK_DIRECTIONS[axis_of(_plane(block[0]).normal)]
    return float(np.mean([_centre(header) for header in block], axis=0) @ direction)


def _centre(header: Header) -> NDArray[np.float64]:
    return _plane(header).centre_mm((header.rows, header.columns))


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
    """`slice10` after `slice9`: digits compare as numbers, first by how many they are."""
    parts = re.split(r"([0-9]+)", name)
    numbers = [part.lstrip("0") for part in parts]
    return tuple(
        (1, len(number), number) if k % 2 else (0, 0, part)
        for k, (part, number) in enumerate(zip(parts, numbers, strict=True))
    )
