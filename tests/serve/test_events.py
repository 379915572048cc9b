"""Streams of events: so many of one caller, so many of all, and each place is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from jobs_of import JOBS

from serve.api import make_api
from serve.app import _grader, _ingress
from serve.board import Board
from serve.example import Example
from serve.grading import GradingService
from serve.settings import KeepSettings, Limits, ServeArguments

ADDRESS = "http://127.0.0.1"


class Caller:
    """A browser of its own, with a job that waits for ever."""

    def __init__(self, app: Any) -> None:
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ADDRESS)
        self.job = ""

    async def send(self, data: bytes) -> None:
        sent = await self.client.post(JOBS, files={"file": ("slice.dcm", data)})
        self.job = sent.json()["jobs"][0]["address"]

    def follow(self) -> asyncio.Task[httpx.Response]:
        return asyncio.create_task(self.client.get(f"{self.job}/events"))


async def sent_away(streams: Sequence[asyncio.Task[httpx.Response]]) -> httpx.Response:
    """The one of these that is answered at once; the others are open."""
    done, _ = await asyncio.wait(streams, return_when=asyncio.FIRST_COMPLETED)
    (first,) = done
    return first.result()


async def closed(streams: Sequence[asyncio.Task[httpx.Response]]) -> None:
    """Their clients go."""
    for stream in streams:
        stream.cancel()
    await asyncio.wait(streams)


async def callers(
    service: GradingService, folder: Path, data: bytes, many: int, **limits: int
) -> list[Caller]:
    told = Limits(**limits, drain_s=0)
    app = make_api(service, told, Board(KeepSettings(folder=folder), told), at_once=0)
    found = [Caller(app) for _ in range(many)]
    for caller in found:
        await caller.send(data)
    return found


@pytest.fixture
def data(example: Example) -> bytes:
    return example.dicom.read_bytes()


def test_a_caller_has_so_many_streams_of_events_and_gets_them_back_by_closing_them(
    service: GradingService, tmp_path: Path, data: bytes
) -> None:
    async def asked() -> None:
        one, other = await callers(service, tmp_path, data, 2, streams_a_client=3)
        for _ in range(2):
            streams = [one.follow() for _ in range(4)]
            answer = await sent_away(streams)
            assert (answer.status_code, answer.json()["title"]) == (503, "Busy")
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) > 0
            assert "3 streams of events of this caller" in answer.json()["detail"]
            assert "GET /api/v1/jobs/{id}" in answer.json()["hint"]
            await closed(streams)
        streams = [one.follow() for _ in range(3)]
        others = [other.follow() for _ in range(4)]
        assert (await sent_away([*streams, *others])).status_code == 503
        assert all(not stream.done() for stream in streams)
        await closed([*streams, *others])

    asyncio.run(asked())


def test_all_callers_together_have_so_many_streams_of_events(
    service: GradingService, tmp_path: Path, data: bytes
) -> None:
    async def asked() -> None:
        both = await callers(service, tmp_path, data, 2, streams=3, streams_a_client=2)
        streams = [caller.follow() for caller in both for _ in range(2)]
        assert "3 streams of events of all callers" in (await sent_away(streams)).json()["detail"]
        await closed(streams)

    asyncio.run(asked())


def test_a_stream_that_has_ended_holds_no_place(
    service: GradingService, tmp_path: Path, data: bytes
) -> None:
    async def asked() -> None:
        (caller,) = await callers(service, tmp_path, data, 1, streams_a_client=1)
        for _ in range(2):
            stream = caller.follow()
            await asyncio.sleep(0.1)
            await caller.client.delete(caller.job)
            assert "event: gone" in (await stream).text
            await caller.send(data)

    asyncio.run(asked())


def test_streams_leave_most_of_ray_serves_requests_to_others() -> None:
    arguments, limits = ServeArguments(), Limits()
    most = _ingress(_grader(arguments), arguments)._bound_deployment.max_ongoing_requests
    assert limits.streams_a_client == limits.jobs_a_client
    assert limits.streams + limits.uploads_at_once + limits.waiting_at_once <= most // 2
