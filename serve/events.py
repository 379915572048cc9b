"""A job's progress as server-sent events (WHATWG HTML 9.2): each change, then the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from serve.board import Board
from serve.job import ENDED, State
from serve.problems import Problem, Refused
from serve.settings import Limits
from serve.troubles import too_many_streams

__all__ = ["EventStream", "Streams", "events"]

QUIET_S = 10.0
"""After which a comment is sent, so that nothing on the way takes the stream for dead."""


class Streams:
    """Streams of events that are open: so many of one caller, so many of all."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: Counter[str] = Counter()

    @contextmanager
    def place(self, owner: str) -> Iterator[None]:
        """A stream of this caller's, open as long as the block lasts; Refused (503) beyond."""
        if self._open[owner] >= self._limits.streams_a_client:
            raise Refused(too_many_streams(self._limits.streams_a_client, "of this caller"))
        if self._open.total() >= self._limits.streams:
            raise Refused(too_many_streams(self._limits.streams, "of all callers"))
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open -= Counter([owner])


class EventStream(StreamingResponse):
    """Server-sent events that hold a place while they are sent, however that ends."""

    media_type = "text/event-stream"

    def __init__(self, told: AsyncIterator[str], place: AbstractContextManager[None]) -> None:
        super().__init__(told)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them; raises Refused before the first where there is no place."""
        with self._place:
            await super().__call__(scope, receive, send)


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
