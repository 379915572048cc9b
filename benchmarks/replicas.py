"""How many replicas of the model there are while eight clients ask, and when they have gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ray import serve

from benchmarks.clients import until
from serve.__main__ import APP

__all__ = ["scale"]

PATIENCE_S = 150.0


def scale(address: str, archive: bytes, *, clients: int) -> None:
    """Load until there are two replicas, then rest until there is one, printed as they change.

    Raises RuntimeError where that does not come or a study is not graded.
    """
    began = time.monotonic()
    stop = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        loading = thread.submit(until, address, archive, stop, clients=clients)
        try:
            _watch(began, f"{clients} clients", lambda: _ready() == 2)
            time.sleep(10)  # both of them answer
        finally:
            stop.set()
        load = loading.result()
    print(f"scale: answers to {clients} clients: {load.statuses}")
    if set(load.statuses) != {200}:
        raise RuntimeError(f"not every study was graded while replicas came: {load.statuses}")
    _watch(began, "no client", lambda: set(_states().values()) == {1} and _ready() == 1)


def _watch(began: float, when: str, reached: Callable[[], bool]) -> None:
    deadline, last = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < deadline:
        states = ", ".join(f"{name} {many}" for name, many in sorted(_states().items()))
        if states != last:
            print(f"scale: {time.monotonic() - began:5.1f} s, {when}: {states}", flush=True)
            last = states
        if reached():
            return
        time.sleep(0.5)
    raise RuntimeError(f"{when}: still {last} after {PATIENCE_S:g} s")


def _states() -> dict[str, int]:
    """Replicas of the model by state, as `serve.status()` has them."""
    states = serve.status().applications[APP].deployments["Grader"].replica_states
    return {str(state): many for state, many in states.items() if many}


def _ready() -> int:
    return _states().get("RUNNING", 0)
