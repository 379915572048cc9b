"""The web page: files of the folder `page`, served as they are."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from serve.problems import Problem, Refused

__all__ = ["PAGE", "add_page"]

PAGE = Path(__file__).with_name("page")


def add_page(api: FastAPI, folder: Path = PAGE) -> None:
    """Serve `folder`'s index.html at `/` and its files below `/page/`."""

    @api.get("/", include_in_schema=False)
    async def index() -> Response:
        page = folder / "index.html"
        if not page.is_file():
            detail = "this installation has no page"
            hint = "the API is described in /api/v1/openapi.json"
            raise Refused(Problem.of("no-page", 404, "No page", detail, hint))
        return FileResponse(page, headers={"Cache-Control": "no-cache"})

    api.mount("/page", StaticFiles(directory=folder, check_dir=False), name="page")
