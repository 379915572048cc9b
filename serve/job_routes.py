"""Routes of jobs: send studies, see them, follow them, erase them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from lumbar.domain import View
from serve.answer import Answer
from serve.board import Board
from serve.described import ENDED_BADLY, KEPT_JOB, UPLOAD, body, form, links, problems, stream
from serve.desk import Desk
from serve.events import EventStream, Streams, events
from serve.feedback import Noted, Remark
from serve.identity import owner_of
from serve.job import ENDED, Job, JobList
from serve.problems import Problem, Refused, problem_response
from serve.settings import Limits
from serve.troubles import AGAIN
from serve.upload import receive_upload

__all__ = ["job_routes", "valued"]

Found = TypeVar("Found")
Wait = Annotated[
    float | None,
    Query(
        ge=0,
        le=600,
        allow_inf_nan=False,
        description="seconds, 60 where nothing is said; at most 120 are waited",
    ),
]
Told = Annotated[
    View | None,
    Query(
        description="what the one series shows whose files leave that open (a lone PNG); 422, of "
        "the request or of the job, where not exactly one series does"
    ),
]
AGAIN_OR_JOB = f"{AGAIN}, or to /api/v1/jobs, where studies queue"
GONE_S = 0.25
"""How often it is looked whether a waiting client is still there."""


def job_routes(board: Board, desk: Desk, limits: Limits, arriving: Room) -> APIRouter:
    """`POST /grade`, `/jobs`, `/jobs/{id}`, its events; an upload takes a place of `arriving`."""
    routes = APIRouter(prefix="/api/v1")
    streams = Streams(limits)
    waiting = Room(limits.waiting_at_once, "callers wait for their findings", AGAIN_OR_JOB)

    @routes.post(
        "/grade",
        response_model=Answer,
        responses={
            200: {"links": links("/job")},
            202: {"model": JobList, "links": links("/jobs/0/id")},
            **problems(*UPLOAD, *ENDED_BADLY),
        },
        openapi_extra=form(),
    )
    async def grade(
        request: Request,
        response: Response,
        view: Told = None,
        wait: Wait = None,
    ) -> Response:
        """Grade one study: a DICOM or PNG picture, many files, or a zip of them.

        Answers with the findings where they are there within `wait` seconds, else (202) with the
        job; with several studies always (202) with their jobs.
        """
        owner = owner_of(request, response)
        patience = min(limits.wait_s if wait is None else wait, limits.most_wait_s)
        async with waiting.place():
            async with arriving.place():
                jobs = await desk.take(await receive_upload(request, limits), view, owner)
            if len(jobs) == 1:
                ended = await _waited(request, jobs[0], owner, patience, board, desk)
                if ended.state in ENDED:
                    answer = valued(await board.answer(ended.id, owner))
                    return _with_cookie(JSONResponse(answer.model_dump(mode="json")), response)
                jobs = [ended]
            return _accepted(jobs, response)

    @routes.post(
        "/jobs",
        status_code=202,
        response_model=JobList,
        responses={202: {"links": links("/jobs/0/id")}, **problems(*UPLOAD)},
        openapi_extra=form(),
    )
    async def send(request: Request, response: Response, view: Told = None) -> Response:
        """Have studies graded: each of them becomes a job, which is answered at once."""
        owner = owner_of(request, response)
        async with arriving.place():
            jobs = await desk.take(await receive_upload(request, limits), view, owner)
        return _accepted(jobs, response)

    @routes.get("/jobs")
    async def list_jobs(request: Request) -> JobList:
        """The caller's newest 200 jobs, newest first, until they expire or are erased."""
        owner = owner_of(request)
        return JobList(jobs=tuple(await board.jobs(owner)) if owner else ())

    @routes.get("/jobs/{job_id}", responses=problems(*KEPT_JOB))
    async def see(request: Request, job_id: str) -> Job:
        """A job: its state, how far it is, its headline once it is done, or why it failed."""
        return valued(await board.job(job_id, owner_of(request)))

    @routes.delete("/jobs/{job_id}", status_code=204, responses=problems(*KEPT_JOB, 507))
    async def erase(request: Request, job_id: str) -> Response:
        """Stop a job's work and erase all that is kept of it."""
        problem = await desk.erase(job_id, owner_of(request))
        return problem_response(problem) if problem else Response(status_code=204)

    @routes.get(
        "/jobs/{job_id}/events",
        response_class=StreamingResponse,
        responses=stream() | problems(*KEPT_JOB, 503),
    )
    async def follow(request: Request, job_id: str) -> StreamingResponse:
        """Server-sent events: `progress` with the job at each change, last `done` or `failed`.

        `gone`, with a problem, where the job was erased or has expired.
        """
        owner = owner_of(request)
        valued(await board.job(job_id, owner))
        told = events(board, job_id, owner, limits.receive_s + limits.study_s)
        return EventStream(told, streams.place(owner))

    @routes.post(
        "/jobs/{job_id}/feedback", status_code=201, responses=problems(400, 408, 413, *ENDED_BADLY)
    )
    async def remark(request: Request, job_id: str, remark: Remark) -> Noted:
        """Say which grade a reader sees in a finding; kept with the ids of study and job alone."""
        return valued(await board.remark(job_id, owner_of(request), remark))

    @routes.get("/feedback.csv", response_class=Response, responses=body("text/csv"))
    async def remarks(request: Request) -> Response:
        """What the caller has said of findings, as CSV."""
        return Response(await board.remarks(owner_of(request)), media_type="text/csv")

    return routes


