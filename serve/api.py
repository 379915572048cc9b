"""The routes: what HTTP asks for, what it is answered. Who grades is given to `make_api`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from lumbar.domain import View
from serve.answer import Answer, ModelAnswer
from serve.logs import RequestLine, unexpected
from serve.problems import (
    PROBLEM_JSON,
    Problem,
    Refused,
    on_http_error,
    on_invalid,
    on_refused,
    problem_response,
)
from serve.settings import Limits
from serve.upload import Upload, receive_upload

__all__ = ["Grading", "make_api"]

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
READY_S = 5.0
"""A model that does not say within this time what it is, is not ready."""

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            }
        },
    }
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "content": {PROBLEM_JSON: {}}}
    for code in (400, 408, 413, 415, 422, 500, 503, 504)
}


class Grading(Protocol):
    """Who grades: `grading.GradingService` here, or its replicas behind Ray Serve.

    Both methods may raise Refused where there is nobody to ask.
    """

    async def grade(self, upload: Upload, view: View | None) -> Answer | Problem:
        """The answer to an upload."""

    async def model(self) -> ModelAnswer:
        """The model that answers, once it is ready."""


def make_api(grading: Grading, limits: Limits) -> FastAPI:
    """The application: `/api/v1/grade`, `/api/v1/model`, `/healthz`, `/readyz`."""
    api = FastAPI(
        title="lumbar",
        description="Grades a lumbar spine MRI. Research use only - not a medical device",
        version="1",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        dependencies=[Depends(local_host)],
        responses=PROBLEMS,
    )
    api.add_exception_handler(Refused, on_refused)
    api.add_exception_handler(HTTPException, on_http_error)
    api.add_exception_handler(RequestValidationError, on_invalid)
    _add_routes(api, grading, limits)
    return api


def local_host(request: Request) -> None:
    """Refuse a name that is not this machine's: a web page that rebinds its own name to loopback
    could otherwise read answers through the browser of whoever visits it."""
    if request.url.hostname not in LOCAL_NAMES:
        detail = "the Host header names another machine"
        hint = "use http://127.0.0.1 or http://localhost"
        raise Refused(Problem.of("host", 421, "Wrong host", detail, hint))


def _add_routes(api: FastAPI, grading: Grading, limits: Limits) -> None:
    room = _Room(limits.uploads_at_once)

    @api.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the process answers at all."""
        return {"status": "alive"}

    @api.get("/readyz")
    async def readyz() -> dict[str, str]:
        """Whether studies can be graded: the model is loaded and has passed its self-test."""
        return {"status": "ready", "bundle": (await _model(grading)).bundle}

    @api.get("/api/v1/model")
    async def model() -> ModelAnswer:
        """The model: its card, what it was trained on, and how its self-test went."""
        return await _model(grading)

    @api.post("/api/v1/grade", response_model=Answer, openapi_extra=FORM)
    async def grade(request: Request, view: Annotated[View | None, Query()] = None) -> JSONResponse:
        """Grade one study: a DICOM or PNG picture, many files, or a zip of them.

        `view` says what pictures show that cannot say it themselves (PNG).
        """
        async with room.place():
            return await _graded(request, view, grading, limits)


async def _graded(
    request: Request, view: View | None, grading: Grading, limits: Limits
) -> JSONResponse:
    line = RequestLine()
    try:
        upload = await receive_upload(request, limits)
        line.received(upload)
        async with asyncio.timeout(limits.study_s):
            outcome = await grading.grade(upload, view)
    except Refused as refusal:
        outcome = refusal.problem
    except TimeoutError:
        outcome = _took_too_long(limits)
    except HTTPException as error:
        line.log(str(error.status_code))
        raise
    except Exception as error:
        outcome = unexpected(error)
    if isinstance(outcome, Problem):
        line.log(f"{outcome.status} {outcome.name}")
        return problem_response(outcome)
    line.log("200", outcome.seconds)
    return JSONResponse(outcome.model_dump(mode="json"), headers={"Cache-Control": "no-store"})


async def _model(grading: Grading) -> ModelAnswer:
    try:
        async with asyncio.timeout(READY_S):
            return await grading.model()
    except TimeoutError:
        detail = "the model is not loaded, or has not passed its self-test"
        hint = "try again in some seconds; if it stays so, the server's log says why"
        raise Refused(Problem.of("not-ready", 503, "Not ready", detail, hint)) from None


def _took_too_long(limits: Limits) -> Problem:
    detail = f"the study was not graded within {limits.study_s:g} s"
    hint = "send it again later, or only the series that are to be graded"
    return Problem.of("took-too-long", 504, "Took too long", detail, hint)


class _Room:
    """Places for uploads, each of which holds memory; who finds none is sent away at once."""

    def __init__(self, places: int) -> None:
        self._free = places

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        if not self._free:
            detail = "as many uploads as this server takes at once are being worked on"
            hint = "send it again after the seconds of the Retry-After header"
            raise Refused(Problem.of("busy", 503, "Busy", detail, hint))
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
