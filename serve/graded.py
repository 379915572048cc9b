"""What has become of a study, and the files that are kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lumbar.reports.source_headers import SourceHeaders
from serve.answer import Answer
from serve.pictures import Shown
from serve.shelf import Content

__all__ = ["ANSWER", "SERIES", "Graded", "slices_name"]

ANSWER, SERIES = "answer.json", "series.json"


@dataclass(frozen=True, slots=True, eq=False)
class Graded:
    """What became of a study: the answer, what a viewer shows, heat maps by file name, and the
    headers that only the Structured Report needs."""

    answer: Answer
    shown: Shown
    maps: Mapping[str, bytes]
    headers: SourceHeaders | None = None

    @property
    def findings(self) -> int:
        """How many findings have a grade."""
        return sum(finding.status == "graded" for finding in self.answer.findings)

    def files(self, job_id: str) -> dict[str, Content]:
        """What is kept of it as a job's, by file name: all but the headers."""
        answer = self.answer.model_copy(update={"job": job_id})
        return {
            ANSWER: answer.model_dump_json().encode(),
            SERIES: self.shown.listed.model_dump_json().encode(),
            **{slices_name(k): slices for k, slices in enumerate(self.shown.slices)},
            **self.maps,
        }


def slices_name(series: int) -> str:
    """The file of a series' slices; series are counted from 0."""
    return f"slices-{series}.npz"
