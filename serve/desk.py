"""Where uploads become jobs and jobs are worked on: the ingress's own part of asynchronous work.

The board knows all jobs; a desk holds the bytes of those that it has taken, has them graded in
turn, and stops what nobody wants any more.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

from lumbar.domain import View
from lumbar.errors import InputError
from lumbar.imaging.told import of_one_study
from serve.answer import ModelAnswer
from serve.board import Board, Ordered
from serve.graded import Graded
from serve.job import Job, Progress, new_job_id
from serve.logs import JobLine, unexpected
from serve.problems import Problem, Refused, problem_of
from serve.sent import SentStudy, studies_sent
from serve.settings import Limits
from serve.troubles import (
    full_memory,
    interrupted,
    too_many_studies,
    took_long_to_look,
    took_too_long,
)
from serve.upload import Upload

__all__ = ["Desk", "Grading", "Noting"]

BEAT_S = 5.0
TRIES = 2
"""A study whose replica was lost is sent to another one once."""


class Grading(Protocol):
    """Who grades: `grading.GradingService` here, or its replicas behind Ray Serve.

    Both methods may raise Refused where there is nobody to ask.
    """

    def grade(
        self, sent: SentStudy, view: View | None
    ) -> AsyncGenerator[Progress | Graded | Problem]:
        """How far a study has come, and last what came of it."""

    async def model(self) -> ModelAnswer:
        """The model that answers, once it is ready."""


class Noting(Protocol):
    """Who notes what became of studies: `metrics.Meter` on Ray."""

    def graded(self, seconds: Mapping[str, float], findings: int) -> None:
        """A study was graded."""

    def ended(self, outcome: str) -> None:
        """A study came to another end."""


class _Budget:
    """Bytes that may be somewhere at a time; one that is larger alone may be there alone."""

    def __init__(self, most: int) -> None:
        self._most, self._used = most, 0
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        """Wait until there is room for `size`, and hold it."""
        async with self._freed:
            await self._freed.wait_for(lambda: not self._used or self._used + size <= self._most)
            self._used += size
        try:
            yield
        finally:
            async with self._freed:
                self._used -= size
                self._freed.notify_all()


class Desk:
    """Takes uploads in, has their studies graded, and tells the board."""

    def __init__(
        self,
        grading: Grading,
        board: Board,
        limits: Limits,
        *,
        at_once: int = 3,
        meter: Noting | None = None,
    ) -> None:
        """`at_once` studies are with the model at a time; the others wait here."""
        self._grading, self._board, self._limits, self._meter = grading, board, limits, meter
        self._worker = secrets.token_hex(8)
        self._turn, self._budget = asyncio.Semaphore(at_once), _Budget(limits.model_bytes)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._beating: asyncio.Task[None] | None = None
        self._held = 0

    def open(self) -> None:
        """Begin to tell the board that this desk lives, which also has it erase what expires."""
        self._beating = asyncio.create_task(self._beat())

    async def take(self, upload: Upload, view: View | None, owner: str) -> list[Job]:
        """The jobs of an upload, one a study, begun; raises Refused where there are none."""
        size = upload.bytes
        if self._held and self._held + size > self._limits.held_bytes:
            raise Refused(full_memory(self._limits))
        self._held += size
        try:
            jobs = await self._begin(upload, view, owner)
        except BaseException:
            self._held -= size
            raise
        ended = asyncio.gather(*(self._tasks[job.id] for job in jobs), return_exceptions=True)
        ended.add_done_callback(lambda _: self._give_back(size))
        return jobs

    async def turn_down(self, upload: Upload, study_id: str, owner: str, problem: Problem) -> Job:
        """A failed job for a study that was refused when nobody waited to be told of it."""
        order = Ordered(new_job_id(), study_id, len(upload.files))
        job = await self._board.refuse(owner, self._worker, order, problem)
        self._note(JobLine(len(upload.files), upload.bytes), problem.name, problem.status)
        return job

    async def _begin(self, upload: Upload, view: View | None, owner: str) -> list[Job]:
        studies = await self._looked_through(upload, view)
        most = min(self._limits.queue, self._limits.jobs_a_client)
        if len(studies) > most:
            raise Refused(too_many_studies(len(studies), most))
        orders = {new_job_id(): sent for sent in studies}
        jobs = await self._board.order(
            owner,
            self._worker,
            [Ordered(i, s.study.study_id, len(s.study.files)) for i, s in orders.items()],
        )
        if isinstance(jobs, Problem):
            raise Refused(jobs)
        for job_id, sent in orders.items():
            task = asyncio.create_task(self._work(job_id, sent, view))
            self._tasks[job_id] = task
            task.add_done_callback(self._forgetting(job_id))
        return jobs

    async def _looked_through(self, upload: Upload, view: View | None) -> list[SentStudy]:
        """The studies of an upload; its thread stops soon after nobody waits for them."""
        stop = threading.Event()
        try:
            async with asyncio.timeout(self._limits.study_s):
                studies = await asyncio.to_thread(studies_sent, upload, self._limits, stop)
            of_one_study(view, len(studies))
            return studies
        except InputError as error:
            raise Refused(problem_of(error)) from None
        except TimeoutError:
            raise Refused(took_long_to_look(self._limits)) from None
        finally:
            stop.set()

    def _give_back(self, size: int) -> None:
        self._held -= size

    async def erase(self, job_id: str, owner: str) -> Problem | None:
        """Erase a job and stop its work."""
        problem = await self._board.erase(job_id, owner)
        if problem is None:
            self.stop(job_id)
        return problem

    def stop(self, job_id: str) -> None:
        """Stop a job's work if it is done here."""
        if task := self._tasks.get(job_id):
            task.cancel()

    async def close(self) -> None:
        """Let what was begun end, for `limits.drain_s`; what has not by then is interrupted."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=self._limits.drain_s)
        for job_id, task in list(self._tasks.items()):
            task.cancel()
            await self._board.fail(job_id, interrupted())
        if self._beating:
            self._beating.cancel()

    async def _work(self, job_id: str, sent: SentStudy, view: View | None) -> None:
        line = JobLine(len(sent.study.files), sent.bytes)
        try:
            async with self._turn, self._budget.of(sent.bytes):
                async with asyncio.timeout(self._limits.study_s):
                    outcome = await self._tried(job_id, sent, view)
        except TimeoutError:
            outcome = took_too_long(self._limits)
        except Refused as refusal:
            outcome = refusal.problem
        except asyncio.CancelledError:
            self._note(line, "stopped")
            raise
        except Exception as error:
            outcome = unexpected(error)
        try:
            await self._close(job_id, outcome, line)
        except Exception as error:  # else the job would seem to run for ever
            await self._board.fail(job_id, unexpected(error))

    async def _close(self, job_id: str, outcome: Graded | Problem | None, line: JobLine) -> None:
        if outcome is None:
            self._note(line, "stopped")
            return
        if isinstance(outcome, Problem):
            await self._board.fail(job_id, outcome)
            self._note(line, outcome.name, outcome.status)
            return
        kept = await self._board.finish(job_id, outcome)
        if isinstance(kept, Problem):
            self._note(line, kept.name, kept.status)
        else:
            line.log("200", outcome.answer.seconds)
            if self._meter:
                self._meter.graded(outcome.answer.seconds, outcome.findings)

    async def _tried(
        self, job_id: str, sent: SentStudy, view: View | None
    ) -> Graded | Problem | None:
        """What came of a study, from another replica where the first was lost; None if erased."""
        for left in reversed(range(TRIES)):
            try:
                return await self._asked(job_id, sent, view)
            except Refused as refusal:
                if not left or refusal.problem.name != "replica-lost":
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    async def _asked(
        self, job_id: str, sent: SentStudy, view: View | None
    ) -> Graded | Problem | None:
        async with aclosing(self._grading.grade(sent, view)) as told:
            async for one in told:
                if not isinstance(one, Progress):
                    return one
                if not await self._board.report(job_id, one):
                    return None
        raise RuntimeError("the model ended without a result")

    def _note(self, line: JobLine, outcome: str, status: int | None = None) -> None:
        line.log(f"{status} {outcome}" if status else outcome)
        if self._meter:
            self._meter.ended(outcome)

    def _forgetting(self, job_id: str) -> Callable[[asyncio.Task[None]], None]:
        def forget(task: asyncio.Task[None]) -> None:
            self._tasks.pop(job_id, None)
            if not task.cancelled() and (error := task.exception()):
                unexpected(error)

        return forget

    async def _beat(self) -> None:
        while True:
            try:
                await self._board.beat(self._worker, frozenset(self._tasks))
            except Exception as error:
                unexpected(error)
            await asyncio.sleep(BEAT_S)
