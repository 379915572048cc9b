"""The one place that knows all jobs: a table and a shelf on disk, progress and headers in memory.

On Ray it is a detached actor, so that ingress and model may come and go; elsewhere an object like
any other. Every method is asynchronous and answers with a Problem where something is wrong, never
with an exception, which on its way between processes would be logged with its text. On Ray a call
that a restart of the board has cut off is made again, so that each may come twice.

Long because an actor is one class: what it takes in, answers, keeps and forgets shares one state.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lumbar.reports.source_headers import SourceHeaders
from serve.answer import Answer
from serve.changes import Changes
from serve.feedback import FeedbackTable, Noted, Remark
from serve.graded import ANSWER, SERIES, Graded, slices_name
from serve.job import ENDED, Job, Progress, State, utc
from serve.pictures import SeriesList, slice_png
from serve.problems import Problem
from serve.settings import KeepSettings, Limits
from serve.shelf import Shelf, StorageFull
from serve.table import JobTable, Row
from serve.troubles import (
    busy_client,
    full_queue,
    gone,
    interrupted,
    no_heat_map,
    no_report,
    no_such_job,
    no_such_slice,
    not_done,
    not_erased,
    storage_full,
)

__all__ = ["Board", "Ordered"]

TIDY_S = 1.0
"""Between two looks at what has expired: each asks the table."""
JOBS_LISTED = 200
"""An owner's newest jobs, a list of some 150 kB."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """A job to be: its id, its study and how many files came for it."""

    id: str
    study_id: str
    files: int


