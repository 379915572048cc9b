"""A process beside this one that may die: what a damaged or hostile file does, it does there.

A decoder written in C can abort, hang or take all memory, and no exception handler helps then. So
files of unknown origin are parsed and decoded in a child process of pebble's pool, with a limit on
time and on memory. When the child is lost, the next one is forked within milliseconds (`forks.py`).
It keeps faults in, not intruders: a child has the rights of the process that started it. A process
has two of them, so that a study whose files hang holds up no other.
"""

from __future__ import annotations

import logging
import mmap
import os
import queue
import resource
import signal
import tempfile
import time
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from lumbar.errors import LumbarError
from lumbar.imaging.forks import CONTEXT
from lumbar.imaging.limits import DECODE_SECONDS, MEMORY_BYTES

__all__ = ["ARENA_BYTES", "Arena", "Child", "Lost", "borrowed_child"]

ARENA_BYTES = 32 * 2**20
"""Memory that parent and child see both, so that files and pictures need no pipe; only pages that
were written to count."""
CHILDREN = 2
"""Of a process, each made when it is first needed: while one hangs, the other decodes. More would
take 3 GiB each and find no core."""
START_SECONDS = 60.0
"""For a child to start: 0.1 s, or some seconds where the server starts on a busy machine."""

Work = Callable[[Any, Any], Any]
"""What a child does with one piece: a function of a module, given the arena and the piece."""


class Lost(Exception):  # noqa: N818 - not the caller's error: what became of the child
    """The child did not answer; `position` is the piece that it was at, None before the first."""

    def __init__(self, position: int | None, why: str, *, slow: bool) -> None:
        super().__init__(why)
        self.position, self.why, self.slow = position, why, slow


class Arena:
    """The shared memory: which piece is in work, who works, and from START on what callers put."""

    START = 64

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = _nameless_file() if descriptor is None else descriptor
        self.bytes = mmap.mmap(self._descriptor, ARENA_BYTES)
        weakref.finalize(self, os.close, self._descriptor)

    def __reduce__(self) -> tuple[Any, ...]:
        """To the child goes the open file."""
        return _mapped, (DupFd(self._descriptor),)

    @property
    def position(self) -> int | None:
        """The piece in work, None before the first."""
        noted = self._number(0)
        return noted - 1 if noted else None

    @position.setter
    def position(self, value: int | None) -> None:
        self._note(0, 0 if value is None else value + 1)

    @property
    def done(self) -> bool:
        """Whether all pieces of the call are, and only the answer is on its way."""
        return bool(self._number(16))

    @done.setter
    def done(self, value: bool) -> None:
        self._note(16, value)

    @property
    def pid(self) -> int:
        """The child's process id, 0 before there is one."""
        return self._number(8)

    @pid.setter
    def pid(self, value: int) -> None:
        self._note(8, value)

    def _number(self, place: int) -> int:
        return int.from_bytes(self.bytes[place : place + 8], "little")

    def _note(self, place: int, value: int) -> None:
        self.bytes[place : place + 8] = value.to_bytes(8, "little")


