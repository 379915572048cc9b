"""What a request and a study leave in the log: a line each, and nothing that was sent.

No name, no UID, no text of an error that could quote one: outcome, sizes, seconds a stage.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping

from serve.problems import Problem

__all__ = ["LOGGER", "JobLine", "audit", "unexpected"]

LOGGER = logging.getLogger("ray.serve.lumbar")
"""Below Ray Serve's own logger, whose handlers are those that a replica has."""
LOGGER.setLevel(logging.INFO)  # whatever level Serve's own lines have


class JobLine:
    """The line of one study, begun when its upload has arrived."""

    def __init__(self, files: int, size: int) -> None:
        self._began = time.perf_counter()
        self._parts = [f"files={files}", f"bytes={size}"]

    def log(self, outcome: str, seconds: Mapping[str, float] | None = None) -> None:
        """Write the line: `200`, or the status and the problem's name, and where time went."""
        stages = [f"{stage}={spent:.3f}" for stage, spent in (seconds or {}).items()]
        total = f"total={time.perf_counter() - self._began:.3f}"
        LOGGER.info("grade %s", " ".join([outcome, *self._parts, *stages, total]))


def audit(method: str, route: str, status: int, seconds: float, caller: str) -> None:
    """Write the line of one request: its route without ids, its outcome, and who asked.

    `caller` is a key's name or the first digits of a cookie's digest, never the secret itself.
    """
    LOGGER.info("http %s %s %d caller=%s total=%.3f", method, route, status, caller, seconds)


def unexpected(error: BaseException) -> Problem:
    """500 for an error that nobody foresaw: its kind and place are logged, its text is not."""
    where = " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)[-4:])
    )
    LOGGER.error("unexpected %s at %s", type(error).__name__, where)
    return Problem.of(
        "unexpected",
        500,
        "Something went wrong here",
        f"an error that was not foreseen ({type(error).__name__})",
        "the server's log says where; please report that line",
    )
