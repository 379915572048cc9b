"""The model behind the endpoint: a study in, its progress and its result out; no HTTP, no Ray."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from lumbar.domain import Basis, View
from lumbar.errors import InputError
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.recognise import recognise
from lumbar.imaging import Study, read_study
from lumbar.pipelines.selftest import run_selftest
from lumbar.reports.provenance import Provenance
from lumbar.reports.source_headers import SourceHeaders, source_headers
from serve.answer import ModelAnswer, answer_of
from serve.graded import Graded
from serve.heat import heat_pictures, with_corners
from serve.job import Progress
from serve.logs import unexpected
from serve.pictures import shown
from serve.places import told_apart
from serve.problems import Problem, Refused, problem_of
from serve.sent import SentStudy, Stopped
from serve.settings import Limits

__all__ = ["GradingService"]

READERS = 2
"""Studies that are decoded at once, so that one whose files hang holds up no other."""
TELL_S = 0.2
"""Between two words on how many files are decoded: each crosses three processes."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A bundle that has passed its self-test."""

    grader: Grader
    difference: float

    @classmethod
    def load(cls, bundle: Bundle, precision: str, basis: Basis | None) -> Model:
        """Loads the weights and runs the self-test; BundleError where it does not pass."""
        grader = Grader(bundle, precision=precision)
        difference = run_selftest(grader)  # of any basis; `basis` is applied to what is answered
        grader.basis = basis
        return cls(grader, difference)


class GradingService:
    """A model that answers several studies at a time, of which one is graded and others are read.

    Decoding and grading have threads of their own: the event loop stays free, and a Grader is not
    shared between threads.
    """

    def __init__(
        self,
        bundle: Bundle,
        limits: Limits,
        *,
        precision: str = "auto",
        basis: Basis | None = None,
    ) -> None:
        """Loads the weights and runs the self-test; BundleError where it does not pass."""
        self._limits, self._precision, self._basis = limits, precision, basis
        self._model = Model.load(bundle, precision, basis)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="read")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="grade")

    async def grade(
        self, sent: SentStudy, view: View | None = None
    ) -> AsyncGenerator[Progress | Graded | Problem]:
        """How far the study has come, each time it has come further, and last what came of it.

        `view` is what the sender knows of the one series that cannot tell it itself (PNG). Raises
        nothing: an error that crossed to another process would be logged with its text. Work that
        has begun ends at its next step once the caller asks for no more.
        """
        work = _Work()
        outcome = asyncio.ensure_future(self._outcome(sent, view, work))
        outcome.add_done_callback(lambda _: work.end())
        try:
            async for progress in work.told():
                yield progress
            yield await outcome
        finally:
            work.stop()
            outcome.cancel()

    async def model(self) -> ModelAnswer:
        """The bundle's card; that it can be had means that the self-test has passed."""
        bundle = self._model.grader.bundle
        return ModelAnswer(
            bundle=bundle.name, selftest_difference=self._model.difference, card=dict(bundle.card)
        )

    async def swap(self, bundle: Bundle) -> None:
        """Answer with another bundle once it has passed its self-test.

        A study is graded whole by the model that it was begun with. Raises BundleError where the
        bundle is unfit; the one before then answers on.
        """
        loop = asyncio.get_running_loop()
        load = partial(Model.load, bundle, self._precision, self._basis)
        self._model = await loop.run_in_executor(None, load)

    async def _outcome(self, sent: SentStudy, view: View | None, work: _Work) -> Graded | Problem:
        loop = asyncio.get_running_loop()
        try:
            read = await loop.run_in_executor(self._readers, self._read, sent, view, work)
            return await loop.run_in_executor(self._thread, self._graded, sent, read, work)
        except Refused as refusal:
            return refusal.problem
        except InputError as error:
            return problem_of(error)
        except Exception as error:
            return unexpected(error)

    def _read(self, sent: SentStudy, view: View | None, work: _Work) -> _Read:
        work.tell(Progress(stage="decoding"))
        began = time.perf_counter()
        files = sent.open(self._limits.archive)
        study = read_study(
            sent.study,
            files=files,
            recognise=recognise,
            views=view,
            decoded=work.tell_decoded,
        )
        headers = source_headers(sent.study, files)
        return _Read(study, headers, time.perf_counter() - began)

    def _graded(self, sent: SentStudy, read: _Read, work: _Work) -> Graded:
        study, grader = read.study, self._model.grader
        many = sum(map(len, study.series))
        work.tell(Progress(stage="locating", decoded=many, of=many))
        began = time.perf_counter()
        apart = told_apart(study)
        landmarks = grader.locate(apart)
        spent = {"read": read.seconds, "locate": time.perf_counter() - began}
        located = len(landmarks.points)
        work.tell(Progress(stage="grading", decoded=many, of=many, located=located))
        grades, maps = grader.explain_at(apart, landmarks)
        answer = answer_of(
            study,
            grades,
            sent.names,
            spent,
            Provenance.of(grades.bundle, grader.bundle.card).trained_on,
        )
        return Graded(with_corners(answer, maps), shown(study), heat_pictures(maps), read.headers)


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """A study with its pictures, and what its files say of their patient."""

    study: Study
    headers: SourceHeaders | None
    seconds: float


class _Work:
    """One study's work: what its threads tell, and whether anybody still listens."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._stopped = threading.Event()
        self._told_s = 0.0

    def tell(self, progress: Progress) -> None:
        """In a thread: say how far it is; raises Stopped where nobody listens."""
        self._heed()
        self._told_s = time.monotonic()
        self._call(self._queue.put_nowait, progress)

    def tell_decoded(self, n: int, m: int) -> None:
        """`n` of `m` files are decoded: told every TELL_S, and when all are; raises as `tell`."""
        self._heed()
        if n == m or time.monotonic() - self._told_s >= TELL_S:
            self.tell(Progress(stage="decoding", decoded=n, of=m))

    def stop(self) -> None:
        """Nobody listens any more."""
        self._stopped.set()

    def end(self) -> None:
        """Nothing more will be told."""
        self._queue.put_nowait(None)

    async def told(self) -> AsyncIterator[Progress]:
        """What is told until the end."""
        while (progress := await self._queue.get()) is not None:
            yield progress

    def _heed(self) -> None:
        if self._stopped.is_set():
            raise Stopped

    def _call(self, function: Callable[[Progress], None], progress: Progress) -> None:
        try:
            self._loop.call_soon_threadsafe(function, progress)
        except RuntimeError:  # the loop was closed meanwhile
            raise Stopped from None
