"""An opinion on a bare picture, and what it makes of a series that the headers leave open.

imaging looks at no picture itself: it asks a callable (`Recognise`), of a series about its middle
slice. Pictures without geometry may have been thrown together, so each of them is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import View
from lumbar.errors import InputError
from lumbar.imaging.roles import Role
from lumbar.imaging.study import Instance, Series

__all__ = [
    "NO_LUMBAR_MR",
    "Look",
    "Recognise",
    "odd_ones_out",
    "refuse_other_pictures",
    "role_by_look",
    "undecided",
]


@dataclass(frozen=True, slots=True)
class Look:
    """What one slice looks like: the share of each view, and of no lumbar MRI at all; sum 1."""

    views: Mapping[View, float]
    other: float


Recognise = Callable[[NDArray[np.float32]], Look]
"""An opinion on one slice `[rows, columns]`, hung as `resample.frame_of` turns it."""

DECIDED = 0.8
"""Share that a view needs among those that the headers leave open."""
TOLD_APART = 0.9
"""Share that a sagittal view needs of the two together where both are open: beside the mid-line T1
and T2 look alike, and a wrong grade is worse than none (docs/views.md counts both)."""
NEEDED = 0.5
"""Share that it needs among all four answers."""
UNDECIDED = "its picture does not decide it"
NO_LUMBAR_MR = 0.3
"""Share of `Look.other` from which a picture counts as no lumbar MRI. Of the calibration patients'
slices 0.5 % have as much, of the drawn pictures that are none all (docs/views.md)."""


def role_by_look(role: Role, look: Look) -> Role:
    """An open role after a look at a slice of the series: decided, refused or still open."""
    if look.other >= NO_LUMBAR_MR:
        reason = f"not recognised as a lumbar MR slice (it looks like none: {look.other:.2f})"
        return Role(None, f"{role.reason}; {reason}", refused=True)
    shares = {view: look.views.get(view, 0.0) for view in role.open_}
    best = max(shares, key=lambda view: shares[view])
    share = shares[best] / max(sum(shares.values()), 1e-9)
    if shares[best] < NEEDED or share < DECIDED or not _told_apart(best, shares):
        likest = f"{best.description} {shares[best]:.2f}"
        return replace(
            role, reason=f"{role.reason}; {UNDECIDED} ({likest}): say which `view` it is"
        )
    reason = f"{role.reason}; its picture looks like {best.description} ({share:.2f})"
    return Role(best, reason, role.open_)


def _told_apart(best: View, shares: Mapping[View, float]) -> bool:
    if best is View.AXIAL_T2:
        return True
    both = sum(shares.get(view, 0.0) for view in (View.SAGITTAL_T1, View.SAGITTAL_T2))
    return shares[best] >= TOLD_APART * both


def undecided(series: Iterable[Series]) -> str:
    """What to add where a view is missing and the picture of a series did not decide its view: a
    sentence part with what to do, "" where there is no such series."""
    if any(one.view is None and UNDECIDED in one.reason for one in series):
        return "; the view of a series could not be told from its picture: say which `view` it is"
    return ""


def odd_ones_out(
    role: Role, shown: Sequence[Instance | InputError], recognise: Recognise
) -> list[Instance | InputError]:
    """The pictures of a series whose role a look decided, as InputError those of another view.

    Only pictures without geometry are looked at: a scanner's series is of one kind.
    """
    return [
        picture if isinstance(picture, InputError) else _odd(role, picture, recognise) or picture
        for picture in shown
    ]


def _odd(role: Role, picture: Instance, recognise: Recognise) -> InputError | None:
    if picture.plane is not None:
        return None
    own = role_by_look(Role(None, "without geometry", role.open_), recognise(picture.pixels))
    if own.view is role.view or (own.view is None and not own.refused):
        return None
    assert role.view is not None
    return InputError(f"{picture.source}: {own.reason}, its series like {role.view.description}")


def refuse_other_pictures(roles: Sequence[Role], source: str) -> None:
    """Raise InputError naming a file where every series was looked at and none is a lumbar MRI."""
    if roles and all(role.refused for role in roles):
        others = f" (and {len(roles) - 1} more series)" if len(roles) > 1 else ""
        raise InputError(
            f"{source}: {roles[0].reason}{others}; send slices of a lumbar MRI, or say which view "
            "it is where you know better"
        )
