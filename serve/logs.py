"""What a request leaves in the log: one line, and nothing that was sent.

No name, no UID, no text of an error that could quote one: outcome, sizes, seconds a stage.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping

from serve.problems import Problem
from serve.upload import Upload

__all__ = ["LOGGER", "RequestLine", "unexpected"]

LOGGER = logging.getLogger("ray.serve.lumbar")
"""Below Ray Serve's own logger, whose handlers are those that a replica has."""
LOGGER.setLevel(logging.INFO)  # whatever level Serve's own lines have


class RequestLine:
    """The line of one upload, begun when it is made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._parts: list[str] = []

    def received(self, upload: Upload) -> None:
        """The whole body has arrived."""
        spent = time.perf_counter() - self._began
        self._parts = [f"files={len(upload.files)}", f"bytes={upload.bytes}"]
        self._parts.append(f"receive={spent:.3f}")

    def log(self, outcome: str, seconds: Mapping[str, float] | None = None) -> None:
        """Write the line: `200`, or the status and the problem's name, and where time went."""
        stages = [f"{stage}={spent:.3f}" for stage, spent in (seconds or {}).items()]
        total = f"total={time.perf_counter() - self._began:.3f}"
        LOGGER.info("grade %s", " ".join([outcome, *self._parts, *stages, total]))


def unexpected(error: Exception) -> Problem:
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
