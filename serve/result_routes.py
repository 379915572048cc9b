"""Routes of what a job has come to: the findings, and the pictures that a viewer shows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from lumbar.domain import Condition, Level
from serve.answer import Answer
from serve.board import Board
from serve.heat import heat_name
from serve.identity import owner_of
from serve.job_routes import valued
from serve.pictures import SeriesList
from serve.problems import Problem, Refused

__all__ = ["result_routes"]

PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
KEPT = "private, max-age=3600, immutable"
"""A slice never changes; a browser need not ask twice while its user scrolls."""


def result_routes(board: Board) -> APIRouter:
    """`/jobs/{id}/result`, `/series`, slices and heat maps."""
    routes = APIRouter(prefix="/api/v1/jobs/{job_id}")

    @routes.get("/result.json")
    @routes.get("/result")
    async def result(request: Request, job_id: str) -> Answer:
        """The findings of the study, as `POST /grade` answers them."""
        return valued(await board.answer(job_id, owner_of(request)))

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
        window: Annotated[str | None, Query(description="center,width")] = None,
    ) -> Response:
        """A slice in the file's own matrix, 8 bits, through `window` or else the series' own."""
        told = None if window is None else _window(window)
        data = valued(await board.slice(job_id, owner_of(request), series, number, told))
        return Response(data, media_type="image/png", headers={"Cache-Control": KEPT})

    @routes.get("/findings/{condition}/{level}/heatmap.png", response_class=Response, responses=PNG)
    async def heat_map(
        request: Request, job_id: str, condition: Condition, level: Level
    ) -> Response:
        """Where in its picture a grade was read, 8 bits; `evidence.crop_px` says where it lies."""
        name = heat_name(condition, level)
        data = valued(await board.heat_map(job_id, owner_of(request), name))
        return Response(data, media_type="image/png", headers={"Cache-Control": KEPT})

    return routes


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
