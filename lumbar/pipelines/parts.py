"""What a scoring run has so far, on disk in parts, so that a killed run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lumbar.pipelines.failures import Failure
from lumbar.pipelines.output import whole_file
from lumbar.reports.schema import GRADES_SCHEMA

__all__ = ["Parts", "Scored"]

STUDIES_A_PART = 50


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What came of one study: 25 rows of GRADES_SCHEMA or None, failures, seconds a stage, and
    `unsided_rows` of a lone slice."""

    study_id: str
    grades: pa.Table | None
    failures: tuple[Failure, ...]
    seconds: Mapping[str, float]
    unsided: tuple[Mapping[str, Any], ...] = ()


class Parts:
    """A folder of parts, each a Parquet file of grades and, written after it, a JSON file that
    says which studies it has. `done` are the studies of all of them. Use it as a context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: list[Scored] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._written = len(self._notes())
        self.done = {scored.study_id for scored in self.read(with_grades=False)}

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._write()

    def add(self, scored: Scored) -> None:
        """Keep a study's result; every so many of them become a part."""
        self._waiting.append(scored)
        if len(self._waiting) >= STUDIES_A_PART:
            self._write()

    def read(self, *, with_grades: bool = True) -> list[Scored]:
        """Every study's result, sorted by study."""
        found = []
        for note in self._notes():
            table = pq.read_table(note.with_suffix(".parquet")) if with_grades else None
            for row in json.loads(note.read_text(encoding="utf-8")):
                failures = tuple(Failure(**failure) for failure in row["failures"])
                grades = None
                if table is not None and row["rows"]:
                    grades = table.slice(row["first"], row["rows"])
                unsided = tuple(row["unsided"])
                found.append(Scored(row["study_id"], grades, failures, row["seconds"], unsided))
        return sorted(found, key=lambda scored: scored.study_id)

    def _notes(self) -> list[Path]:
        return sorted(self._folder.glob("part-*.json"))

    def _write(self) -> None:
        if not self._waiting:
            return
        note, first = [], 0
        for scored in self._waiting:
            rows = 0 if scored.grades is None else len(scored.grades)
            failures = [asdict(failure) for failure in scored.failures]
            own = {"study_id": scored.study_id, "first": first, "rows": rows}
            told = {"seconds": dict(scored.seconds), "unsided": list(scored.unsided)}
            note.append({**own, "failures": failures, **told})
            first += rows
        path = self._folder / f"part-{self._written:06d}.json"
        tables = [scored.grades for scored in self._waiting if scored.grades is not None]
        with whole_file(path.with_suffix(".parquet")) as draft:
            pq.write_table(pa.concat_tables([GRADES_SCHEMA.empty_table(), *tables]), draft)
        with whole_file(path) as draft:
            draft.write_text(json.dumps(note), encoding="utf-8")
        self._written += 1
        self._waiting = []
