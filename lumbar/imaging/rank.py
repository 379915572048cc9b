"""Series of a view in the order in which they are worth grading on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lumbar.domain import View
from lumbar.imaging.assemble import SAME_PLACE_MM, position_mm
from lumbar.imaging.geometry import axis_of
from lumbar.imaging.headers import Header
from lumbar.imaging.roles import Role, drawbacks

__all__ = ["Stack", "rank"]


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
        first, last = self.headers[0], self.headers[-1]
        if first.plane is None or last.plane is None:
            return 0.0
        start = first.plane.centre_mm((first.rows, first.columns))
        end = last.plane.centre_mm((last.rows, last.columns))
        return float(np.linalg.norm(end - start))

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
        steps = np.diff([position_mm(header, self.headers[0]) for header in self.headers])
        usual = float(np.median(steps))
        return int(np.maximum(np.rint(steps / usual) - 1, 0).sum()) if usual > SAME_PLACE_MM else 0


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
