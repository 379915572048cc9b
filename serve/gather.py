"""Instances that arrive one by one, until their study is complete; then it is graded and told.

A study is complete when nothing more of it has come for `quiet_s`; where the server then has too
much to do, it waits for as long as that takes. Instances wait in memory alone: a restart forgets
them, and their sender has to send again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from lumbar.errors import LumbarError
from serve.board import Board
from serve.desk import Desk
from serve.forms import written
from serve.instances import Received
from serve.job import ENDED, Job, State
from serve.logs import LOGGER, unexpected
from serve.problems import Problem, Refused
from serve.settings import DicomwebSettings
from serve.upload import Upload, name_files

__all__ = ["Gathering", "Send", "StoreError"]

Send = Callable[[bytes], None]
"""Stores one DICOM file elsewhere (`stow.Stow`); raises StoreError where it could not."""

ASK_AGAIN_S = 30.0
"""The longest wait before a job, or who takes a study, is asked for again."""
NO_ROOM = (503, 507)
"""Too much to do, or a full disk: a study that was answered with 200 waits until that is over."""


class StoreError(LumbarError):
    """A report did not reach the server that it is for."""


@dataclass(slots=True, eq=False)
class _Held:
    """A study that is arriving, or waits until it is taken."""

    instances: dict[tuple[str, str], bytes] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bytes(self) -> int:
        return sum(map(len, self.instances.values()))


class Gathering:
    """Studies on their way in, and their reports on the way out."""

    def __init__(
        self, desk: Desk, board: Board, settings: DicomwebSettings, send: Send | None
    ) -> None:
        """`send` stores a report beside its study; None where no address is set."""
        self._desk, self._board, self._settings, self._send = desk, board, settings, send
        self._arriving: dict[tuple[str, str], _Held] = {}
        self._held: set[_Held] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # A server that hangs keeps this thread waiting, and none that answers requests.
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="stow")

    @property
    def held(self) -> int:
        """Bytes of the studies that are arriving or wait until they are taken."""
        return sum(study.bytes for study in self._held)

    def add(self, owner: str, instances: Sequence[Received]) -> list[int]:
        """Keep the pictures among them until their study is complete; the places of the refused.

        Refused is another picture under the UIDs of one that is kept; the same one again is as
        good as kept. What is no picture (a report, a PDF) needs no keeping. Raises Refused (503)
        where there is no room for them.
        """
        fresh: dict[tuple[str, str, str], bytes] = {}
        others = []
        for place, one in enumerate(instances):
            if one.picture:
                uids = (one.study, one.series, one.sop)
                kept = self._kept(owner, uids) or fresh.setdefault(uids, one.data)
                if kept != one.data:
                    others.append(place)
        if self.held + sum(map(len, fresh.values())) > self._settings.waiting_bytes:
            detail = f"more than {self._settings.waiting_bytes} bytes of studies wait to be graded"
            hint = "send them again after the seconds of the Retry-After header"
            raise Refused(Problem.of("busy", 503, "Busy", detail, hint))
        for (study, series, sop), data in fresh.items():
            self._study(owner, study).instances[series, sop] = data
        for one in instances:
            if one.picture:  # its sender is not done, whether or not it was kept already
                self._study(owner, one.study).arrived.set()
        if others:
            LOGGER.warning("dicomweb instances refused: %d under the UIDs of others", len(others))
        return others

    def _kept(self, owner: str, uids: tuple[str, str, str]) -> bytes | None:
        study, series, sop = uids
        held = self._arriving.get((owner, study))
        return held.instances.get((series, sop)) if held else None

    def _study(self, owner: str, study: str) -> _Held:
        """The study that is arriving, which begins with its first instance."""
        key = (owner, study)
        if key not in self._arriving:
            self._arriving[key] = _Held()
            self._held.add(self._arriving[key])
            task = asyncio.create_task(self._until_graded(key))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._arriving[key]

    async def drain(self) -> None:
        """Wait until all that has arrived is graded and told."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _until_graded(self, key: tuple[str, str]) -> None:
        try:
            for job in await self._taken(key):
                await self._reported(job, key[0])
        except Exception as error:
            unexpected(error)

    async def _taken(self, key: tuple[str, str]) -> list[Job]:
        """The study's jobs once it is complete and the desk has it; its bytes are then let go."""
        study = await self._complete(key)
        try:
            data = list(study.instances.values())
            upload = name_files([(f"{n}.dcm", one) for n, one in enumerate(data, 1)])
            return await self._jobs(upload, key)
        finally:
            self._held.discard(study)

    async def _complete(self, key: tuple[str, str]) -> _Held:
        """The study once it is quiet; from then on what arrives begins another."""
        study = self._arriving[key]
        while True:
            study.arrived.clear()
            try:
                async with asyncio.timeout(self._settings.quiet_s):
                    await study.arrived.wait()
            except TimeoutError:
                return self._arriving.pop(key)

    async def _jobs(self, upload: Upload, key: tuple[str, str]) -> list[Job]:
        """Its jobs; where there is no room for them, asked for again with growing patience.

        A study that is refused for good has no more than a failed job, which says why.
        """
        owner, study = key
        wait_s = self._settings.first_wait_s
        while True:
            try:
                return await self._desk.take(upload, None, owner)
            except Refused as refusal:
                problem = refusal.problem
            except Exception as error:
                problem = unexpected(error)
            if problem.status not in NO_ROOM:
                return [await self._desk.turn_down(upload, study, owner, problem)]
            wait_s = min(wait_s, ASK_AGAIN_S)
            await asyncio.sleep(wait_s)
            wait_s *= 2

    async def _reported(self, job: Job, owner: str) -> None:
        ended = await self._ended(job, owner)
        if ended is not None and ended.problem is not None:
            _warn("study not graded", ended.problem)
        if ended is None or ended.state is not State.DONE or self._send is None:
            return
        answer = await self._board.answer(job.id, owner)
        headers = await self._board.headers(job.id, owner)
        if isinstance(answer, Problem):
            return _warn("report not made", answer)
        if isinstance(headers, Problem):
            return _warn("report not made", headers)
        sent = datetime.fromisoformat(ended.created)
        report = await asyncio.to_thread(written, "dcm", answer, headers, sent)
        if isinstance(report, Problem):
            return _warn("report not made", report)
        await self._deliver(report, self._send)

    async def _ended(self, job: Job, owner: str) -> Job | None:
        """The job after its end; None where somebody has erased it."""
        seen = -1
        while job.state not in ENDED:
            changed = await self._board.change(job.id, owner, seen, ASK_AGAIN_S)
            if isinstance(changed, Problem):
                return None
            seen, job = changed
        return job

    async def _deliver(self, report: bytes, send: Send) -> None:
        """Store the report beside its study, with growing patience between the tries."""
        for attempt, wait_s in enumerate((*self._settings.waits_s(), 0.0), 1):
            try:
                await asyncio.get_running_loop().run_in_executor(self._sender, send, report)
            except StoreError as error:
                LOGGER.info("dicomweb report, try %d: %s", attempt, error)
                await asyncio.sleep(wait_s)
            else:
                LOGGER.info("dicomweb report stored, try %d", attempt)
                return
        LOGGER.error(
            "dicomweb report not stored; with API keys the sender's result.dcm still has it"
        )


def _warn(what: str, problem: Problem) -> None:
    """Say in the log what did not come about, and why, in words of ours."""
    LOGGER.warning("dicomweb %s: %d %s", what, problem.status, problem.name)
