"""Work on many files in a child process, many a call; the file that ends a child is named.

A call carries as many files as the shared memory has room for, so that a slice costs far less than
a call. Where the child is lost, the file that it was at is tried once more alone, unless it was
slow, and the others go again with the next child.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumbar.errors import DecodeError, InputError
from lumbar.imaging.child import ARENA_BYTES, Arena, Lost, borrowed_child
from lumbar.imaging.limits import MEMORY_BYTES, PATIENCE_SECONDS

__all__ = ["ROOM_BYTES", "Piece", "answers"]

ROOM_BYTES = ARENA_BYTES - ARENA_BYTES // 4
"""Of pixels, in one piece; more is sent through a pipe, which takes longer."""

MOST_PIECES = 64
"""In one call; by then a call's own cost no longer counts."""

_ALIGNED = 64


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one file, what to make of them, and the bytes of pixels that should come back."""

    source: str
    data: bytes
    about: Any = None
    room: int = 0


Work = Callable[[bytes, str, Any], Any]
"""A function of a module: a piece's bytes, source and `about` to an answer. Arrays that are items
of a list come back through the shared memory. It may raise anything and do anything."""


def answers(work: Work, pieces: Iterable[Piece | InputError]) -> Iterator[Any]:
    """`work` of each piece, in order; in place of an answer an InputError where there is none.

    An InputError among the pieces is handed through, so that answers stay beside their files.
    """
    patience = _Patience()
    for batch in _batches(pieces):
        yield from _batch_answers(work, batch, patience)


class _Patience:
    """How long the files of one study have held it up by ending children."""

    def __init__(self) -> None:
        self.spent = 0.0

    @property
    def ended(self) -> bool:
        return self.spent > PATIENCE_SECONDS


def _batches(pieces: Iterable[Piece | InputError]) -> Iterator[list[Piece | InputError]]:
    batch: list[Piece | InputError] = []
    used = Arena.START
    for piece in pieces:
        need = _need(piece) if isinstance(piece, Piece) else 0
        if batch and (used + need > ARENA_BYTES or len(batch) == MOST_PIECES):
            yield batch
            batch, used = [], Arena.START
        batch.append(piece)
        used += need
    if batch:
        yield batch


def _need(piece: Piece) -> int:
    return len(piece.data) + piece.room + 2 * _ALIGNED


def _batch_answers(
    work: Work, batch: Sequence[Piece | InputError], patience: _Patience
) -> list[Any]:
    found: list[Any] = list(batch)
    waiting = [n for n, piece in enumerate(batch) if isinstance(piece, Piece)]
    while waiting and not patience.ended:
        try:
            done = _call(work, [batch[n] for n in waiting], patience)
        except Lost as lost:
            last = waiting.pop(lost.position or 0)
            found[last] = _alone(work, batch[last], lost, patience)
        else:
            for n, answer in zip(waiting, done, strict=True):
                found[n] = answer
            return found
    for n in waiting:
        found[n] = DecodeError(
            f"{found[n].source}: not decoded, because other files have held the decoder up for "
            f"more than {PATIENCE_SECONDS:g} s; leave those out"
        )
    return found


def _alone(work: Work, piece: Any, lost: Lost, patience: _Patience) -> Any:
    """The answer for the file at which a child was lost, tried again alone unless it was slow."""
    if not lost.slow and not patience.ended:
        try:
            return _call(work, [piece], patience)[0]
        except Lost as again:
            lost = again
    return DecodeError(
        f"{piece.source}: {lost.why}; the file is damaged or made to do harm: leave it out, or "
        "copy it again from its source"
    )


@dataclass(frozen=True, slots=True)
class _Sent:
    """A piece on its way: its bytes or where they lie in the arena, and where its pixels go."""

    work: Work
    source: str
    data: bytes | tuple[int, int]
    about: Any
    room: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Placed:
    """An array that lies in the arena."""

    start: int
    shape: tuple[int, ...]
    kind: str


def _call(work: Work, pieces: Sequence[Any], patience: _Patience) -> list[Any]:
    with borrowed_child() as child:
        began = time.monotonic()  # waiting for a child is not these files' fault
        try:
            sent = _packed(child.arena, work, pieces)
            return [_taken(child.arena, answer) for answer in child.call(_worked, sent)]
        except Lost:
            patience.spent += time.monotonic() - began
            raise


def _packed(arena: Arena, work: Work, pieces: Sequence[Piece]) -> list[_Sent]:
    sent, free = [], Arena.START
    for piece in pieces:
        data: bytes | tuple[int, int] = piece.data
        if free + _need(piece) <= ARENA_BYTES:
            data = (free, free + len(piece.data))
            arena.bytes[free : data[1]] = piece.data
            free = _aligned(data[1])
        stop = min(free + piece.room, ARENA_BYTES)
        sent.append(_Sent(work, piece.source, data, piece.about, (free, stop)))
        free = _aligned(stop)
    return sent


def _aligned(place: int) -> int:
    return -(-place // _ALIGNED) * _ALIGNED


def _worked(arena: Arena, sent: _Sent) -> Any:
    """In the child: one piece's answer; whatever is raised over a file is said of that file."""
    try:
        data = sent.data
        if isinstance(data, tuple):
            data = arena.bytes[data[0] : data[1]]
        return _put(arena, sent, sent.work(data, sent.source, sent.about))
    except InputError as error:
        return error
    except MemoryError:
        limit = f"{MEMORY_BYTES >> 30} GiB"
        return DecodeError(f"{sent.source}: takes more than {limit} of memory; leave it out")
    except BaseException as error:  # codecs in Rust raise beside Exception
        return DecodeError(
            f"{sent.source}: cannot be decoded ({type(error).__name__}); copy it again from its "
            "source"
        )


def _put(arena: Arena, sent: _Sent, answer: Any) -> Any:
    """The answer with its arrays in the arena as far as there is room."""
    if not isinstance(answer, list):
        return answer
    free, stop = sent.room
    placed: list[Any] = []
    for item in answer:
        if isinstance(item, np.ndarray) and free + item.nbytes <= stop:
            _view(arena, (item_at := _Placed(free, item.shape, item.dtype.str)))[...] = item
            free = _aligned(free + item.nbytes)
            placed.append(item_at)
        else:
            placed.append(item)
    return placed


def _taken(arena: Arena, answer: Any) -> Any:
    if not isinstance(answer, list):
        return answer
    return [_view(arena, item).copy() if isinstance(item, _Placed) else item for item in answer]


def _view(arena: Arena, placed: _Placed) -> NDArray[Any]:
    count = int(np.prod(placed.shape))
    flat: NDArray[Any] = np.frombuffer(arena.bytes, placed.kind, count, placed.start)
    return flat.reshape(placed.shape)