class Child:
    """One child process and its successors, for one caller at a time."""

    def __init__(self) -> None:
        self.arena = Arena()
        self._pool = _pool_of(self.arena)

    def call(self, work: Work, pieces: Sequence[Any]) -> list[Any]:
        """`work(arena, piece)` of each piece, done in the child.

        Raises Lost where the child died or was too slow, LumbarError where none can be started.
        """
        for _ in range(_STARTS):
            try:
                return self._answers(work, pieces)
            except RuntimeError:  # the child was gone before it began with the pieces
                self.end(self.arena)
        raise LumbarError(
            "no process can be started to decode in; where the files can be trusted, say so "
            "(`trusted`), and they are decoded without"
        )

    def _answers(self, work: Work, pieces: Sequence[Any]) -> list[Any]:
        self.arena.position, self.arena.done = None, False
        future = self._pool.schedule(_each, args=(work, pieces), timeout=DECODE_SECONDS)
        if not self._waited_for(future):
            position = self.arena.position
            self.end()  # the old arena may yet be written to
            raise Lost(position, _TOO_SLOW, slow=True)
        try:
            answers: list[Any] = future.result()
        except ProcessExpired as error:
            slow = error.exitcode == -signal.SIGALRM
            raise Lost(self.arena.position, _cause(error.exitcode), slow=slow) from None
        except TimeoutError:
            raise Lost(self.arena.position, _TOO_SLOW, slow=True) from None
        return answers

    def _waited_for(self, future: Future[Any]) -> bool:
        """Whether the call has ended, well or not.

        Raises RuntimeError where the pool does not know what its child has come to: that it died
        before it began, or that the call is done.
        """
        until = time.monotonic() + DECODE_SECONDS + START_SECONDS
        first, astray = self.arena.pid, 0.0
        while time.monotonic() < until:
            if wait([future], _LOOK_SECONDS).done:
                return True
            first = first or self.arena.pid
            lost = self.arena.done or (self.arena.position is None and not _lives(first))
            astray = astray + _LOOK_SECONDS if lost else 0.0
            if astray > _ASTRAY_SECONDS:
                raise RuntimeError
        return False

    def end(self, arena: Arena | None = None) -> None:
        """End the child and its pool; the next call has new ones, with `arena` if it is given."""
        if pid := self.arena.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._pool.stop()
        self.arena = arena or Arena()
        self.arena.pid = 0
        self._pool = _pool_of(self.arena)


@contextmanager
def borrowed_child() -> Iterator[Child]:
    """One of this process's children for one caller at a time; who finds none free, waits."""
    free = _free
    child = free.get()
    try:
        child = child or Child()
        yield child
    finally:
        free.put(child)


_STARTS = 5
"""A child may be killed before it gets its work, by a system that is short of memory."""
_LOOK_SECONDS = 0.25
_ASTRAY_SECONDS = 5.0
"""In which a pool whose child died has another, and an answer has come through the pipe."""
_TOO_SLOW = f"took longer than {DECODE_SECONDS:g} s"

_free: queue.LifoQueue[Child | None]
"""Children that nobody has borrowed, None in place of one that is not made yet."""


def _begin_alone() -> None:
    """At the start and in every fork, which must not speak to its parent's children."""
    global _free
    _free = queue.LifoQueue()
    for _ in range(CHILDREN):
        _free.put(None)


_begin_alone()
os.register_at_fork(after_in_child=_begin_alone)


def _pool_of(arena: Arena) -> ProcessPool:
    return ProcessPool(max_workers=1, initializer=_settle, initargs=(arena,), context=CONTEXT)


def _lives(pid: int) -> bool:
    """Of a child; True where there is none yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _cause(exit_code: int) -> str:
    """What ended a child, in words."""
    if exit_code == -signal.SIGALRM:
        return _TOO_SLOW
    if exit_code < 0:
        return f"ended its decoder ({signal.Signals(-exit_code).name})"
    return f"ended its decoder (exit code {exit_code})"


def _each(work: Work, pieces: Sequence[Any]) -> list[Any]:
    """In the child: all the pieces of a call, each noted before it is begun."""
    assert _settled is not None
    # Should the parent be gone, nobody else would end a decoder that hangs.
    signal.setitimer(signal.ITIMER_REAL, DECODE_SECONDS + 5)
    answers = []
    for position, piece in enumerate(pieces):
        _settled.position = position
        answers.append(work(_settled, piece))
    _settled.done = True
    signal.setitimer(signal.ITIMER_REAL, 0)
    return answers


_settled: Arena | None = None


def _settle(arena: Arena) -> None:
    """In a new child: quiet, limited, and ended by the first SIGTERM whatever it is doing."""
    global _settled
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What libraries print may quote the file, and a core dump holds it.
    warnings.simplefilter("ignore")
    logging.disable()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    arena.pid = os.getpid()
    _settled = arena


def _limit_memory() -> None:
    with suppress(FileNotFoundError):  # no Linux: then no limit that the system would keep
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = pages * resource.getpagesize() + MEMORY_BYTES
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("lumbar")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, ARENA_BYTES)
    return descriptor


def _mapped(sent: Any) -> Arena:
    return Arena(sent.detach())
