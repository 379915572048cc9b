"""Routes of what a job has come to: the findings, and the pictures that a viewer shows."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from lumbar.domain import Condition, Level
from serve.answer import Answer
from serve.board import Board
from serve.described import ENDED_BADLY, body, problems
from serve.forms import FORM_OF, KINDS, written
from serve.heat import heat_name
from serve.identity import owner_of
from serve.job_routes import valued
from serve.pictures import SeriesList
from serve.problems import Problem, Refused

__all__ = ["result_routes"]

FORMS = body(*(kind for kind in FORM_OF if kind != KINDS["json"]))
PNG = body("image/png")
Told = Annotated[
    str | None,
    Query(
        description="centre and width, two numbers",
        examples=["300,600"],
        # Said and not checked by it: `_window` has better words.
        json_schema_extra={"pattern": r"^-?\d{1,8}(\.\d+)?,([1-9]\d{0,7}(\.\d+)?|0\.\d*[1-9])$"},
    ),
]
KEPT = "private, max-age=3600, immutable"
"""A slice never changes; a browser need not ask twice while its user scrolls."""


def result_routes(board: Board) -> APIRouter:
    """`/jobs/{id}/result`, `/series`, slices and heat maps."""
    routes = APIRouter(prefix="/api/v1/jobs/{job_id}", responses=problems(*ENDED_BADLY))

    @routes.get("/result", response_model=Answer, responses=FORMS)
    async def result(request: Request, job_id: str) -> Response:
        """The findings of the study in the form that `Accept` names; JSON where it names none."""
        return await _written(request, job_id, _accepted(request))

    @routes.get("/result.json", response_model=Answer)
    async def result_json(request: Request, job_id: str) -> Response:
        """The findings of the study, as `POST /grade` answers them."""
        return await _written(request, job_id, "json")

    @routes.get("/result.csv", response_class=Response, responses=body("text/csv"))
    async def result_table(request: Request, job_id: str) -> Response:
        """The findings as CSV: 25 rows, then those of lone slices."""
        return await _written(request, job_id, "csv")

    @routes.get("/result.html", response_class=Response, responses=body("text/html"))
    async def result_page(request: Request, job_id: str) -> Response:
        """The findings as one HTML file, ready to print."""
        return await _written(request, job_id, "html")

    @routes.get("/result.dcm", response_class=Response, responses=body("application/dicom"))
    async def result_report(request: Request, job_id: str) -> Response:
        """The findings as a DICOM Structured Report (TID 1500) of the study's patient."""
        return await _written(request, job_id, "dcm")

    async def _written(request: Request, job_id: str, form: str) -> Response:
        owner = owner_of(request)
        answer = valued(await board.answer(job_id, owner))
        if form == "json":
            return JSONResponse(answer.model_dump(mode="json"))
        headers, sent = None, None
        if form == "dcm":
            headers = valued(await board.headers(job_id, owner))
            sent = datetime.fromisoformat(valued(await board.job(job_id, owner)).created)
        data = await asyncio.to_thread(written, form, answer, headers, sent)
        return Response(valued(data), media_type=KINDS[form], headers=_as_file(form))

    @routes.get("/series")
    async def series(request: Request, job_id: str) -> SeriesList:
        """The series that can be shown, in words of ours, with the sides at their edges."""
        return valued(await board.series(job_id, owner_of(request)))

    @routes.get("/series/{series}/slices/{number}.png", response_class=Response, responses=PNG)
    async def slice_picture(
        request: Request,
        job_id: str,
        series: int,
        number: int,
        window: Told = None,
    ) -> Response:
        """A slice in the file's own matrix, 8 bits, through `window` or else the series' own."""
        told = None if window is None else _window(window)
        data = valued(await board.slice(job_id, owner_of(request), series, number, told))
        return Response(data, media_type="image/png", headers={"Cache-Control": KEPT})

    @routes.get("/findings/{condition}/{level}/heatmap.png", response_class=Response, responses=PNG)
    async def heat_map(
        request: Request, job_id: str, condition: Condition, level: Level
    ) -> Response:
        """Where its picture would change a grade, 8 bits; `evidence.crop_px` says where it lies."""
        name = heat_name(condition, level)
        data = valued(await board.heat_map(job_id, owner_of(request), name))
        return Response(data, media_type="image/png", headers={"Cache-Control": KEPT})

    return routes


def _accepted(request: Request) -> str:
    """The first form that `Accept` names, JSON where it names none of them."""
    for told in request.headers.get("accept", "").lower().split(","):
        form = FORM_OF.get(told.partition(";")[0].strip())
        if form:
            return form
    return "json"


def _as_file(form: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="lumbar-result.{form}"'}


def _window(text: str) -> tuple[float, float]:
    """Centre and width of `c,w`; raises Refused (422) for anything else."""
    try:
        center, width = map(float, text.split(","))
    except ValueError:
        center, width = 0.0, 0.0
    if not (abs(center) < 1e9 and 0 < width < 1e9):
        detail = "query.window: two numbers, the centre and a width above 0, are wanted"
        hint = "for instance window=300,600"
        raise Refused(Problem.of("parameter", 422, "Wrong parameter", detail, hint))
    return center, width
