"""Work on studies through Ray Data: one value in, one value out, as they get ready.

What travels is small: where a study's bytes are goes in, rows come out. Pixels are read, used and
dropped inside one call, so nothing decoded passes between stages. Values are pickled here, because
Arrow would have to guess a type for them; they never leave this Ray.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import ray
from ray.data import ActorPoolStrategy, Dataset

__all__ = ["stream", "stream_actors"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MAX_BLOCKS = 4096
"""More blocks than this only cost the scheduler time; a block then holds several items."""

LINE_SECONDS = 5.0


def stream(
    items: Sequence[Item], work: Callable[[Item], Answer], *, label: str, unit: str = "studies"
) -> Iterator[Answer]:
    """Answers of `work` in the order in which they get ready, with a progress line."""
    dataset = _dataset(items).map(partial(_answered, work))
    return _taken(dataset, len(items), label, unit)


def stream_actors(
    items: Sequence[Item],
    worker: Callable[..., Callable[[Item], Answer]],
    arguments: tuple[Any, ...],
    *,
    actors: int,
    cpus: float,
    gpus: float,
    label: str,
) -> Iterator[Answer]:
    """Answers of `actors` processes, each holding one `worker(*arguments)` for all its items.

    The pool's size is given outright: one that may grow starts with one actor and, with few
    blocks waiting, stays there.
    """
    dataset = _dataset(items).map(
        cast("Any", _Holder),  # Ray's annotations know functions of one argument only
        fn_constructor_args=(worker, arguments),
        compute=ActorPoolStrategy(min_size=actors, max_size=actors, initial_size=actors),
        num_cpus=cpus,
        num_gpus=gpus or None,
    )
    return _taken(dataset, len(items), label, "studies")


def _answered(work: Callable[[Any], Any], row: dict[str, Any]) -> dict[str, Any]:
    return {"answer": pickle.dumps(work(pickle.loads(row["item"])))}


class _Holder:
    """An actor's state: whatever is slow to load, once."""

    def __init__(self, worker: Callable[..., Callable[[Any], Any]], arguments: tuple[Any, ...]):
        self.work = worker(*arguments)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return _answered(self.work, row)


def _dataset(items: Sequence[Any]) -> Dataset:
    rows = [{"item": pickle.dumps(item)} for item in items]
    return ray.data.from_items(rows, override_num_blocks=min(len(rows), MAX_BLOCKS))


def _taken(dataset: Dataset, count: int, label: str, unit: str) -> Iterator[Any]:
    """The answers, with a line for people every few seconds and at the end."""
    began = told = time.monotonic()
    for done, row in enumerate(dataset.iter_rows(), 1):
        now = time.monotonic()
        if done == count or now - told >= LINE_SECONDS:
            told = now
            print(f"{label}: {done} of {count} {unit}, {now - began:.0f} s", flush=True)
        yield pickle.loads(row["answer"])
