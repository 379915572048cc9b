"""What could not be used: one row a study or file, with the reason in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lumbar.imaging.study import SetAside
from lumbar.pipelines.output import whole_file

__all__ = ["FAILURE_SCHEMA", "Failure", "damaged_files", "write_failures"]

FAILURE_SCHEMA = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, order=True)
class Failure:
    """A study that could not be used (`file` is where it lies), or one damaged file of it."""

    study_id: str
    file: str
    reason: str


def damaged_files(study_id: str, set_aside: Iterable[SetAside]) -> list[Failure]:
    """The files that should have been pictures; a report or a localizer is no failure."""
    return [Failure(study_id, a.file, a.reason) for a in set_aside if a.damaged]


def write_failures(failures: Iterable[Failure], path: Path) -> None:
    """Write `failures.parquet`, sorted; an empty table where nothing failed."""
    table = pa.Table.from_pylist([asdict(f) for f in sorted(failures)], schema=FAILURE_SCHEMA)
    with whole_file(path) as draft:
        pq.write_table(table, draft, compression="zstd")
