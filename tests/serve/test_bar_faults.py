"""The bar, lines 10, 11, 13, 27, 30 to 33: clients that stall or go, full disks, restarts."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from jobs_of import JOBS, done, ended, send, small_files
from starlette.testclient import TestClient
from starlette.types import Message

from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.imaging import read_uploaded
from lumbar.imaging.child import Child, borrowed_child
from serve.answer import Answer, answer_of
from serve.api import make_api
from serve.board import Board, Ordered
from serve.example import Example
from serve.graded import Graded
from serve.grading import READERS, GradingService
from serve.job import State, new_job_id
from serve.sent import studies_sent
from serve.settings import KeepSettings, Limits
from serve.upload import name_files

ADDRESS = "http://127.0.0.1"
HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="1.dcm"\r\n\r\n'
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


class Server:
    """The application, asked in this event loop."""

    def __init__(self, service: GradingService, folder: Path, **limits: Any) -> None:
        self.limits = Limits(**limits)
        self.board = Board(KeepSettings(folder=folder), self.limits)
        self.app = make_api(service, self.limits, self.board)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url=ADDRESS, timeout=120
        )

    async def called(self, messages: AsyncIterator[Message]) -> list[Message]:
        """What a raw POST to /grade is answered whose client sends these messages."""
        answered: list[Message] = []

        async def sent(message: Message) -> None:
            answered.append(message)

        async def received() -> Message:
            return await anext(messages)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/v1/grade",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", FORM["Content-Type"].encode())],
            "scheme": "http",
            "server": ("127.0.0.1", 80),
        }
        with suppress(asyncio.CancelledError):
            await self.app(scope, received, sent)
        return answered


def test_bar_10_a_slow_client_is_cut_off_and_others_are_not(
    service: GradingService, tmp_path: Path, example: Example
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield HEAD
        while True:
            await asyncio.sleep(0.05)
            yield b"x"

    async def both() -> tuple[httpx.Response, httpx.Response]:
        server = Server(service, tmp_path, receive_s=1.5)
        stalled = server.client.post("/api/v1/grade", content=slow(), headers=FORM)
        files = {"file": ("slice.dcm", example.dicom.read_bytes())}
        first, second = await asyncio.gather(
            stalled, server.client.post("/api/v1/grade", files=files)
        )
        return first, second

    stalled, other = asyncio.run(both())
    assert (stalled.status_code, stalled.json()["title"]) == (408, "Too slow")
    assert other.status_code == 200


def test_bar_11_a_client_gone_mid_upload_leaves_nothing(
    service: GradingService, tmp_path: Path
) -> None:
    async def going() -> AsyncIterator[Message]:
        yield {"type": "http.request", "body": HEAD, "more_body": True}
        yield {"type": "http.disconnect"}

    async def asked() -> tuple[list[Message], dict[State, int]]:
        server = Server(service, tmp_path)
        return await server.called(going()), await server.board.counts()

    answered, counts = asyncio.run(asked())
    assert answered == []
    assert set(counts.values()) == {0}


def test_bar_11_a_client_gone_mid_grade_has_its_work_stopped_and_erased(
    service: GradingService, tmp_path: Path, example: Example
) -> None:
    body = HEAD.replace(b"1.dcm", b"s.zip") + example.archive.read_bytes() + b"\r\n--b--\r\n"

    async def asked() -> tuple[list[Message], list[dict[State, int]]]:
        server = Server(service, tmp_path)
        counts = []

        async def going() -> AsyncIterator[Message]:
            yield {"type": "http.request", "body": body}
            while sum((await server.board.counts()).values()) == 0:
                await asyncio.sleep(0.01)
            counts.append(await server.board.counts())
            while True:
                yield {"type": "http.disconnect"}

        answered = await server.called(going())
        return answered, [*counts, await server.board.counts()]

    answered, (before, after) = asyncio.run(asked())
    assert answered == []
    assert sum(before.values()) == 1
    assert set(after.values()) == {0}
    assert list((tmp_path / "results").iterdir()) == []


def test_bar_11_work_ends_at_its_next_step_once_nobody_listens(
    service: GradingService, example: Example
) -> None:
    sent = studies_sent(name_files([("s.zip", example.archive.read_bytes())]), Limits())[0]

    async def begun_and_left() -> list[Any]:
        told = service.grade(sent)
        first = [await anext(told)]
        await told.aclose()
        return [*first, *[one async for one in told]]

    told = asyncio.run(begun_and_left())
    assert not any(isinstance(one, Graded) for one in told)


@pytest.mark.slow
def test_bar_13_200_parallel_uploads_are_answered_or_sent_away(
    service: GradingService, tmp_path: Path, example: Example
) -> None:
    files = {"file": ("slice.dcm", example.dicom.read_bytes())}
    before = psutil.Process().memory_info().rss

    async def all_at_once() -> list[httpx.Response]:
        server = Server(service, tmp_path, uploads_at_once=8, queue=12, jobs_a_client=200)
        asked = (server.client.post("/api/v1/grade", files=files) for _ in range(200))
        return list(await asyncio.gather(*asked))

    responses = asyncio.run(all_at_once())
    assert {response.status_code for response in responses} == {200, 503}
    away = [response for response in responses if response.status_code == 503]
    assert all(int(response.headers["retry-after"]) > 0 for response in away)
    assert psutil.Process().memory_info().rss - before < 500 * 2**20


def test_bar_13_callers_beyond_those_who_wait_are_sent_away_and_jobs_queue(
    service: GradingService, tmp_path: Path, example: Example
) -> None:
    files = {"file": ("slice.dcm", example.dicom.read_bytes())}

    async def all_at_once() -> list[httpx.Response]:
        server = Server(service, tmp_path, waiting_at_once=2)
        asked = [server.client.post("/api/v1/grade", files=files) for _ in range(5)]
        return list(await asyncio.gather(*asked, server.client.post(JOBS, files=files)))

    *answers, queued = asyncio.run(all_at_once())
    assert sorted(answer.status_code for answer in answers) == [200, 200, 503, 503, 503]
    away = next(answer for answer in answers if answer.status_code == 503)
    assert away.headers["content-type"] == "application/problem+json"
    assert int(away.headers["retry-after"]) > 0
    assert "2 callers wait" in away.json()["detail"]
    assert JOBS in away.json()["hint"]
    assert queued.status_code == 202


def severities(answer: Answer) -> list[tuple[str | None, float | None]]:
    return [
        (f.severity, f.probabilities and round(f.probabilities.severe, 4)) for f in answer.findings
    ]


@pytest.mark.slow
def test_bar_27_a_model_swapped_under_load_never_mixes_answers(
    served_bundle: Bundle, other_bundle: Bundle, example: Example
) -> None:
    service = GradingService(served_bundle, Limits(), precision="fp32")
    data = example.dicom.read_bytes()
    study = read_uploaded({"slice.dcm": data})[0]
    expected = {
        bundle.name: severities(answer_of(study, Grader(bundle).grade(study), {}, {}))
        for bundle in (served_bundle, other_bundle)
    }
    sent = studies_sent(name_files([("slice.dcm", data)]), Limits())[0]
    answers: list[Answer] = []

    async def asking(stop: asyncio.Event) -> None:
        while not stop.is_set():
            outcomes = [one async for one in service.grade(sent, None)]
            assert isinstance(outcomes[-1], Graded)
            answers.append(outcomes[-1].answer)

    async def swapping() -> None:
        stop = asyncio.Event()
        load = [asyncio.create_task(asking(stop)) for _ in range(3)]
        for number in range(2):
            await service.swap((other_bundle, served_bundle)[number % 2])
            await asyncio.sleep(0.2)
        stop.set()
        await asyncio.gather(*load)

    asyncio.run(swapping())
    assert {answer.bundle for answer in answers} == set(expected)
    for answer in answers:
        assert answer.model.bundle == answer.bundle
        assert severities(answer) == expected[answer.bundle]


def kill_at_work(children: Sequence[Child]) -> None:
    """End a decode child with SIGKILL, once one is at work."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for arena in (child.arena for child in children):
            if arena.position is not None and not arena.done:
                os.kill(arena.pid, signal.SIGKILL)
                return
        time.sleep(0.001)
    raise AssertionError("no child was seen at work")


