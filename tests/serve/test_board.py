"""The board: calls that come twice, jobs that nobody works on, disks that refuse, new settings."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jobs_of import small_files
from starlette.testclient import TestClient

from lumbar.errors import ConfigError
from serve.api import make_api
from serve.board import JOBS_LISTED, TIDY_S, Board, Ordered
from serve.desk import Desk
from serve.example import Example
from serve.graded import Graded
from serve.grading import GradingService
from serve.job import ENDED, Job, Progress, State, new_job_id, utc
from serve.problems import Problem
from serve.settings import KeepSettings, Limits
from serve.shared_board import settled
from serve.table import JobTable
from serve.troubles import storage_full, took_too_long
from serve.upload import name_files


def ordered() -> Ordered:
    return Ordered(new_job_id(), "2.25.1", 1)


async def taken(board: Board) -> Ordered:
    """A new order of mine that the board has taken."""
    order = ordered()
    await board.order("me", "worker", [order])
    return order


def board_of(folder: Path, **keep: Any) -> Board:
    return Board(KeepSettings(folder=folder, **keep), Limits())


async def state(board: Board, job_id: str) -> State:
    job = await board.job(job_id, "me")
    assert isinstance(job, Job)
    return job.state


async def until(found: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    async with asyncio.timeout(30):
        while not await found():
            await asyncio.sleep(0.05)


def test_an_order_that_comes_again_after_a_restart_is_the_same_jobs(tmp_path: Path) -> None:
    async def asked() -> None:
        orders = [ordered(), ordered()]
        first = await board_of(tmp_path).order("me", "worker", orders)
        board = board_of(tmp_path)
        assert await board.order("me", "worker", orders) == first
        assert len(await board.jobs("me")) == 2

    asyncio.run(asked())


def test_a_result_that_comes_again_after_a_restart_is_kept(tmp_path: Path, result: Graded) -> None:
    async def asked() -> None:
        order = ordered()
        board = board_of(tmp_path)
        await board.order("me", "worker", [order])
        # The board ends between the files and the table: the files are there, the job runs.
        board._shelf.put(order.id, {"answer.json": b"of the call that was cut off"})
        board = board_of(tmp_path)
        job = await board.finish(order.id, result)
        assert isinstance(job, Job)
        answer = await board.answer(order.id, "me")
        assert not isinstance(answer, Problem)
        assert answer.findings == result.answer.findings
        # It ends after the table: the job is done, its headers are forgotten.
        board = board_of(tmp_path)
        assert await board.finish(order.id, result) == job
        assert await board.headers(order.id, "me") == result.headers

    asyncio.run(asked())


def test_a_job_that_its_ingress_does_not_have_is_interrupted(tmp_path: Path) -> None:
    async def asked() -> None:
        board = board_of(tmp_path, silence_s=0.3)
        lost, worked_on, elsewhere = ordered(), ordered(), ordered()
        await board.order("me", "worker", [lost, worked_on])
        await board.order("me", "another", [elsewhere])
        await board.beat("worker", {worked_on.id})
        assert await state(board, lost.id) is State.QUEUED  # its order may be on its way back

        async def beaten() -> bool:
            await board.beat("another", {elsewhere.id})
            await board.beat("worker", {worked_on.id})
            return await state(board, lost.id) is not State.QUEUED

        await until(beaten)
        assert await state(board, lost.id) is State.INTERRUPTED
        assert await state(board, worked_on.id) is State.QUEUED
        assert await state(board, elsewhere.id) is State.QUEUED

    asyncio.run(asked())


def test_a_desk_tells_what_it_has_at_work(
    tmp_path: Path, service: GradingService, example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve.desk.BEAT_S", 0.05)
    upload = name_files([("study.zip", example.archive.read_bytes())])

    async def asked() -> None:
        board = board_of(tmp_path, silence_s=0.2)
        desk = Desk(service, board, Limits())
        desk.open()
        (job,) = await desk.take(upload, None, "me")
        lost = ordered()  # as an order whose answer never came back to the desk
        await board.order("me", desk._worker, [lost])

        async def ended() -> bool:
            return {await state(board, job.id), await state(board, lost.id)} <= ENDED

        await until(ended)
        assert await state(board, job.id) is State.DONE
        assert await state(board, lost.id) is State.INTERRUPTED
        await desk.close()

    asyncio.run(asked())


def test_a_job_that_ends_while_others_are_interrupted_keeps_its_end(
    tmp_path: Path, result: Graded
) -> None:
    async def asked() -> None:
        board = board_of(tmp_path, silence_s=0.05)
        orders = [ordered() for _ in range(3)]
        await board.order("me", "a server that is gone", orders)
        await asyncio.sleep(0.1)
        # The sweep of the first call gives way at each job that it interrupts.
        async with board._changes._changed:
            sweep = asyncio.create_task(board.jobs("me"))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            ending = asyncio.create_task(board.fail(orders[2].id, took_too_long(Limits())))
            await asyncio.sleep(0)
        await asyncio.gather(sweep, ending)
        assert await state(board, orders[0].id) is State.INTERRUPTED
        assert await state(board, orders[2].id) is State.FAILED

    asyncio.run(asked())


def test_how_a_job_ended_is_told_on_a_full_disk_and_written_later(tmp_path: Path) -> None:
    async def asked() -> None:
        board = board_of(tmp_path)
        order = await taken(board)
        assert await board.report(order.id, Progress(stage="decoding"))
        with small_files(1):
            await board.fail(order.id, took_too_long(Limits()))
            assert await state(board, order.id) is State.FAILED
            assert [job.state for job in await board.jobs("me")] == [State.FAILED]

        async def written() -> bool:
            await board.jobs("me")
            row = JobTable(tmp_path / "jobs.sqlite").get(order.id)
            return row is not None and row.job.state is State.FAILED

        await until(written)

    asyncio.run(asked())


def test_a_job_that_the_disk_does_not_let_go_is_507_and_erased_later(
    tmp_path: Path, result: Graded
) -> None:
    async def asked() -> None:
        board = board_of(tmp_path)
        order = await taken(board)
        await board.finish(order.id, result)
        with small_files(1):
            problem = await board.erase(order.id, "me")
            assert problem is not None
            assert (problem.status, problem.name) == (507, "storage-full")
            # Its files go first: none is left that no row knows of.
            assert list((tmp_path / "results").iterdir()) == []
        assert await state(board, order.id) is State.DONE
        assert await board.erase(order.id, "me") is None
        gone = await board.job(order.id, "me")
        assert isinstance(gone, Problem)
        assert "erased" in gone.detail

    asyncio.run(asked())


def test_expired_jobs_that_the_disk_does_not_let_go_break_no_call(
    tmp_path: Path, result: Graded
) -> None:
    async def asked() -> None:
        board = board_of(tmp_path, hours=0.5 / 3600)
        expired = [ordered(), ordered()]
        await board.order("me", "worker", expired)
        for order in expired:
            await board.finish(order.id, result)
        await board.settle(KeepSettings(folder=tmp_path), Limits())
        lasting = ordered()
        await board.order("me", "worker", [lasting])
        await asyncio.sleep(TIDY_S)
        with small_files(1):
            assert await state(board, lasting.id) is State.QUEUED
            assert [job.id for job in await board.jobs("me")] == [lasting.id]
            assert list((tmp_path / "results").iterdir()) == []  # of both
            gone = await board.job(expired[0].id, "me")
            assert isinstance(gone, Problem)
            assert (gone.status, "time was up" in gone.detail) == (410, True)

        async def removed() -> bool:
            await board.jobs("me")
            return JobTable(tmp_path / "jobs.sqlite").ids() == {lasting.id}

        await until(removed)

    asyncio.run(asked())


def test_a_job_is_gone_as_soon_as_its_time_is_up(tmp_path: Path) -> None:
    async def asked() -> None:
        board = board_of(tmp_path, hours=0.3 / 3600)
        order = ordered()
        (job,) = await board.order("me", "worker", [order])
        assert await board.jobs("me") == [job]  # all is swept now, and not again for a second
        await asyncio.sleep(0.31)
        gone = await board.job(order.id, "me")
        assert isinstance(gone, Problem)
        assert gone.status == 410
        assert await board.jobs("me") == []
        assert isinstance(await board.answer(order.id, "me"), Problem)

    asyncio.run(asked())


def test_a_result_without_a_place_in_the_table_leaves_no_headers(
    tmp_path: Path, result: Graded
) -> None:
    async def asked() -> None:
        board = board_of(tmp_path)
        order = await taken(board)
        # Files of the result fit, the table's log does not.
        small = replace(result, maps={}, shown=replace(result.shown, slices=()))
        largest = max(map(len, small.files(order.id).values()))
        log = tmp_path / "jobs.sqlite-wal"
        assert log.stat().st_size > largest
        with small_files(largest + 1):
            problem = await board.finish(order.id, small)
        assert problem == storage_full()
        assert board._headers == {}
        assert list((tmp_path / "results").iterdir()) == []
        assert await state(board, order.id) is State.FAILED

    asyncio.run(asked())


def test_who_is_told_that_a_job_is_done_finds_its_headers(tmp_path: Path, result: Graded) -> None:
    async def asked() -> None:
        board = board_of(tmp_path)
        order = await taken(board)

        async def told() -> Any:
            while await state(board, order.id) is not State.DONE:
                await asyncio.sleep(0)
            return await board.headers(order.id, "me")

        headers, _ = await asyncio.gather(told(), board.finish(order.id, result))
        assert headers == result.headers

    asyncio.run(asked())


def test_who_waits_is_woken_by_a_board_that_counts_from_the_start_again(tmp_path: Path) -> None:
    async def asked() -> None:
        board = board_of(tmp_path)
        order = await taken(board)
        for stage in ("decoding", "locating", "grading"):
            await board.report(order.id, Progress(stage=stage))
        changed = await board.change(order.id, "me", -1, 60)
        assert not isinstance(changed, Problem)
        seen, _ = changed
        board = board_of(tmp_path)
        async with asyncio.timeout(30):
            changed = await board.change(order.id, "me", seen, 60)
            assert not isinstance(changed, Problem)
            waiting = asyncio.create_task(board.change(order.id, "me", changed[0], 60))
            await asyncio.sleep(0)
            await board.fail(order.id, took_too_long(Limits()))
            ended = await waiting
        assert not isinstance(ended, Problem)
        assert ended[1].state is State.FAILED

    asyncio.run(asked())


def test_a_board_takes_the_settings_of_who_starts_later(tmp_path: Path, result: Graded) -> None:
    async def asked() -> None:
        board = board_of(tmp_path)
        keep = KeepSettings(folder=tmp_path, hours=1, bytes=1000)
        assert await settled(board, keep, Limits(queue=1)) is board
        order = ordered()
        (job,) = await board.order("me", "worker", [order])
        assert job.expires < utc(time.time() + 2 * 3600)
        full = await board.order("me", "worker", [ordered()])
        assert isinstance(full, Problem)
        assert full.name == "queue-full"
        assert await board.finish(order.id, result) == storage_full()

    asyncio.run(asked())


def test_a_board_with_another_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async def asked() -> None:
        board = board_of(tmp_path / "old")
        other = KeepSettings(folder=tmp_path / "new")
        with pytest.raises(ConfigError, match=r"keep\.folder.*ray\.kill") as refused:
            await settled(board, other, Limits(queue=1))
        assert str(tmp_path / "old") in str(refused.value)
        assert isinstance(await board.order("me", "worker", [ordered(), ordered()]), list)

    asyncio.run(asked())


def test_expired_results_are_erased_where_nobody_asks(
    tmp_path: Path, service: GradingService, result: Graded
) -> None:
    async def done() -> None:
        board = board_of(tmp_path, hours=0.2 / 3600)
        order = await taken(board)
        await board.finish(order.id, result)
        await asyncio.sleep(0.2)

    asyncio.run(done())
    assert any((tmp_path / "results").iterdir())
    with TestClient(make_api(service, Limits(), board_of(tmp_path))):
        end = time.monotonic() + 30
        while any((tmp_path / "results").iterdir()):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_a_list_has_the_newest_jobs_and_not_all_of_them(tmp_path: Path) -> None:
    async def asked() -> None:
        board = board_of(tmp_path)
        ids = []
        for _ in range(JOBS_LISTED + 5):
            order = ordered()
            (job,) = await board.order("me", "worker", [order])
            await board.fail(order.id, took_too_long(Limits()))
            ids.append(job.id)
        listed = [job.id for job in await board.jobs("me")]
        assert len(listed) == JOBS_LISTED
        assert listed[0] == ids[-1]
        assert ids[0] not in listed

    asyncio.run(asked())


def test_no_question_of_each_second_reads_all_the_table(tmp_path: Path) -> None:
    file = tmp_path / "jobs.sqlite"
    old = sqlite3.connect(file)  # as 0.1.0 made it, without these indexes
    old.execute(
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, owner TEXT NOT NULL, worker TEXT NOT NULL, "
        "state TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, study_id TEXT, "
        "files INTEGER NOT NULL, progress TEXT NOT NULL, headline TEXT, problem TEXT)"
    )
    old.execute(
        "CREATE TABLE gone (id TEXT PRIMARY KEY, owner TEXT NOT NULL, why TEXT NOT NULL, "
        "at REAL NOT NULL)"
    )
    old.close()
    table = JobTable(file)
    asked: list[str] = []
    table._db.set_trace_callback(asked.append)
    table.past(1)
    table.unfinished()
    table.forget(1)
    table.close()
    assert [query.split()[0] for query in asked] == ["SELECT", "SELECT", "DELETE"]
    for query in asked:
        plan = sqlite3.connect(file).execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
        assert plan[0][-1].startswith("SEARCH"), query
