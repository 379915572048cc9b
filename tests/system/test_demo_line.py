"""The whole line as a person runs it, on a dozen small phantoms."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lumbar.domain import Family
from lumbar.grading.bundle import Bundle
from lumbar.reports.schema import read_grades

pytestmark = [pytest.mark.ray, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "jobs" / "configs" / "ci.yaml"
SECONDS = 600


def job(name: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "jobs" / f"{name}.py"), *map(str, arguments)]


def ended(command: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """Exit code and last line of a job, run from another folder than the project's."""
    done = subprocess.run(
        command, capture_output=True, text=True, cwd="/", timeout=SECONDS, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Demo:
    """A demo that ran to its end."""

    command: tuple[str, ...]
    runs: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    runs = tmp_path_factory.mktemp("runs")
    command = job("demo", "--recipe", CI, "--runs", runs)
    code, result = ended(command)
    assert code == 0, result
    assert all(Path(path).exists() for path in result["files"].values()), result["files"]
    return Demo(tuple(command), runs)


def history_of_a_killed(command: Sequence[str], history: Path) -> tuple[str, ...]:
    """Lines of the history after the grader's first epoch, at which the job and its Ray die."""
    process = subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for(lambda: history.exists() and len(history.read_text().splitlines()) >= 2, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return tuple(history.read_text().splitlines())


@pytest.fixture(scope="module")
def runs(demo: Demo) -> Path:
    return demo.runs


def test_the_demo_measures_itself_against_its_yardsticks(runs: Path) -> None:
    metrics = json.loads((runs / "ci" / "metrics.json").read_text())
    assert metrics["balanced_accuracy_oracle"] > metrics["balanced_accuracy_baseline"] > 0
    # A locator that has learned nothing finds no row of discs, so that no level has a name.
    assert (metrics["coverage"], metrics["balanced_accuracy"]) == (0, None)
    assert metrics["score"] == metrics["score_prior"]
    assert metrics["locator_error_mm"] == {}


def test_only_held_out_phantoms_are_scored(runs: Path) -> None:
    grades = read_grades(runs / "ci" / "grades.parquet")
    note = json.loads((runs / "ci" / "cache" / "cache.json").read_text())
    assert len(grades) == 25 * note["counts"]["held_out.studies"]


def test_validation_has_25_rows_a_held_out_study_at_given_points(runs: Path) -> None:
    lines = (runs / "ci" / "validation.csv").read_text().splitlines()
    assert lines[0] == "row_id,normal_mild,moderate,severe"
    assert len(lines) - 1 == len(read_grades(runs / "ci" / "grades.parquet"))


def test_the_bundle_says_what_it_is(runs: Path) -> None:
    bundle = Bundle.load(runs / "ci" / "bundle")
    assert bundle.card["trained_on"]["basis"] == dict.fromkeys(Family, "synthetic")
    assert set(bundle.card["sha256"]) >= {"config.json", "grader.safetensors", "selftest.json"}


@pytest.mark.nightly
def test_a_finished_demo_run_again_does_nothing_anew(demo: Demo) -> None:
    folder = demo.runs / "ci"
    weights = folder / "bundle" / "grader.safetensors"
    before, figures = weights.stat().st_mtime_ns, (folder / "metrics.json").read_bytes()
    code, result = ended(demo.command)
    assert code == 0, result
    assert weights.stat().st_mtime_ns == before
    assert (folder / "metrics.json").read_bytes() == figures


@pytest.mark.nightly
def test_training_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    command = job("demo", "--recipe", CI, "--runs", tmp_path, "--grader.epochs", "2")
    history = tmp_path / "ci" / "history.jsonl"
    seen = history_of_a_killed(command, history)
    code, result = ended(command)
    assert code == 0, result
    lines = history.read_text().splitlines()
    assert lines[0] == seen[0], "the locator was trained again"
    records, before = ([json.loads(line) for line in text] for text in (lines, seen))
    for record in (*records, *before):
        del record["seconds"]  # an epoch whose checkpoint was not yet kept is trained again
    assert records[: len(before)] == before
    named = [(record["model"], record["epoch"]) for record in records]
    assert named == [("locator", 1), ("grader", 1), ("grader", 2)]


def wait_for(ready: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():
        assert process.poll() is None, "training ended by itself"
        assert time.monotonic() < deadline, "training wrote no history"
        time.sleep(0.1)
