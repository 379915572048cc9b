"""score: studies -> grades.parquet, through a pool of actors that hold a Grader each.

An actor takes a study through everything in one call - read, decode, locate, crop, grade - and 25
rows come back; the driver keeps them in parts, so that a killed run goes on, and commits them
sorted by study at the end, `_SUCCESS.json` last. The output does not depend on the pool's size.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from lumbar.domain import Basis, Status
from lumbar.errors import ConfigError, LumbarError
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.recognise import recognise, shipped_digest
from lumbar.imaging.files import Files, open_files
from lumbar.imaging.read import read_study
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.pipelines.failures import Failure, damaged_files, write_failures
from lumbar.pipelines.identity import code_version, studies_digest
from lumbar.pipelines.manifest import list_studies
from lumbar.pipelines.output import read_json, whole_file, write_json
from lumbar.pipelines.parts import Parts, Scored
from lumbar.pipelines.stream import stream_actors
from lumbar.reports.schema import (
    GRADES_SCHEMA,
    grades_table,
    unsided_rows,
    write_grades,
    write_submission,
)

__all__ = ["ScorePlan", "score"]

SUCCESS, RUN, PARTS = "_SUCCESS.json", "run.json", "parts"
STAGES = ("read", "decode", "locate", "crop", "grade", "write")


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """What to score with, and with how much of the machine.

    `actors` processes of `threads` each (0: as many as the cluster has cores for, or one a GPU).
    With `basis` real, findings whose model was never tested on patients stay not_assessed.
    `trusted` files are decoded in the actors themselves, others in a child process of each.
    """

    bundle: Path
    output: Path
    basis: Basis | None = None
    actors: int = 0
    threads: int = 1
    gpu: bool = False
    trusted: bool = False
    engine: str = "auto"
    precision: str = "auto"


def score(source: str | Path, plan: ScorePlan) -> dict[str, Any]:
    """Grade every study of `source` (a root, folder, archive or manifest); the job's last line.

    Needs a running Ray. A study that cannot be read is a row of failures.parquet. Raises
    BundleError for a bundle that cannot be used, ConfigError where `output` holds another run.
    """
    began = time.monotonic()
    bundle = Bundle.load(plan.bundle)
    if bundle.config.locator is None:
        raise ConfigError(
            f"{plan.bundle}: has no locator and grades at given points only; score with a bundle "
            "that was trained with one"
        )
    studies = list_studies(source, trusted=plan.trusted)
    key = _key(studies, bundle, plan)
    finished = _claim(plan.output, key)
    if finished is not None:
        return {**finished, "finished_before": True}
    parts = Parts(plan.output / PARTS)
    with parts:
        for scored in _scored([s for s in studies if s.study_id not in parts.done], plan):
            parts.add(scored)
    return _commit(parts.read(), plan, bundle, key, time.monotonic() - began)


class Scorer:
    """What an actor holds: the bundle's networks, loaded once."""

    def __init__(self, plan: ScorePlan) -> None:
        import torch

        torch.set_num_threads(plan.threads)
        self.trusted = plan.trusted
        self.grader = Grader.from_bundle(
            plan.bundle,
            device="cuda" if plan.gpu else "cpu",
            precision=plan.precision,
            engine=plan.engine,
            basis=plan.basis,
        )

    def __call__(self, files: StudyFiles) -> Scored:
        """One study's 25 rows, or why there are none; no study's error ends the run."""
        began = time.perf_counter()
        try:
            source = _TimedFiles(open_files(files.uri))
            study = read_study(files, files=source, recognise=recognise, trusted=self.trusted)
            both = time.perf_counter() - began
            seconds = {"read": source.seconds, "decode": both - source.seconds}
            grades = self.grader.grade(study)
        except (LumbarError, OSError) as error:
            failure = Failure(files.study_id, files.uri, str(error))
            return Scored(files.study_id, None, (failure,), {})
        seconds |= grades.seconds
        failures = damaged_files(files.study_id, study.set_aside)
        table = grades_table([grades])
        unsided = tuple(unsided_rows(grades))
        return Scored(files.study_id, table, tuple(failures), seconds, unsided)


class _TimedFiles:
    """Files that count the seconds of reading them."""

    def __init__(self, files: Files) -> None:
        self.uri, self.seconds, self._files = files.uri, 0.0, files

    def names(self) -> list[str]:
        return self._files.names()

    def open(self, name: str) -> BinaryIO:
        return self._files.open(name)

    def read(self, name: str) -> bytes:
        began = time.perf_counter()
        try:
            return self._files.read(name)
        finally:
            self.seconds += time.perf_counter() - began


