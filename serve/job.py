"""What a caller is told of a job: one study's way from its files to its findings."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from serve.problems import Problem

__all__ = ["ENDED", "HeadlinePart", "Job", "JobList", "Progress", "State", "new_job_id", "utc"]


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


ENDED = frozenset({State.DONE, State.FAILED, State.INTERRUPTED})
"""States that a job does not leave."""


class Progress(BaseModel):
    """How far a study has come: pictures decoded of `of`, cells located, findings graded."""

    model_config = ConfigDict(frozen=True)

    stage: Literal["received", "decoding", "locating", "grading", "done"] = "received"
    decoded: int = 0
    of: int = 0
    located: int = 0
    graded: int = 0


class HeadlinePart(BaseModel):
    """What the findings come to, in words: `reports.headline`."""

    model_config = ConfigDict(frozen=True)

    tone: Literal["none", "possible", "found", "unknown"]
    title: str
    lines: tuple[str, ...]


EXAMPLE: dict[str, Any] = {
    "id": "Q0mXr2uYc1n7aT5kPzWv9e3L",
    "address": "/api/v1/jobs/Q0mXr2uYc1n7aT5kPzWv9e3L",
    "state": "running",
    "created": "2026-11-25T03:59:00.000+00:00",
    "expires": "2026-11-26T03:59:00.000+00:00",
    "study_id": "2.25.219512345",
    "files": 42,
    "progress": {"stage": "grading", "decoded": 42, "of": 42, "located": 25, "graded": 0},
    "headline": None,
    "problem": None,
}


class Job(BaseModel):
    """One study that was sent: its state, how far it is, and what became of it."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [EXAMPLE]})

    id: str
    address: str
    state: State
    created: str
    """ISO 8601, UTC."""
    expires: str
    """When the job and all that is kept of it is erased."""
    study_id: str | None
    files: int
    progress: Progress
    headline: HeadlinePart | None = None
    """Once it is done."""
    problem: Problem | None = None
    """Why it failed or was interrupted."""


class JobList(BaseModel):
    """Jobs, newest first."""

    jobs: tuple[Job, ...]


def new_job_id() -> str:
    """An id that nobody can guess: 144 random bits."""
    return secrets.token_urlsafe(18)


def utc(seconds: float) -> str:
    """A time since the epoch as ISO 8601."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
