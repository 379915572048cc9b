"""The application: who grades and where jobs are kept is given to `make_api`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from serve.answer import ModelAnswer
from serve.board import Board
from serve.described import ANY, body, problems
from serve.desk import Desk, Grading, Noting
from serve.dicomweb import dicomweb_routes
from serve.gather import Gathering, Send
from serve.guard import Guard
from serve.identity import Callers
from serve.job_routes import Room, job_routes
from serve.page_routes import add_page
from serve.problems import Problem, Refused, on_http_error, on_invalid, on_refused
from serve.result_routes import result_routes
from serve.settings import DicomwebSettings, Limits

__all__ = ["Grading", "make_api", "report_sender"]

READY_S = 5.0
"""A model that does not say within this time what it is, is not ready."""


def make_api(
    grading: Grading,
    limits: Limits,
    board: Board,
    *,
    callers: Callers | None = None,
    at_once: int = 3,
    dicomweb: DicomwebSettings | None = None,
    meter: Noting | None = None,
    scrape: Callable[[], str] | None = None,
) -> FastAPI:
    """The application over who grades and where jobs are kept; `at_once` studies are graded.

    `scrape` says what `/metrics` answers, `meter` notes what it will tell of studies.
    """
    desk = Desk(grading, board, limits, at_once=at_once, meter=meter)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        desk.open()
        yield
        await desk.close()

    api = FastAPI(
        title="lumbar",
        lifespan=life,
        description="Grades a lumbar spine MRI. Research use only - not a medical device",
        version="1",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        responses=problems(*ANY),
        generate_unique_id_function=lambda route: route.name,
    )
    api.add_exception_handler(Refused, on_refused)
    api.add_exception_handler(HTTPException, on_http_error)
    api.add_exception_handler(RequestValidationError, on_invalid)
    api.add_middleware(Guard, callers=callers or Callers(), limits=limits)
    arriving = Room(limits.uploads_at_once)
    api.include_router(job_routes(board, desk, limits, arriving))
    api.include_router(result_routes(board))
    told = dicomweb or DicomwebSettings()
    gathering = Gathering(desk, board, told, report_sender(told))
    api.include_router(dicomweb_routes(gathering, limits, arriving))
    _add_state_routes(api, grading)
    _add_metrics(api, scrape)
    add_page(api)
    return api


def report_sender(settings: DicomwebSettings) -> Send | None:
    """What stores reports at the address of the settings; None where there is none.

    Raises ConfigError where the address or its password cannot be used.
    """
    if settings.send_to is None:
        return None
    from serve.stow import Stow  # brings pydicom's reader and a client

    return Stow(settings)


def _add_state_routes(api: FastAPI, grading: Grading) -> None:
    @api.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process answers at all."""
        return {"status": "alive"}

    @api.get("/readyz", responses=problems(503))
    async def readyz() -> dict[str, str]:
        """Whether studies can be graded: the model is loaded and has passed its self-test."""
        return {"status": "ready", "bundle": (await _model(grading)).bundle}

    @api.get("/api/v1/model", responses=problems(503))
    async def model() -> ModelAnswer:
        """The model: its card, what it was trained on, and how its self-test went."""
        return await _model(grading)


def _add_metrics(api: FastAPI, scrape: Callable[[], str] | None) -> None:
    kinds = body("text/plain") | problems(404)

    @api.get("/metrics", response_class=Response, responses=kinds)
    async def metrics() -> Response:
        """Metrics in Prometheus's text format, as Ray exports them."""
        if scrape is None:
            detail = "metrics are exported by Ray, and this server runs without it"
            hint = "start it by `python -m serve`"
            raise Refused(Problem.of("no-metrics", 404, "No metrics", detail, hint))
        text = await asyncio.to_thread(scrape)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def _model(grading: Grading) -> ModelAnswer:
    try:
        async with asyncio.timeout(READY_S):
            return await grading.model()
    except TimeoutError:
        detail = "the model is not loaded, or has not passed its self-test"
        hint = "try again in some seconds; if it stays so, the server's log says why"
        raise Refused(Problem.of("not-ready", 503, "Not ready", detail, hint)) from None
