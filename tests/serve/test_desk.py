"""The desk holds no more bytes than it may, and does no work that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from jobs_of import JOBS, done
from ray.exceptions import ActorDiedError
from starlette.testclient import TestClient

from lumbar.domain import View
from lumbar.imaging.child import borrowed_child
from serve.api import make_api
from serve.app import _lost
from serve.board import Board
from serve.desk import Desk, _Budget
from serve.example import Example
from serve.graded import Graded
from serve.grading import GradingService
from serve.job import Job, Progress, State
from serve.problems import Problem, Refused
from serve.sent import SentStudy, Stopped
from serve.settings import KeepSettings, Limits
from serve.troubles import full_memory
from serve.upload import Upload, name_files

ME = "me"


@asynccontextmanager
async def opened(service: GradingService, folder: Path, **limits: Any) -> AsyncIterator[Desk]:
    """A desk that gives nothing to the model, so that what it takes in waits."""
    told = Limits(drain_s=0, **limits)
    board = Board(KeepSettings(folder=folder), told)
    desk = Desk(service, board, told, at_once=0)
    try:
        yield desk
    finally:
        await desk.close()
        await board.close()


async def refused(taking: Awaitable[Any]) -> Problem:
    with pytest.raises(Refused) as raised:
        await taking
    return raised.value.problem


@pytest.fixture
def upload(example: Example) -> Upload:
    return name_files([("slice.dcm", example.dicom.read_bytes())])


def test_an_upload_beyond_the_bytes_that_may_be_held_is_sent_away_until_another_is_erased(
    service: GradingService, tmp_path: Path, upload: Upload
) -> None:
    async def asked() -> None:
        async with opened(service, tmp_path, held_bytes=2 * upload.bytes) as desk:
            first, second = await desk.take(upload, None, ME), await desk.take(upload, None, ME)
            busy = await refused(desk.take(upload, None, ME))
            assert (busy.status, busy.name) == (503, "busy")
            assert "would hold more than" in busy.detail
            assert await desk.erase(first[0].id, ME) is None
            await asyncio.sleep(0.1)
            await desk.take(upload, None, ME)
            assert await desk.erase(second[0].id, ME) is None

    asyncio.run(asked())


async def cancelled(desk: Desk, upload: Upload) -> None:
    taking = asyncio.create_task(desk.take(upload, None, ME))
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking


async def not_understood(desk: Desk, upload: Upload) -> None:
    text = name_files([("notes.txt", bytes(upload.bytes))])
    assert (await refused(desk.take(text, None, ME))).status == 415


async def too_many(desk: Desk, upload: Upload) -> None:
    assert (await refused(desk.take(upload, None, ME))).name == "client-busy"


@pytest.mark.parametrize(
    ("came_to_nothing", "most"), [(cancelled, 16), (not_understood, 16), (too_many, 1)]
)
def test_an_upload_that_comes_to_nothing_holds_no_bytes(
    service: GradingService,
    tmp_path: Path,
    upload: Upload,
    came_to_nothing: Callable[[Desk, Upload], Awaitable[None]],
    most: int,
) -> None:
    async def asked() -> None:
        limits = {"held_bytes": 2 * upload.bytes, "jobs_a_client": most}
        async with opened(service, tmp_path, **limits) as desk:
            await desk.take(upload, None, ME)
            for _ in range(3):
                await came_to_nothing(desk, upload)
            await desk.take(upload, None, "another")

    asyncio.run(asked())


def test_one_upload_alone_is_taken_however_large_and_its_bytes_are_free_once_it_is_graded(
    service: GradingService, tmp_path: Path, upload: Upload
) -> None:
    limits = Limits(held_bytes=1)
    app = make_api(service, limits, Board(KeepSettings(folder=tmp_path), limits))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        for _ in range(2):
            done(client, *upload.files.items())


def test_who_is_sent_away_for_want_of_memory_is_told_when_to_come_again(
    service: GradingService, tmp_path: Path, upload: Upload
) -> None:
    limits = Limits(held_bytes=1, drain_s=0)
    app = make_api(service, limits, Board(KeepSettings(folder=tmp_path), limits), at_once=0)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        first, second = (
            client.post(JOBS, files={"file": ("slice.dcm", *upload.files.values())})
            for _ in range(2)
        )
    assert (first.status_code, second.status_code) == (202, 503)
    assert int(second.headers["retry-after"]) > 0


def test_no_more_bytes_are_with_the_model_than_its_store_holds() -> None:
    """60 and 60 of 100 follow each other; 200 goes alone; who gives up waiting takes nothing."""
    together: list[int] = []
    inside: list[int] = []

    async def study(budget: _Budget, size: int) -> None:
        async with budget.of(size):
            inside.append(size)
            together.append(sum(inside))
            await asyncio.sleep(0.01)
            inside.remove(size)

    async def asked() -> None:
        budget = _Budget(100)
        tasks = [asyncio.create_task(study(budget, size)) for size in (60, 60, 200, 30, 40, 30)]
        await asyncio.sleep(0)
        gone = asyncio.create_task(study(budget, 77))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(*tasks)
        await study(budget, 100)

    asyncio.run(asked())
    assert not {77, 137} & set(together)
    assert {200, 100} <= set(together)
    assert all(size <= 100 or size == 200 for size in together)


class Noted(ThreadPoolExecutor):
    """Threads whose work can be looked at after nobody waits for it any more."""

    def __init__(self) -> None:
        super().__init__(1)
        self.begun: list[Future[Any]] = []

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        self.begun.append(super().submit(*args, **kwargs))
        return self.begun[-1]


def test_bar_11_looking_through_an_upload_ends_once_its_client_has_gone(
    service: GradingService, tmp_path: Path, upload: Upload
) -> None:
    async def left() -> Future[Any]:
        noted = Noted()
        asyncio.get_running_loop().set_default_executor(noted)
        async with opened(service, tmp_path) as desk:
            with borrowed_child(), borrowed_child():  # so that it cannot be over by then
                taking = asyncio.create_task(desk.take(upload, None, ME))
                while not (noted.begun and noted.begun[0].running()):
                    await asyncio.sleep(0.01)
                taking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await taking
        return noted.begun[0]

    assert isinstance(asyncio.run(left()).exception(), Stopped)


def test_an_upload_whose_headers_take_too_long_is_answered_and_its_work_ends(
    service: GradingService, tmp_path: Path, upload: Upload
) -> None:
    async def asked() -> tuple[Problem, Future[Any]]:
        noted = Noted()
        asyncio.get_running_loop().set_default_executor(noted)
        async with opened(service, tmp_path, study_s=0.2) as desk:
            with borrowed_child(), borrowed_child():
                problem = await refused(desk.take(upload, None, ME))
        return problem, noted.begun[0]

    problem, work = asyncio.run(asked())
    assert (problem.status, problem.name) == (504, "took-too-long")
    assert "which studies the files are" in problem.detail
    assert isinstance(work.exception(), Stopped)


class Losing:
    """Replicas of which the first ones asked are lost in the middle of their work."""

    def __init__(self, service: GradingService, *problems: Problem) -> None:
        self.service, self.problems = service, list(problems)
        self.model = service.model

    async def grade(
        self, sent: SentStudy, view: View | None
    ) -> AsyncGenerator[Progress | Graded | Problem]:
        if self.problems:
            yield Progress(stage="decoding")
            raise Refused(self.problems.pop(0))
        async for one in self.service.grade(sent, view):
            yield one


LOST = _lost(ActorDiedError())
BUSY = full_memory(Limits())


@pytest.mark.parametrize(
    ("problems", "state", "left"),
    [
        ((LOST,), State.DONE, 0),
        ((LOST, LOST, LOST), State.FAILED, 1),
        ((BUSY, BUSY), State.FAILED, 1),
    ],
    ids=["lost", "lost twice", "another problem"],
)
def test_a_study_whose_replica_was_lost_is_sent_to_another_one_once(
    service: GradingService,
    tmp_path: Path,
    upload: Upload,
    problems: tuple[Problem, ...],
    state: State,
    left: int,
) -> None:
    async def asked() -> Job:
        losing = Losing(service, *problems)
        board = Board(KeepSettings(folder=tmp_path), Limits())
        desk = Desk(losing, board, Limits())
        (job,) = await desk.take(upload, None, ME)
        await desk.close()
        assert len(losing.problems) == left
        ended = await board.job(job.id, ME)
        assert isinstance(ended, Job)
        return ended

    ended = asyncio.run(asked())
    assert (ended.state, ended.problem) == (state, None if state is State.DONE else problems[-1])
