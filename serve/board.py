"""The one place that knows all jobs: a table and a shelf on disk, progress and headers in memory.

On Ray it is a detached actor, so that ingress and model may come and go; elsewhere an object like
any other. Every method is asynchronous and answers with a Problem where something is wrong, never
with an exception, which on its way between processes would be logged with its text.

Long because an actor is one class: what it takes in, answers, keeps and forgets shares one state.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lumbar.reports.source_headers import SourceHeaders
from serve.answer import Answer
from serve.feedback import FeedbackTable, Noted, Remark
from serve.job import ENDED, Job, Progress, State, utc
from serve.pictures import SeriesList, Shown, slice_png
from serve.problems import Problem
from serve.settings import KeepSettings, Limits
from serve.shelf import Content, Shelf, StorageFull
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
    storage_full,
)

__all__ = ["Board", "Graded", "Ordered"]

ANSWER, SERIES = "answer.json", "series.json"
SWEEP_S = 30.0


@dataclass(frozen=True, slots=True)
class Ordered:
    """A job to be: its id, its study and how many files came for it."""

    id: str
    study_id: str
    files: int


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """What became of a study: the answer, what a viewer shows, heat maps by file name, and the
    headers that only the Structured Report needs."""

    answer: Answer
    shown: Shown
    maps: Mapping[str, bytes]
    headers: SourceHeaders | None = None


class Board:
    """All jobs of a server."""

    def __init__(self, keep: KeepSettings, limits: Limits) -> None:
        self._keep, self._limits = keep, limits
        folder = keep.folder.expanduser().absolute()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._table = JobTable(_private(folder / "jobs.sqlite"))
        self._feedback = FeedbackTable(folder / "jobs.sqlite")
        self._shelf = Shelf(folder / "results", keep.bytes)
        self._shelf.keep_only(self._table.ids())
        self._headers: dict[str, SourceHeaders | None] = {}
        self._live: dict[str, Row] = {row.job.id: row for row in self._table.unfinished()}
        self._seen: dict[str, float] = {}
        self._opened = self._swept = time.monotonic()
        self._version: dict[str, int] = {}
        self._changed = asyncio.Condition()

    async def close(self) -> None:
        """Give the files back."""
        self._table.close()
        self._feedback.close()

    async def order(
        self, owner: str, worker: str, orders: Sequence[Ordered]
    ) -> list[Job] | Problem:
        """New jobs of an owner, to be worked on by an ingress; 503 where there are too many."""
        await self._sweep()
        self._seen[worker] = time.monotonic()
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
        return [row.job for row in rows]

    async def jobs(self, owner: str) -> list[Job]:
        """An owner's jobs, newest first."""
        await self._sweep()
        return [self._live.get(row.job.id, row).job for row in self._table.of_owner(owner)]

    async def job(self, job_id: str, owner: str) -> Job | Problem:
        """An owner's job, or why there is none: 404, or 410 where it was erased or has expired."""
        await self._sweep()
        row = self._live.get(job_id) or self._table.get(job_id)
        if row is not None and row.owner == owner:
            return row.job
        past = self._table.gone(job_id)
        if past is not None and past.owner == owner:
            return gone(past.why)
        return no_such_job()

    async def change(
        self, job_id: str, owner: str, seen: int, wait_s: float
    ) -> tuple[int, Job] | Problem:
        """The job once it is another than at version `seen` (-1: at once), or after `wait_s`."""
        try:
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(lambda: self._version.get(job_id, 0) > seen)
        except TimeoutError:
            pass
        job = await self.job(job_id, owner)
        return job if isinstance(job, Problem) else (self._version.get(job_id, 0), job)

    async def report(self, job_id: str, progress: Progress) -> bool:
        """A job has come so far; False where nobody wants it any more."""
        row = self._live.get(job_id)
        if row is None:
            return False
        began = row.job.state is State.QUEUED
        job = row.job.model_copy(update={"state": State.RUNNING, "progress": progress})
        await self._set(replace(row, job=job), write=began)
        return True

    async def beat(self, worker: str) -> None:
        """An ingress lives; the jobs of one that is silent for too long are interrupted."""
        self._seen[worker] = time.monotonic()
        await self._sweep()

    async def finish(self, job_id: str, graded: Graded) -> Job | Problem:
        """A job is done: its result is kept, or 507 where there is no room for it."""
        row = self._live.get(job_id)
        if row is None:
            return gone("erased")
        answer = graded.answer.model_copy(update={"job": job_id})
        graded = replace(graded, answer=answer)
        try:
            await asyncio.to_thread(self._shelf.put, job_id, _files(graded))
            if job_id not in self._live:  # erased meanwhile
                self._shelf.erase(job_id)
                return gone("erased")
            job = row.job.model_copy(
                update={
                    "state": State.DONE,
                    "progress": _finished(row.job.progress, answer),
                    "headline": answer.headline,
                }
            )
            await self._set(replace(row, job=job), write=True)
        except (StorageFull, sqlite3.OperationalError):
            self._shelf.erase(job_id)
            return await self._failed(row, storage_full())
        self._headers[job_id] = graded.headers
        return job

    async def fail(self, job_id: str, problem: Problem) -> None:
        """A job has come to nothing, and why."""
        if (row := self._live.get(job_id)) is not None:
            await self._failed(row, problem)

    async def erase(self, job_id: str, owner: str) -> Problem | None:
        """Take an owner's job away with all that is kept of it; what it still does is stopped."""
        job = await self.job(job_id, owner)
        if isinstance(job, Problem):
            return job
        row = self._live.get(job_id) or self._table.get(job_id)
        if row is not None:
            await self._remove(row, "erased")
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
        name = _slices_name(series)
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

    async def _kept(self, job_id: str, owner: str, name: str) -> bytes | Problem:
        job = await self.job(job_id, owner)
        if isinstance(job, Problem):
            return job
        if job.state is not State.DONE:
            return job.problem or not_done()
        found = await asyncio.to_thread(self._shelf.read, job_id, name)
        return gone("expired") if found is None else found

    async def _failed(self, row: Row, problem: Problem) -> Problem:
        interrupt = problem.name == interrupted().name
        state = State.INTERRUPTED if interrupt else State.FAILED
        job = row.job.model_copy(update={"state": state, "problem": problem})
        await self._set(replace(row, job=job), write=True)
        return problem

    async def _set(self, row: Row, *, write: bool) -> None:
        job_id = row.job.id
        if write:
            try:
                self._table.put(row)
            except sqlite3.OperationalError:
                if row.job.state is State.DONE:
                    raise
        if row.job.state in ENDED:
            self._live.pop(job_id, None)
        else:
            self._live[job_id] = row
        await self._tell(job_id)

    async def _remove(self, row: Row, why: str) -> None:
        self._table.remove(row, why)
        self._live.pop(row.job.id, None)
        self._headers.pop(row.job.id, None)
        await asyncio.to_thread(self._shelf.erase, row.job.id)
        await self._tell(row.job.id)

    async def _tell(self, job_id: str) -> None:
        self._version[job_id] = self._version.get(job_id, 0) + 1
        async with self._changed:
            self._changed.notify_all()

    async def _sweep(self) -> None:
        """Interrupt what no ingress works on any more; erase what has expired."""
        now = time.monotonic()
        for row in list(self._live.values()):
            silent = now - self._seen.get(row.worker, self._opened)
            if silent > self._keep.silence_s:
                await self._failed(row, interrupted())
        for row in self._table.past(time.time()):
            await self._remove(row, "expired")
        if now - self._swept > SWEEP_S:
            self._swept = now
            self._table.forget(time.time() - self._keep.remember_hours * 3600)
            alive = self._table.ids()
            self._version = {i: v for i, v in self._version.items() if i in alive}


def _private(file: Path) -> Path:
    file.touch(0o600)
    file.chmod(0o600)
    return file


def _finished(progress: Progress, answer: Answer) -> Progress:
    graded = sum(finding.status == "graded" for finding in answer.findings)
    return progress.model_copy(update={"stage": "done", "graded": graded})


def _slices_name(series: int) -> str:
    return f"slices-{series}.npz"


def _files(graded: Graded) -> dict[str, Content]:
    return {
        ANSWER: graded.answer.model_dump_json().encode(),
        SERIES: graded.shown.listed.model_dump_json().encode(),
        **{_slices_name(k): slices for k, slices in enumerate(graded.shown.slices)},
        **graded.maps,
    }
