"""Errors as RFC 9457 has them: what is wrong, in words, and what to do about it.

A problem may name a file as the client named it, and nothing else of what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import compile_path

from lumbar.errors import FormatError, InputError, ViewError

__all__ = ["PROBLEM_JSON", "Problem", "Refused", "problem_of", "problem_response", "too_large"]

PROBLEM_JSON = "application/problem+json"

HOW_TO_SEND = (
    "send one multipart/form-data request with the files of one study: "
    "curl -F file=@study.zip <address>/api/v1/grade"
)

ROUTES = "the routes and what they take are listed in /api/v1/openapi.json"


class Problem(BaseModel):
    """The body of an error (RFC 9457 section 3.1), with a `hint` of what to do."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:lumbar:problem:wrong-format",
                    "title": "Wrong format",
                    "status": 415,
                    "detail": "notes.txt: no DICOM file; accepted are DICOM, PNG and zip",
                    "hint": "accepted are DICOM files, PNG pictures and zip archives of them",
                }
            ]
        },
    )

    type: str
    """`urn:lumbar:problem:<name>`: what a program should look at."""
    title: str
    status: int
    detail: str
    hint: str

    @classmethod
    def of(cls, name: str, status: int, title: str, detail: str, hint: str) -> Problem:
        """A problem by its short name."""
        kind = f"urn:lumbar:problem:{name}"
        return cls(type=kind, title=title, status=status, detail=detail, hint=hint)

    @property
    def name(self) -> str:
        """The short name: the last part of `type`."""
        return self.type.rsplit(":", 1)[-1]


class Refused(Exception):  # noqa: N818 - not an error of ours: an answer
    """Raised in a route to answer with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


def too_large(name: str, detail: str, hint: str) -> Problem:
    """413: one of the limits of `settings.Limits` is exceeded."""
    return Problem.of(name, 413, "Too large", detail, hint)


def problem_of(error: InputError) -> Problem:
    """What imaging or grading said of the files, as an answer."""
    if isinstance(error, FormatError):
        hint = "accepted are DICOM files, PNG pictures and zip archives of them"
        return Problem.of("wrong-format", 415, "Wrong format", str(error), hint)
    if isinstance(error, ViewError):
        hint = "`view` is for one picture or series whose files do not tell it, such as a PNG"
        return Problem.of("parameter", 422, "Wrong parameter", str(error), hint)
    hint = "the detail says which file; mend or leave it out and send the study again"
    return Problem.of("unusable-input", 422, "The files cannot be used", str(error), hint)


def problem_response(problem: Problem) -> JSONResponse:
    """The answer that carries a problem."""
    headers = {"Cache-Control": "no-store"}
    if problem.status == 503:
        headers["Retry-After"] = "5"
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="lumbar"'
    return JSONResponse(problem.model_dump(), problem.status, headers, PROBLEM_JSON)


async def on_refused(_: Request, error: Exception) -> JSONResponse:
    """Handler of `Refused`."""
    assert isinstance(error, Refused)
    return problem_response(error.problem)


async def on_http_error(request: Request, error: Exception) -> JSONResponse:
    """Handler of Starlette's own errors: no such route, no such method, a broken form."""
    assert isinstance(error, HTTPException)
    name, title, hint = _HTTP.get(error.status_code, ("http", "Request refused", HOW_TO_SEND))
    if error.status_code == 400 and not _is_form(request):
        hint = ROUTES
    problem = Problem.of(name, error.status_code, title, str(error.detail), hint)
    response = problem_response(problem)
    response.headers.update(dict(error.headers or {}))
    if error.status_code == 405 and (methods := _methods(request)):
        response.headers["Allow"] = ", ".join(methods)
    return response


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/")


def _methods(request: Request) -> list[str]:
    """What a path takes; Starlette's own answer names the first of its routes alone."""
    described: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    return sorted(
        method.upper()
        for path, methods in described.items()
        if compile_path(path)[0].match(request.url.path)
        for method in methods
    )


async def on_invalid(_: Request, error: Exception) -> JSONResponse:
    """Handler of parameters that do not fit."""
    assert isinstance(error, RequestValidationError)
    first: Mapping[str, Any] = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    hint = "the parameters are listed in /api/v1/openapi.json"
    problem = Problem.of("parameter", 422, "Wrong parameter", f"{where}: {first['msg']}", hint)
    return problem_response(problem)


_HTTP = {
    400: ("malformed", "Malformed request", HOW_TO_SEND),
    404: ("no-such-route", "No such route", ROUTES),
    405: ("method", "Method not allowed", ROUTES),
}