def test_bar_30_a_killed_decode_child_costs_not_even_its_own_request(
    client: TestClient, service: GradingService, example: Example
) -> None:
    unhurt = done(client, ("study.zip", example.archive.read_bytes()))
    with borrowed_child() as one, borrowed_child() as other:
        children = one, other
        for child in children:
            child.end()  # with all that is noted of earlier calls
    free = threading.Event()
    for _ in range(READERS):  # decoding waits until this test looks
        service._readers.submit(free.wait, 60)
    (job,) = send(client, ("study.zip", example.archive.read_bytes()))
    free.set()
    kill_at_work(children)
    assert ended(client, job)["state"] == "done"
    results = [client.get(f"{each['address']}/result").json() for each in (unhurt, job)]
    assert results[0]["findings"] == results[1]["findings"]
    assert results[0]["set_aside"] == results[1]["set_aside"] == []


def test_bar_31_a_full_disk_is_507_and_leaves_nothing_half_written(
    result: Graded, tmp_path: Path
) -> None:
    large = replace(result.shown, slices=((np.zeros((512, 512), np.int16),),))
    result = replace(result, shown=large)

    async def finished() -> Any:
        board = Board(KeepSettings(folder=tmp_path), Limits())
        order = Ordered(new_job_id(), "1", 1)
        await board.order("me", "worker", [order])
        with small_files(100_000):
            outcome = await board.finish(order.id, result)
        return outcome, await board.job(order.id, "me")

    outcome, job = asyncio.run(finished())
    assert (outcome.status, outcome.name) == (507, "storage-full")
    assert (job.state, job.problem.status) == (State.FAILED, 507)
    assert list((tmp_path / "results").iterdir()) == []


