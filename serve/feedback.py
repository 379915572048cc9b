"""What readers see otherwise: a grade beside ours, kept with the ids of study and job alone.

Of what a caller says of one finding of a job the last word is kept: several studies may be called
alike, as all pictures sent without a folder are. It outlives its job, since it is there to learn
from. `python -m serve.feedback FOLDER` writes all of it as CSV, for who runs the server; callers
get their own at /api/v1/feedback.csv.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lumbar.domain import Condition, Level
from lumbar.reports.result_csv import Value, harmless
from serve.answer import Answer
from serve.job import utc

__all__ = ["FeedbackTable", "Noted", "Remark", "main"]

COLUMNS = ("at", "study_id", "condition", "level", "graded", "seen", "bundle")
EXPORTED = (*COLUMNS, "job")
SCHEMA = f"CREATE TABLE IF NOT EXISTS feedback (owner TEXT NOT NULL, {', '.join(EXPORTED)})"
INDEX = (
    "CREATE UNIQUE INDEX IF NOT EXISTS feedback_last_of_job "
    "ON feedback (owner, job, condition, level, bundle)"
)
BEFORE_JOBS = (
    "DELETE FROM feedback WHERE rowid NOT IN "
    "(SELECT max(rowid) FROM feedback GROUP BY owner, study_id, condition, level, bundle)",
    "DROP INDEX IF EXISTS feedback_last",
    "ALTER TABLE feedback ADD COLUMN job",
)
"""What makes a file of this one in which remarks were kept by study: their last words stay, of no
job that is known."""


class Remark(BaseModel):
    """The grade that a reader sees in a finding."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"condition": "spinal_canal_stenosis", "level": "l4_l5", "severity": "Severe"}
            ]
        },
    )

    condition: Condition
    level: Level
    severity: Literal["Normal/Mild", "Moderate", "Severe"]


class Noted(Remark):
    """A remark beside the grade that was given; null where there was none."""

    graded: Literal["Normal/Mild", "Moderate", "Severe"] | None


class FeedbackTable:
    """Remarks in a file of SQLite, the one of the jobs."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.execute(SCHEMA)
        if "job" not in [row[1] for row in self._db.execute("PRAGMA table_info(feedback)")]:
            for step in BEFORE_JOBS:
                self._db.execute(step)
        self._db.execute(INDEX)

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def add(self, owner: str, answer: Answer, remark: Remark) -> Noted:
        """Keep a remark on one of an answer's findings, instead of the owner's last one on it."""
        graded = next(
            finding.severity
            for finding in answer.findings
            if (finding.condition, finding.level) == (remark.condition, remark.level)
        )
        row = (
            *(utc(time.time()), answer.study_id, remark.condition.value, remark.level.value),
            *(graded, remark.severity, answer.bundle, answer.job),
        )
        marks = ",".join("?" * (len(EXPORTED) + 1))
        self._db.execute(f"INSERT OR REPLACE INTO feedback VALUES ({marks})", (owner, *row))
        return Noted(**remark.model_dump(), graded=graded)

    def as_csv(self, owner: str | None = None) -> str:
        """An owner's remarks, or all of them, as CSV with a head, oldest first; no formulas."""
        where, values = ("", ()) if owner is None else (" WHERE owner=?", (owner,))
        query = f"SELECT {', '.join(EXPORTED)} FROM feedback{where} ORDER BY at"
        return _csv(self._db.execute(query, values))


def _csv(rows: Iterable[tuple[Value, ...]]) -> str:
    told = io.StringIO()
    writer = csv.writer(told)
    writer.writerow(EXPORTED)
    writer.writerows(map(harmless, row) for row in rows)
    return told.getvalue()


def main(argv: list[str]) -> int:
    """Print all remarks of the server whose jobs are kept in a folder."""
    file = Path(argv[0]) / "jobs.sqlite" if len(argv) == 1 else None
    if file is None or not file.is_file():
        print(
            "usage: python -m serve.feedback FOLDER  (keep.folder of the server)", file=sys.stderr
        )
        return 2
    sys.stdout.write(FeedbackTable(file).as_csv())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