class Board:
    """All jobs of a server."""

    def __init__(self, keep: KeepSettings, limits: Limits) -> None:
        self._keep, self._limits = keep, limits
        self._folder = folder = _absolute(keep.folder)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._table = JobTable(_private(folder / "jobs.sqlite"))
        self._feedback = FeedbackTable(folder / "jobs.sqlite")
        self._shelf = Shelf(folder / "results", keep.bytes)
        self._shelf.keep_only(self._table.ids())
        self._headers: dict[str, SourceHeaders | None] = {}
        self._live: dict[str, Row] = {row.job.id: row for row in self._table.unfinished()}
        self._seen: dict[str, float] = {}
        self._changes = Changes()
        self._changes.begin(self._live)
        self._opened, self._opened_at = time.monotonic(), time.time()
        self._tidied = self._opened - TIDY_S

    async def close(self) -> None:
        """Give the files back."""
        self._table.close()
        self._feedback.close()

    async def settle(self, keep: KeepSettings, limits: Limits) -> Path | None:
        """Go by these settings from now on.

        Where they name another folder than the board's, nothing changes and the board's is told.
        """
        if _absolute(keep.folder) != self._folder:
            return self._folder
        self._keep, self._limits = keep, limits
        self._shelf.most_bytes = keep.bytes
        return None

    async def order(
        self, owner: str, worker: str, orders: Sequence[Ordered]
    ) -> list[Job] | Problem:
        """New jobs of an owner, to be worked on by an ingress; 503 where there are too many."""
        self._seen[worker] = time.monotonic()
        await self._sweep()
        if known := [row for one in orders if (row := self._row(one.id)) is not None]:
            return [row.job for row in known]
        if len(self._live) + len(orders) > self._limits.queue:
            return full_queue(self._limits)
        own = sum(row.owner == owner for row in self._live.values())
        if own + len(orders) > self._limits.jobs_a_client:
            return busy_client(self._limits)
        rows = [self._new(one, owner, worker) for one in orders]
        try:
            self._table.add(rows)
        except sqlite3.OperationalError:
            return storage_full()
        self._live |= {row.job.id: row for row in rows}
        self._changes.begin(row.job.id for row in rows)
        return [row.job for row in rows]

    async def refuse(self, owner: str, worker: str, order: Ordered, problem: Problem) -> Job:
        """A job that came to nothing before it began; nothing is kept where the disk is full."""
        if (known := self._row(order.id)) is not None:
            return known.job
        row = self._new(order, owner, worker)
        failed = row.job.model_copy(update={"state": State.FAILED, "problem": problem})
        row = replace(row, job=failed)
        with suppress(sqlite3.OperationalError):
            self._table.add([row])
        return row.job

    async def jobs(self, owner: str) -> list[Job]:
        """An owner's newest jobs, newest first."""
        await self._sweep()
        listed = self._table.of_owner(owner, time.time(), JOBS_LISTED)
        return [self._live.get(row.job.id, row).job for row in listed]

    async def job(self, job_id: str, owner: str) -> Job | Problem:
        """An owner's job, or why there is none: 404, or 410 where it was erased or has expired."""
        await self._sweep()
        row = self._row(job_id)
        if row is not None and row.owner == owner:
            return gone("expired") if row.expires <= time.time() else row.job
        past = self._table.gone(job_id)
        if past is not None and past.owner == owner:
            return gone(past.why)
        return no_such_job()

    async def change(
        self, job_id: str, owner: str, seen: int, wait_s: float
    ) -> tuple[int, Job] | Problem:
        """The job once it is another than at version `seen` (-1: at once), or after `wait_s`."""
        await self._changes.wait(job_id, seen, wait_s)
        job = await self.job(job_id, owner)
        return job if isinstance(job, Problem) else (self._changes.version(job_id), job)

    async def report(self, job_id: str, progress: Progress) -> bool:
        """A job has come so far; False where nobody wants it any more."""
        row = self._live.get(job_id)
        if row is None:
            return False
        began = row.job.state is State.QUEUED
        job = row.job.model_copy(update={"state": State.RUNNING, "progress": progress})
        await self._set(replace(row, job=job), write=began)
        return True

    async def beat(self, worker: str, at_work: Collection[str]) -> None:
        """An ingress lives and works on these jobs.

        What has been its own for `silence_s` and is not among them is interrupted: its order never
        came through, or the word of its end did not. So are jobs of an ingress that is silent.
        """
        self._seen[worker] = time.monotonic()
        before = time.time() - self._keep.silence_s
        await self._interrupt(
            lambda row: (
                row.worker == worker
                and row.job.id not in at_work
                and max(row.created, self._opened_at) < before
            )
        )
        await self._sweep()

    async def finish(self, job_id: str, graded: Graded) -> Job | Problem:
        """A job is done: its result is kept, or 507 where there is no room for it."""
        row = self._row(job_id)
        if row is not None and row.job.state is State.DONE:  # and the call comes again
            self._headers[job_id] = graded.headers
            return row.job
        if job_id not in self._live:
            return gone("erased")
        try:
            await asyncio.to_thread(self._shelf.put, job_id, graded.files(job_id))
            if (row := self._live.get(job_id)) is None:  # erased meanwhile
                self._shelf.erase(job_id)
                return gone("erased")
            far = row.job.progress.model_copy(update={"stage": "done", "graded": graded.findings})
            update = {"state": State.DONE, "progress": far, "headline": graded.answer.headline}
            job = row.job.model_copy(update=update)
            self._headers[job_id] = graded.headers
            await self._set(replace(row, job=job), write=True)
        except (StorageFull, sqlite3.OperationalError):
            self._headers.pop(job_id, None)
            self._shelf.erase(job_id)
            await self.fail(job_id, storage_full())
            return storage_full()
        return job

    async def fail(self, job_id: str, problem: Problem) -> None:
        """A job has come to nothing, and why."""
        if (row := self._live.get(job_id)) is not None:
            await self._failed(row, problem)

    async def erase(self, job_id: str, owner: str) -> Problem | None:
        """Take an owner's job away with all that is kept of it; 507 where the disk refuses it."""
        job = await self.job(job_id, owner)
        if isinstance(job, Problem):
            return job
        try:
            if (row := self._row(job_id)) is not None:
                await self._remove(row, "erased")
        except (OSError, sqlite3.OperationalError):
            return not_erased()
        return None

    async def answer(self, job_id: str, owner: str) -> Answer | Problem:
        """The answer of a job that is done; else why there is none."""
        found = await self._kept(job_id, owner, ANSWER)
        return found if isinstance(found, Problem) else Answer.model_validate_json(found)

    async def series(self, job_id: str, owner: str) -> SeriesList | Problem:
        """The series of a job that is done."""
        found = await self._kept(job_id, owner, SERIES)
        return found if isinstance(found, Problem) else SeriesList.model_validate_json(found)

    async def slice(
        self, job_id: str, owner: str, series: int, number: int, window: tuple[float, float] | None
    ) -> bytes | Problem:
        """A slice as PNG; `window` is centre and width, None for the series' own."""
        listed = await self.series(job_id, owner)
        if isinstance(listed, Problem):
            return listed
        name = slices_name(series)
        pixels = await asyncio.to_thread(self._shelf.array, job_id, name, number)
        if pixels is None:
            return no_such_slice()
        own = listed.series[series].window
        center, width = window or (own.center, own.width)
        return await asyncio.to_thread(slice_png, pixels, center, width)

    async def heat_map(self, job_id: str, owner: str, name: str) -> bytes | Problem:
        """A finding's heat map as PNG."""
        answer = await self.answer(job_id, owner)
        if isinstance(answer, Problem):
            return answer
        return self._shelf.read(job_id, name) or no_heat_map()

    async def headers(self, job_id: str, owner: str) -> SourceHeaders | Problem:
        """What a job's files say of their patient, for its Structured Report alone."""
        job = await self.job(job_id, owner)
        if isinstance(job, Problem):
            return job
        if job_id not in self._headers:
            return no_report("headers are kept in memory only, and the server was restarted")
        return self._headers[job_id] or no_report("the study came without DICOM headers")

    async def remark(self, job_id: str, owner: str, remark: Remark) -> Noted | Problem:
        """Keep what a reader sees otherwise."""
        answer = await self.answer(job_id, owner)
        if isinstance(answer, Problem):
            return answer
        try:
            return self._feedback.add(owner, answer, remark)
        except sqlite3.OperationalError:
            return storage_full()

    async def remarks(self, owner: str) -> str:
        """An owner's remarks as CSV."""
        return self._feedback.as_csv(owner)

    async def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        return self._table.counts()

    def _new(self, order: Ordered, owner: str, worker: str) -> Row:
        now = time.time()
        expires = now + self._keep.hours * 3600
        job = Job(
            id=order.id,
            address=f"/api/v1/jobs/{order.id}",
            state=State.QUEUED,
            created=utc(now),
            expires=utc(expires),
            study_id=order.study_id,
            files=order.files,
            progress=Progress(),
        )
        return Row(job, owner, worker, now, expires)

    def _row(self, job_id: str) -> Row | None:
        return self._live.get(job_id) or self._table.get(job_id)

    async def _kept(self, job_id: str, owner: str, name: str) -> bytes | Problem:
        job = await self.job(job_id, owner)
        if isinstance(job, Problem):
            return job
        if job.state is not State.DONE:
            return job.problem or not_done()
        found = await asyncio.to_thread(self._shelf.read, job_id, name)
        return gone("expired") if found is None else found

    async def _failed(self, row: Row, problem: Problem) -> None:
        interrupt = problem.name == interrupted().name
        state = State.INTERRUPTED if interrupt else State.FAILED
        job = row.job.model_copy(update={"state": state, "problem": problem})
        await self._set(replace(row, job=job), write=True)

    async def _set(self, row: Row, *, write: bool) -> None:
        job_id, ended = row.job.id, row.job.state in ENDED
        if row.job.state is State.DONE:
            self._table.put(row)
        elif write:
            self._table.hold(row)
        if ended:
            self._live.pop(job_id, None)
        else:
            self._live[job_id] = row
        await self._changes.tell(job_id, at_work=not ended)

    async def _remove(self, row: Row, why: str) -> None:
        """Take a job out, its files first: a file without its row would be found by nobody."""
        job_id = row.job.id
        was_live = job_id in self._live
        await asyncio.to_thread(self._shelf.erase, job_id)
        self._table.remove(row, why)
        self._headers.pop(job_id, None)
        self._live.pop(job_id, None)
        await self._changes.tell(job_id, at_work=False)
        if was_live:  # its result may have come meanwhile
            await asyncio.to_thread(self._shelf.erase, job_id)

    async def _sweep(self) -> None:
        """Interrupt what no ingress works on any more; now and then, tidy up."""
        now = time.monotonic()
        silence_s = self._keep.silence_s
        await self._interrupt(
            lambda row: now - self._seen.get(row.worker, self._opened) > silence_s
        )
        if now - self._tidied >= TIDY_S:
            self._tidied = now
            await self._tidy()

    async def _interrupt(self, lost: Callable[[Row], bool]) -> None:
        for job_id in list(self._live):
            row = self._live.get(job_id)  # it may have ended while another one was told of
            if row is not None and lost(row):
                await self._failed(row, interrupted())

    async def _tidy(self) -> None:
        """Write what the disk has refused, erase what has expired; what fails is tried again."""
        with suppress(sqlite3.OperationalError):
            self._table.save()
            self._table.forget(time.time() - self._keep.remember_hours * 3600)
        for row in self._table.past(time.time()):
            with suppress(OSError, sqlite3.OperationalError):
                await self._remove(row, "expired")


def _absolute(folder: Path) -> Path:
    return folder.expanduser().absolute()


def _private(file: Path) -> Path:
    file.touch(0o600)
    file.chmod(0o600)
    return file
