"""What a caller says of views, and the one series that a single view can be said of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lumbar.domain import View
from lumbar.errors import ViewError
from lumbar.imaging.rank import Stack
from lumbar.imaging.roles import Role

__all__ = ["Told", "of_one_study", "said", "told_of_one"]

Told = View | Mapping[str, View] | None
"""What a caller knows of the views: one for the only series whose files leave it open, as a bare
picture's do, or one a series id, which is believed against its files."""

WHAT_TO_DO = "send that series alone, or leave `view` out"
NAMED = 3
"""Files that a message names."""


def said(view: View) -> Role:
    """The role of a series whose view the caller says."""
    return Role(view, f"said to be {view.description} by the caller")


def told_of_one(stacks: Sequence[Stack], view: View) -> list[Stack]:
    """The series of a study, the only one whose files leave its view open with the one told.

    Raises ViewError where not exactly one does, and where its files rule that view out.
    """
    open_ = [stack for stack in stacks if stack.role.open_]
    if len(open_) != 1:
        raise ViewError(f"{_how_many(open_)}; {WHAT_TO_DO}")
    (only,) = open_
    if view not in only.role.open_:
        left = " or ".join(one.description for one in only.role.open_)
        raise ViewError(
            f"`view` says {view.description}, and {only.headers[0].source} can only be {left} by "
            "its header; leave `view` out, or say one that it can be"
        )
    return [replace(one, role=said(view)) if one is only else one for one in stacks]


def of_one_study(told: Told, studies: int) -> None:
    """Raise ViewError where one view is told of several studies."""
    if isinstance(told, View) and studies > 1:
        raise ViewError(f"`view` is said of one series, and {studies} studies came; {WHAT_TO_DO}")


def _how_many(open_: Sequence[Stack]) -> str:
    if not open_:
        return "`view` is said of a series whose files leave it open, and here none does"
    names = ", ".join(stack.headers[0].source for stack in open_[:NAMED])
    more = f" and {len(open_) - NAMED} more" if len(open_) > NAMED else ""
    return (
        f"`view` is said of one series, and here the files of {len(open_)} leave their view open "
        f"({names}{more})"
    )
