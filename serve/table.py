"""The jobs on disk: one SQLite file in WAL mode, which a restart or a crash leaves whole.

Nothing of a patient is in it but the study's own id: progress, times, the headline, the problem.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serve.job import HeadlinePart, Job, Progress, State, utc
from serve.problems import Problem

__all__ = ["Gone", "JobTable", "Row"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, worker TEXT NOT NULL, state TEXT NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, study_id TEXT, files INTEGER NOT NULL,
  progress TEXT NOT NULL, headline TEXT, problem TEXT);
CREATE INDEX IF NOT EXISTS jobs_of_owner ON jobs (owner, created DESC);
CREATE INDEX IF NOT EXISTS jobs_by_expiry ON jobs (expires);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state);
CREATE TABLE IF NOT EXISTS gone (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, why TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS gone_by_time ON gone (at);
"""
COLUMNS = "id, owner, worker, state, created, expires, study_id, files, progress, headline, problem"


@dataclass(frozen=True, slots=True)
class Row:
    """A job with what only the server knows: whose it is and which ingress works on it."""

    job: Job
    owner: str
    worker: str
    created: float
    expires: float


@dataclass(frozen=True, slots=True)
class Gone:
    """That there was a job: `erased` by its owner, or `expired`."""

    owner: str
    why: str


class JobTable:
    """Rows of jobs by id and by owner, and the ids of those that are gone.

    What writes raises sqlite3.OperationalError where the disk is full, having changed nothing.
    """

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA secure_delete=ON")
        self._db.executescript(SCHEMA)
        self._held: dict[str, Row] = {}

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def add(self, rows: Iterable[Row]) -> None:
        """New jobs, all of them or none."""
        with self._transaction():
            self._db.executemany(
                f"INSERT INTO jobs ({COLUMNS}) VALUES ({','.join('?' * 11)})",
                [_values(row) for row in rows],
            )

    def put(self, row: Row) -> None:
        """A job's new state in place of its old one; nothing where it is gone."""
        (_, *values) = _values(row)
        names = ", ".join(f"{name}=?" for name in COLUMNS.split(", ")[1:])
        self._db.execute(f"UPDATE jobs SET {names} WHERE id=?", (*values, row.job.id))
        self._held.pop(row.job.id, None)

    def hold(self, row: Row) -> None:
        """As `put`; where the disk refuses it, the row is held in memory until `save`."""
        try:
            self.put(row)
        except sqlite3.OperationalError:
            self._held[row.job.id] = row

    def save(self) -> None:
        """Write the rows that the disk has refused."""
        for row in list(self._held.values()):
            self.put(row)

    def get(self, job_id: str) -> Row | None:
        """The job of an id."""
        found = self._rows("WHERE id=?", job_id)
        return self._held.get(job_id, found[0]) if found else None

    def of_owner(self, owner: str, now: float, most: int) -> list[Row]:
        """An owner's jobs whose time is not up, newest first, at most so many."""
        where = "WHERE owner=? AND expires>? ORDER BY created DESC, id LIMIT ?"
        return [self._held.get(row.job.id, row) for row in self._rows(where, owner, now, most)]

    def unfinished(self) -> list[Row]:
        """Jobs that wait or run, oldest first."""
        return self._rows("WHERE state IN ('queued', 'running') ORDER BY created")

    def past(self, now: float) -> list[Row]:
        """Jobs whose time is up."""
        return self._rows("WHERE expires<=?", now)

    def ids(self) -> set[str]:
        """Every job's id."""
        return {job_id for (job_id,) in self._db.execute("SELECT id FROM jobs")}

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state, none left out."""
        found = dict(self._db.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state"))
        return {state: found.get(state.value, 0) for state in State}

    def remove(self, row: Row, why: str) -> None:
        """Take a job out; that it was there is remembered with why it is not."""
        with self._transaction():
            self._db.execute("DELETE FROM jobs WHERE id=?", (row.job.id,))
            self._db.execute(
                "INSERT OR REPLACE INTO gone (id, owner, why, at) VALUES (?, ?, ?, ?)",
                (row.job.id, row.owner, why, time.time()),
            )
        self._held.pop(row.job.id, None)

    def gone(self, job_id: str) -> Gone | None:
        """What became of a job that is not there any more."""
        cursor = self._db.execute("SELECT owner, why FROM gone WHERE id=?", (job_id,))
        found = cursor.fetchone()
        return None if found is None else Gone(*found)

    def forget(self, before: float) -> None:
        """Drop what is remembered of jobs that went before a time."""
        self._db.execute("DELETE FROM gone WHERE at<?", (before,))

    def _rows(self, where: str, *values: object) -> list[Row]:
        found = self._db.execute(f"SELECT {COLUMNS} FROM jobs {where}", values)
        return [_row(values) for values in found.fetchall()]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._db:  # commits; takes all back where that or the block fails
            self._db.execute("BEGIN IMMEDIATE")
            yield


def _values(row: Row) -> tuple[object, ...]:
    job = row.job
    return (
        job.id,
        row.owner,
        row.worker,
        job.state.value,
        row.created,
        row.expires,
        job.study_id,
        job.files,
        job.progress.model_dump_json(),
        job.headline.model_dump_json() if job.headline else None,
        job.problem.model_dump_json() if job.problem else None,
    )


def _row(values: tuple[object, ...]) -> Row:
    (job_id, owner, worker, state, created, expires, study_id, files, progress, head, wrong) = (
        values
    )
    job = Job.model_validate(
        {
            "id": job_id,
            "address": f"/api/v1/jobs/{job_id}",
            "state": state,
            "created": utc(float(str(created))),
            "expires": utc(float(str(expires))),
            "study_id": study_id,
            "files": files,
            "progress": Progress.model_validate_json(str(progress)),
            "headline": HeadlinePart.model_validate_json(str(head)) if head else None,
            "problem": Problem.model_validate_json(str(wrong)) if wrong else None,
        }
    )
    return Row(job, str(owner), str(worker), float(str(created)), float(str(expires)))
