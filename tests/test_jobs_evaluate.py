"""`python jobs/evaluate.py` as a person runs it: its files, its last line, its exit codes."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lumbar.domain import CELLS, Severity
from lumbar.errors import FormatError
from lumbar.grading.rules import Rule
from lumbar.imaging.tables import read_labels
from lumbar.pipelines.evaluate import evaluate
from lumbar.reports.predictions import Predictions
from lumbar.reports.submission import write_rows

ROOT = Path(__file__).resolve().parents[1]
WORDS = {-1: ""} | {int(severity): severity.label for severity in Severity}


def write_truth(path: Path, labels: dict[str, list[int]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["study_id", *(cell.column for cell in CELLS)])
        writer.writerows([study, *(WORDS[g] for g in row)] for study, row in labels.items())
    return path


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Truth of six studies and a submission of five of them and of one unknown."""
    generator = np.random.default_rng(5)
    labels = generator.choice([-1, 0, 1, 2], p=[0.05, 0.6, 0.2, 0.15], size=(6, 25))
    write_truth(tmp_path / "train.csv", {str(i): row.tolist() for i, row in enumerate(labels)})
    shares = generator.dirichlet([1, 1, 1], size=(7, 25))
    write_rows(
        (
            (cell.row_id(str(study)), *(float(share) for share in shares[study, index]))
            for study in (0, 1, 2, 3, 4, 6)
            for index, cell in enumerate(CELLS)
        ),
        tmp_path / "submission.csv",
    )
    return tmp_path


def job(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The script with these arguments, run in this process: it starts nothing and loads torch."""
    command = [str(ROOT / "jobs" / "evaluate.py"), *map(str, arguments)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", command)
        try:
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def test_it_writes_and_prints_the_same_figures(cohort: Path) -> None:
    done = job(
        *("--predictions", cohort / "submission.csv", "--truth", cohort / "train.csv"),
        *("--output", cohort / "out", "--prior", cohort / "train.csv"),
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout.splitlines()[-1])
    assert printed == json.loads((cohort / "out" / "metrics.json").read_text())
    wanted = "score canal foraminal subarticular any_severe_canal accuracy balanced_accuracy kappa"
    assert all(isinstance(printed[name], float) for name in [*wanted.split(), "score_prior"])


def test_the_table_has_the_majority_and_the_readers(cohort: Path) -> None:
    done = job(
        *("--predictions", cohort / "submission.csv", "--truth", cohort / "train.csv"),
        *("--output", cohort / "out"),
    )
    assert "majority" in done.stdout
    assert "Readers agree with each other only at kappa .70 / .54 / .32" in done.stdout
    assert "1 studies of the predictions have no truth: left out." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "the following arguments are required: --predictions, --truth, --output"),
        (
            "--predictions nowhere.csv",
            "argument --predictions: no such file or folder: nowhere.csv",
        ),
        ("--rule slanted", "argument --rule: invalid choice: 'slanted'"),
    ],
)
def test_wrong_arguments_exit_with_2(arguments: str, complaint: str) -> None:
    done = job(*arguments.split())
    assert done.returncode == 2
    assert f"evaluate: error: {complaint}" in done.stderr


def test_a_file_that_cannot_be_used_exits_with_1_and_one_clear_line(cohort: Path) -> None:
    (cohort / "train.csv").write_text("study_id,grade\n1,Mild\n")
    done = job(
        *("--predictions", cohort / "submission.csv", "--truth", cohort / "train.csv"),
        *("--output", cohort / "out"),
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no column spinal_canal_stenosis_l1_l2" in done.stderr


def predictions(shares: np.ndarray) -> Predictions:
    return Predictions(tuple(str(i) for i in range(len(shares))), shares)


def truth(tmp_path: Path, labels: dict[str, list[int]]) -> Any:
    return read_labels(write_truth(tmp_path / "truth.csv", labels))


def test_the_rule_changes_the_grades_and_not_the_score(tmp_path: Path) -> None:
    """Weighted (.4, .1, .5): Severe by the tilted rule; p = (.4, .05, .125), mild untilted."""
    shares = np.tile([0.4, 0.1, 0.5], (2, 25, 1))
    labels = truth(tmp_path, {"0": [2] * 25, "1": [0] * 25})
    tilted, untilted = (evaluate(predictions(shares), labels, rule) for rule in Rule)
    assert (tilted["severe_recall"], untilted["severe_recall"]) == (1.0, 0.0)
    assert tilted["score"] == untilted["score"]


def test_cells_not_assessed_only_lower_the_coverage(tmp_path: Path) -> None:
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], size=(3, 25))
    blank = shares.copy()
    blank[1, 5:10] = np.nan
    rows = np.random.default_rng(2).choice([0, 1, 2], size=(3, 25))
    whole = truth(tmp_path, {str(i): row.tolist() for i, row in enumerate(rows)})
    rows[1, 5:10] = -1
    cut = truth(tmp_path, {str(i): row.tolist() for i, row in enumerate(rows)})
    partly, fewer = evaluate(predictions(blank), whole), evaluate(predictions(shares), cut)
    assert partly["coverage"] == pytest.approx(70 / 75)
    assert all(partly[name] == fewer[name] for name in ("score", "accuracy", "kappa", "study"))


def test_the_prior_of_the_same_cells_is_scored_beside(tmp_path: Path) -> None:
    labels = truth(tmp_path, {"0": [2] * 25, "1": [0] * 25})
    prior = np.full((25, 3), 1 / 3)
    metrics = evaluate(predictions(np.tile([0.6, 0.2, 0.2], (2, 25, 1))), labels, prior=prior)
    alone = evaluate(predictions(np.full((2, 25, 3), 1 / 3)), labels)
    assert metrics["score_prior"] == pytest.approx(alone["score"])


def test_a_term_without_labels_is_null_with_a_warning(tmp_path: Path) -> None:
    labels = truth(tmp_path, {"0": [-1] * 5 + [0] * 20})
    metrics = evaluate(predictions(np.full((1, 25, 3), 1 / 3)), labels)
    assert (metrics["canal"], metrics["any_severe_canal"]) == (None, None)
    assert metrics["warnings"] == [
        "no labelled row for canal, any_severe_canal: left out of the score"
    ]


def test_predictions_of_another_cohort_are_refused(tmp_path: Path) -> None:
    labels = truth(tmp_path, {"77": [0] * 25})
    with pytest.raises(FormatError, match="no study of the predictions is in the truth"):
        evaluate(predictions(np.full((1, 25, 3), 1 / 3)), labels)


def test_an_unknown_grade_is_named_with_its_row_and_column(cohort: Path) -> None:
    path = cohort / "train.csv"
    path.write_text(path.read_text().replace("Normal/Mild", "Mild", 1))
    done = job(
        *("--predictions", cohort / "submission.csv", "--truth", path, "--output", cohort / "out")
    )
    assert done.returncode == 1
    assert re.search(r"row 2: \w+ is 'Mild'; expected Normal/Mild", done.stderr)


def test_a_packed_truth_gives_the_same_figures(cohort: Path) -> None:
    packed = cohort / "train.csv.gz"
    packed.write_bytes(gzip.compress((cohort / "train.csv").read_bytes()))
    assert read_labels(packed) == read_labels(cohort / "train.csv")