def test_bar_31_a_folder_that_holds_as_much_as_it_may_is_507(
    service: GradingService, tmp_path: Path, example: Example
) -> None:
    keep = KeepSettings(folder=tmp_path, bytes=1000)
    app = make_api(service, Limits(), Board(keep, Limits()))
    with TestClient(app, base_url=ADDRESS) as client:
        files = {"file": ("slice.dcm", example.dicom.read_bytes())}
        response = client.post("/api/v1/grade", files=files)
    assert (response.status_code, response.json()["title"]) == (507, "No room for the result")
    assert list((tmp_path / "results").iterdir()) == []


def test_bar_32_after_a_restart_results_are_there_and_the_rest_is_interrupted(
    service: GradingService, tmp_path: Path, example: Example
) -> None:
    limits, keep = Limits(), KeepSettings(folder=tmp_path)
    with TestClient(make_api(service, limits, Board(keep, limits)), base_url=ADDRESS) as client:
        finished = done(client, ("slice.dcm", example.dicom.read_bytes()))
        assert client.get(f"{finished['address']}/result.dcm").status_code == 200
        before = client.get(f"{finished['address']}/result").json()
        cookies = client.cookies
    owner = Board(keep, limits)._table.get(finished["id"])
    assert owner is not None

    async def cut_off() -> str:
        board = Board(KeepSettings(folder=tmp_path), limits)
        order = Ordered(new_job_id(), "1", 1)
        await board.order(owner.owner, "a server that is gone", [order])
        return order.id

    lost = asyncio.run(cut_off())
    (tmp_path / "results" / "half.part").mkdir()
    keep = KeepSettings(folder=tmp_path, silence_s=0.01)
    with TestClient(
        make_api(service, limits, Board(keep, limits)), base_url=ADDRESS, cookies=cookies
    ) as client:
        time.sleep(0.05)
        assert client.get(f"{finished['address']}/result").json() == before
        assert client.get(f"{finished['address']}/series/0/slices/0.png").status_code == 200
        report = client.get(f"{finished['address']}/result.dcm")
        assert (report.status_code, report.json()["title"]) == (410, "No Structured Report")
        assert "restarted" in report.json()["detail"]
        job = client.get(f"{JOBS}/{lost}").json()
        assert job["state"] == "interrupted"
        assert job["problem"]["title"] == "Interrupted, send again"
        assert client.get(f"{JOBS}/{lost}/result").status_code == 503
    assert [entry.name for entry in (tmp_path / "results").iterdir()] == [finished["id"]]


def test_bar_33_an_expired_job_is_gone_with_its_files(
    service: GradingService, tmp_path: Path, example: Example
) -> None:
    keep = KeepSettings(folder=tmp_path, hours=2 / 3600)
    app = make_api(service, Limits(), Board(keep, Limits()))
    with TestClient(app, base_url=ADDRESS) as client:
        (job,) = send(client, ("slice.dcm", example.dicom.read_bytes()))
        until = time.monotonic() + 60
        while (response := client.get(job["address"])).status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert (response.status_code, response.json()["title"]) == (410, "Gone")
        assert client.get(f"{job['address']}/result").status_code == 410
        assert client.get(JOBS).json() == {"jobs": []}
        while any((tmp_path / "results").iterdir()):
            assert time.monotonic() < until
            time.sleep(0.1)
    assert os.path.getsize(tmp_path / "jobs.sqlite") > 0