def valued(found: Found | Problem) -> Found:
    """What was found; raises Refused where a problem was."""
    if isinstance(found, Problem):
        raise Refused(found)
    return found


class Room:
    """Places for what holds memory or time; who finds none is sent away at once."""

    def __init__(
        self, places: int, taken_by: str = "uploads are arriving", hint: str = AGAIN
    ) -> None:
        """`taken_by` says what holds the places, `hint` what to do without one."""
        self._free, self._places, self._taken_by, self._hint = places, places, taken_by, hint

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for as long as the block lasts; raises Refused (503) without one."""
        if not self._free:
            detail = f"{self._places} {self._taken_by}, which is as many as may at once"
            raise Refused(Problem.of("busy", 503, "Busy", detail, self._hint))
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


async def _waited(
    request: Request, job: Job, owner: str, wait_s: float, board: Board, desk: Desk
) -> Job:
    """The job after its end or after `wait_s`; stopped and erased where the client goes."""
    gone = asyncio.create_task(_disconnected(request))
    ending = asyncio.create_task(_ended(job.id, owner, wait_s, board))
    try:
        await asyncio.wait({gone, ending}, return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            return ending.result()
        await desk.erase(job.id, owner)
        raise ClientDisconnect
    except asyncio.CancelledError:
        await asyncio.shield(desk.erase(job.id, owner))
        raise
    finally:
        gone.cancel()
        ending.cancel()


async def _disconnected(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(GONE_S)


async def _ended(job_id: str, owner: str, wait_s: float, board: Board) -> Job:
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    seen, job = valued(await board.change(job_id, owner, -1, 0.1))
    while job.state not in ENDED and (left := until - loop.time()) > 0:
        seen, job = valued(await board.change(job_id, owner, seen, left))
    return job


def _accepted(jobs: list[Job], cookie: Response) -> Response:
    body = JobList(jobs=tuple(jobs)).model_dump(mode="json")
    headers = {"Location": jobs[0].address}
    return _with_cookie(JSONResponse(body, 202, headers), cookie)


def _with_cookie(response: Response, cookie: Response) -> Response:
    """The response with what `owner_of` has set on another."""
    for value in cookie.headers.getlist("set-cookie"):
        response.headers.append("set-cookie", value)
    return response
