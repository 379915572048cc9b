"""A job's progress as server-sent events (WHATWG HTML 9.2): each change, then the end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from serve.board import Board
from serve.job import ENDED, State
from serve.problems import Problem

__all__ = ["events"]

QUIET_S = 10.0
"""After which a comment is sent, so that nothing on the way takes the stream for dead."""


async def events(board: Board, job_id: str, owner: str, most_s: float) -> AsyncIterator[str]:
    """The events of a job until it has ended, or for `most_s`; a browser then asks again by itself.

    The last event is `done` or `failed` with the job as data; `gone` where it was erased.
    """
    until = time.monotonic() + most_s
    seen = -1
    yield "retry: 1000\n\n"
    while time.monotonic() < until:
        changed = await board.change(job_id, owner, seen, QUIET_S)
        if isinstance(changed, Problem):
            yield _event("gone", changed.model_dump_json())
            return
        version, job = changed
        if job.state in ENDED:
            yield _event("done" if job.state is State.DONE else "failed", job.model_dump_json())
            return
        yield _event("progress", job.model_dump_json()) if version != seen else ": waiting\n\n"
        seen = version


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"