def _scored(studies: Sequence[StudyFiles], plan: ScorePlan) -> Iterator[Scored]:
    if not studies:
        return iter(())
    return stream_actors(
        studies,
        Scorer,
        (plan,),
        actors=min(_actors(plan), len(studies)),
        cpus=plan.threads,
        gpus=1.0 if plan.gpu else 0.0,
        label="score",
    )


def _actors(plan: ScorePlan) -> int:
    """As many as asked for, else as many as fit."""
    import ray

    if plan.actors:
        return plan.actors
    there: dict[str, float] = ray.cluster_resources()
    fit = there.get("GPU", 0) if plan.gpu else there.get("CPU", 1) / plan.threads
    return max(1, int(fit))


_KEY = {
    "bundle": "the bundle",
    "views": "the classifier of views",
    "lumbar": "lumbar's version or its code",
    "studies_sha256": "the studies: their files' names or bytes, or what tables say of them",
    "basis": "--basis",
    "precision": "--precision",
    "schema_version": "the form of the table",
}
"""What a result follows from, in words."""


def _key(studies: Iterable[StudyFiles], bundle: Bundle, plan: ScorePlan) -> dict[str, Any]:
    """What an output folder is the result of. Paths and times of files are no part of it, so that
    data may move and be copied."""
    return {
        "bundle": bundle.name,
        "views": shipped_digest(),
        "lumbar": code_version(),
        "studies_sha256": studies_digest(studies),
        "basis": plan.basis.value if plan.basis else "any",
        "precision": plan.precision,
        "schema_version": GRADES_SCHEMA.metadata[b"schema_version"].decode(),
    }


def _claim(output: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result where this very run is finished already; else the folder is ours.

    Raises ConfigError where the folder holds another run, or something that is no run.
    """
    done, begun = read_json(output / SUCCESS), read_json(output / RUN)
    theirs = done.get("run", {}) if done else begun
    if theirs == key:
        return done
    if theirs is not None:
        changed = "; ".join(
            f"{_KEY[name]} ({name} {theirs.get(name, 'not recorded')} -> {value})"
            for name, value in key.items()
            if theirs.get(name) != value
        )
        state = "finished" if done else "begun"
        raise ConfigError(
            f"{output}: holds a {state} run whose grades may be others, since this differs: "
            f"{changed}. Name another --output, or remove this folder to score anew"
        )
    if output.exists() and any(output.iterdir()):
        raise ConfigError(f"{output}: is not empty and no run of score; name another --output")
    write_json(output / RUN, key)
    return None


def _commit(
    scored: Sequence[Scored], plan: ScorePlan, bundle: Bundle, key: Mapping[str, Any], wall: float
) -> dict[str, Any]:
    """Write the four files from the parts, `_SUCCESS.json` last, and drop the parts."""
    began = time.monotonic()
    tables = [one.grades for one in scored if one.grades is not None]
    grades = pa.concat_tables([GRADES_SCHEMA.empty_table(), *tables])
    with whole_file(plan.output / "grades.parquet") as draft:
        write_grades(grades, draft, {one.study_id: one.unsided for one in scored})
    with whole_file(plan.output / "submission.csv") as draft:
        write_submission(grades, bundle.prior, draft)
    failures = [failure for one in scored for failure in one.failures]
    write_failures(failures, plan.output / "failures.parquet")
    spent = {s: sum(one.seconds.get(s, 0.0) for one in scored) for s in STAGES}
    spent["write"] = time.monotonic() - began
    statuses = Counter(grades["status"].to_pylist())
    result = {
        "output": str(plan.output),
        "run": dict(key),
        "studies": len(scored),
        "rows": len(grades),
        "graded": statuses[Status.GRADED],
        "not_assessed": statuses[Status.NOT_ASSESSED],
        "unsided": sum(len(one.unsided) for one in scored),
        "failed": len(failures),
        "bundle": bundle.name,
        "seconds": {stage: round(seconds, 3) for stage, seconds in spent.items()},
        "wall_seconds": round(wall + spent["write"], 2),
    }
    write_json(plan.output / SUCCESS, result)
    (plan.output / RUN).unlink(missing_ok=True)
    shutil.rmtree(plan.output / PARTS)
    return result
