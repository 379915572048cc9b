"""Clients that send studies to a server and note how long each answer took."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median, quantiles

import httpx

__all__ = ["Answered", "Load", "at_rate", "health_ms", "in_turn", "until"]

PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Answered:
    """A request's status, how long its answer took, and the answer itself."""

    status: int
    seconds: float
    response: httpx.Response


@dataclass(frozen=True, slots=True)
class Load:
    """What came of many requests, and the time that all took together."""

    answers: tuple[Answered, ...]
    seconds: float

    def took(self, status: int = 200) -> list[float]:
        """Seconds of the requests that were answered so."""
        return [one.seconds for one in self.answers if one.status == status]

    @property
    def p50(self) -> float:
        """Of the studies that were graded, seconds."""
        return median(self.took())

    @property
    def p95(self) -> float:
        """Of the studies that were graded, seconds, within those that were seen."""
        took = self.took()
        return quantiles(took, n=20, method="inclusive")[-1] if len(took) > 1 else took[0]

    @property
    def a_study(self) -> float:
        """Seconds a study that was graded: the throughput's inverse."""
        return self.seconds / len(self.took())

    @property
    def statuses(self) -> dict[int, int]:
        """How many requests were answered with each status."""
        return dict(Counter(one.status for one in self.answers))

    def stages(self) -> dict[str, float]:
        """Where the answers say that their time went: the median seconds of each stage."""
        told = [one.response.json()["seconds"] for one in self.answers if one.status == 200]
        return {stage: median(one[stage] for one in told) for stage in told[0]}


def in_turn(address: str, archive: bytes, *, clients: int, each: int) -> Load:
    """`clients` at once, each of which sends its next study when the last one is answered."""
    turns = [each] * clients
    return _together(clients, lambda n: _client(address, archive, lambda done: done < turns[n]))


def until(address: str, archive: bytes, stop: threading.Event, *, clients: int) -> Load:
    """`clients` at once that send one study after the other until `stop`."""
    return _together(clients, lambda _: _client(address, archive, lambda _: not stop.is_set()))


def at_rate(address: str, archive: bytes, *, a_second: float, requests: int) -> Load:
    """Requests that come at a steady rate, whether or not those before are answered."""
    began = time.perf_counter()

    def late(number: int) -> list[Answered]:
        time.sleep(max(0.0, began + number / a_second - time.perf_counter()))
        return _client(address, archive, lambda done: done < 1)

    return _together(requests, late)


def health_ms(address: str, times: int = 50) -> float:
    """What a route without a model takes, median."""
    with _open(address) as client:
        client.get("/healthz")
        took = []
        for _ in range(times):
            began = time.perf_counter()
            client.get("/healthz").raise_for_status()
            took.append(time.perf_counter() - began)
    return 1000 * median(took)


def _together(many: int, client: Callable[[int], list[Answered]]) -> Load:
    began = time.perf_counter()
    with ThreadPoolExecutor(many) as threads:
        answers = [one for answered in threads.map(client, range(many)) for one in answered]
    return Load(tuple(answers), time.perf_counter() - began)


def _client(address: str, archive: bytes, more: Callable[[int], bool]) -> list[Answered]:
    answers: list[Answered] = []
    with _open(address) as client:
        while more(len(answers)):
            began = time.perf_counter()
            response = client.post("/api/v1/grade", files={"file": ("study.zip", archive)})
            answers.append(Answered(response.status_code, time.perf_counter() - began, response))
    return answers


def _open(address: str) -> httpx.Client:
    return httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE_S)
