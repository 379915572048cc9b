"""The yardstick of benchmarks.serve: the same model behind bare FastAPI and uvicorn.

python -m benchmarks.bare_server --port 8010 --threads 2

As somebody would write it by hand who trusts the files: one process, decode in it, a thread pool
so that the next study is read while one is graded, one study graded at a time on all threads. Its
answer is ours, so heat maps are made here too, but nothing is kept, and there is no queue, no
limit and no isolation. `--no-heat` leaves the heat maps out: what they cost is another question.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI, UploadFile
from starlette.concurrency import run_in_threadpool

from lumbar.grading.grader import Grader
from lumbar.imaging import read_uploaded
from serve.answer import Answer, answer_of
from serve.heat import with_corners

__all__ = ["bare_serving", "make_bare"]

ROOT = Path(__file__).resolve().parents[1]
START_S = 120.0


def make_bare(grader: Grader, *, heat: bool = True) -> FastAPI:
    """`POST /api/v1/grade` and `/healthz`, in this process."""
    app = FastAPI()
    turn = threading.Lock()

    def graded(name: str, data: bytes) -> Answer:
        study = read_uploaded({name: data}, trusted=True)[0]
        with turn:  # a Grader is not shared between threads
            grades, maps = grader.explain(study) if heat else (grader.grade(study), {})
        return with_corners(answer_of(study, grades, {}, {}), maps)

    @app.post("/api/v1/grade")
    async def grade(file: UploadFile) -> Answer:
        return await run_in_threadpool(graded, file.filename or "study.zip", await file.read())

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    return app


@contextmanager
def bare_serving(port: int, threads: int, *, heat: bool = True) -> Iterator[str]:
    """The yardstick in a process of its own; yields its address once it answers."""
    command = [sys.executable, "-m", "benchmarks.bare_server", f"--port={port}"]
    command += [f"--threads={threads}", "--heat" if heat else "--no-heat"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{address}/healthz", trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError("the yardstick does not answer")


def main() -> None:
    """Serve the starter bundle until the process is ended."""
    import torch
    import uvicorn

    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True, help="of the engine")
    parser.add_argument("--heat", action=BooleanOptionalAction, default=True, help="heat maps")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    app = make_bare(Grader.starter(precision="auto"), heat=options.heat)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
