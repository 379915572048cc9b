"""index: a folder of files -> the manifest, from headers; of a series they leave open one slice.

Studies are listed on the driver (names only in the challenge's layout) and described in tasks;
one Parquet file comes out, whole or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lumbar.errors import LumbarError
from lumbar.grading.recognise import recognise
from lumbar.imaging.read import describe_study
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.pipelines.manifest import list_studies, manifest_row, write_manifest
from lumbar.pipelines.stream import stream

__all__ = ["IndexReport", "index"]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was indexed. `failures` are studies that cannot be used, each with the reason."""

    manifest: Path
    studies: int
    files: int
    series: Mapping[str, int]
    set_aside: int
    failures: tuple[Mapping[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """The job's last line."""
        return {
            "manifest": self.manifest,
            "studies": self.studies,
            "files": self.files,
            "series": dict(self.series),
            "set_aside": self.set_aside,
            "failed": len(self.failures),
            "failures": list(self.failures),
        }


def index(source: str | Path, output: Path, *, trusted: bool = False) -> IndexReport:
    """Describe every study of `source` and write the manifest; needs a running Ray.

    `trusted` as in `read_study`. A study that cannot be described (several patients' files under
    one id) is no row of the manifest but one of the report's failures.
    """
    studies = list_studies(source, trusted=trusted)
    work = partial(_described, trusted=trusted)
    described = list(stream(studies, work, label="index"))
    rows = [row for row in described if "failure" not in row]
    write_manifest(rows, output)
    series = Counter(s["role"] or "unused" for row in rows for s in row["series"])
    return IndexReport(
        manifest=output,
        studies=len(rows),
        files=sum(len(row["files"]) for row in rows),
        series=dict(sorted(series.items())),
        set_aside=sum(len(row["set_aside"]) for row in rows),
        failures=tuple(row["failure"] for row in described if "failure" in row),
    )


def _described(study: StudyFiles, trusted: bool) -> dict[str, Any]:
    try:
        return manifest_row(study, describe_study(study, recognise=recognise, trusted=trusted))
    except (LumbarError, OSError) as error:
        return {"failure": {"study_id": study.study_id, "file": study.uri, "reason": str(error)}}
