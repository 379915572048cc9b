"""One series acquired more than once, told into acquisitions, of which one is kept whole.

A scan is run again where the patient moved, and some scanners leave both runs under one
SeriesInstanceUID. Slices of the two must not alternate: the patient lay elsewhere.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from lumbar.imaging.headers import Header
from lumbar.imaging.roles import dixon_part, is_secondary
from lumbar.imaging.study import SetAside
from lumbar.imaging.words import DIXON_PARTS

__all__ = ["kind_of_picture", "without_repeats"]

REPEATED = 0.5
"""An acquisition of whose places another one shows this share is that one again; of a smaller
share it is the next part of the same stack, which overlaps."""


def kind_of_picture(header: Header) -> tuple[object, ...]:
    """What pictures of one place differ by within one acquisition, the best first: Dixon's part,
    the echo, original or derived, the finest pixel distance."""
    finest = min(header.plane.spacing_mm) if header.plane is not None else 0.0
    part = DIXON_PARTS.index(dixon_part(header))
    return part, -(header.echo_ms or 0.0), is_secondary(header), finest


def without_repeats(places: Mapping[Header, int]) -> tuple[list[Header], list[SetAside]]:
    """The headers of one series without acquisitions that show again what another one shows.

    `places` has the number of the place that each picture shows. The last complete acquisition
    stays; of complete ones one without a contrast agent goes before, then the better kind of
    picture. Acquisitions are told by AcquisitionNumber, by
    when the series or the picture was made, or by ranges of InstanceNumber, the first of these
    that tells them; where none does, nothing is set aside.
    """
    spots = {header: (place, kind_of_picture(header)) for header, place in places.items()}
    most = max(Counter(spots.values()).values(), default=0)
    if most > 1:
        for name, told in _TOLD_BY.items():
            runs = _runs(spots, told)
            if 1 < len(runs) <= most:
                return _whole(runs, places, name)
    return list(places), []


_TOLD_BY: dict[str, Callable[[Header], int | str | None]] = {
    "AcquisitionNumber": lambda header: header.acquisition,
    "SeriesTime": lambda header: header.series_time or None,
    "AcquisitionTime": lambda header: header.acquired or None,
    "InstanceNumber": lambda header: header.number,
}

Spots = Mapping[Header, tuple[object, ...]]
"""Of each picture its place and kind: an acquisition has none of them twice."""


def _runs(spots: Spots, told: Callable[[Header], Any]) -> list[list[Header]]:
    """Pictures by what tells acquisitions apart, in its order; a run ends where a spot recurs.

    So the parts of one acquisition, slices with even and with odd numbers, stay together. Empty
    where a picture does not have what is asked for, or pictures that share it share a spot.
    """
    parts: dict[Any, list[Header]] = defaultdict(list)
    for header in spots:
        parts[told(header)].append(header)
    if None in parts:
        return []
    runs: list[list[Header]] = []
    taken: set[tuple[object, ...]] = set()
    for _, part in sorted(parts.items()):
        shown = {spots[header] for header in part}
        if len(shown) < len(part):
            return []
        if not runs or not taken.isdisjoint(shown):
            runs.append([])
            taken = set()
        runs[-1] += part
        taken |= shown
    return runs


_AGAIN = "of one of two acquisitions of the same places in one series; the other is used whole"


def _whole(
    runs: list[list[Header]], places: Mapping[Header, int], name: str
) -> tuple[list[Header], list[SetAside]]:
    """The best of several runs and what the others show beside it, and what was set aside."""
    shown = [{places[header] for header in run} for run in runs]

    def merit(n: int) -> tuple[object, ...]:
        agent, best = any(h.agent for h in runs[n]), min(map(kind_of_picture, runs[n]))
        return -len(shown[n]), agent, best, -n

    kept: dict[Header, None] = {}
    there: dict[int, Header] = {}
    aside: dict[SetAside, None] = {}
    for n in sorted(range(len(runs)), key=merit):
        common = shown[n] & there.keys()
        again = len(common) >= REPEATED * len(shown[n])
        for header in runs[n]:
            if again:
                aside[SetAside(header.source, f"{_AGAIN} (told apart by {name})")] = None
            elif (place := places[header]) in common:
                reason = f"shows the same place as {there[place].source}"
                aside[SetAside(header.source, reason)] = None
            else:
                kept[header] = None
        for header in runs[n]:
            if header in kept:
                there.setdefault(places[header], header)
    return list(kept), list(aside)
