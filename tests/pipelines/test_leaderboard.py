"""The table of a grid's trials: best first, failed ones last, each with what was measured."""

from __future__ import annotations

import csv
from pathlib import Path

from lumbar.pipelines.tune import TrialResult, _words, write_leaderboard


def trial(number: int, loss: float, error: str = "") -> TrialResult:
    values = {"learning_rate": 1e-3, "dropout": number / 10}
    return TrialResult(f"trial_{number}", values, 5, {"validation_loss": loss}, error)


def test_trials_are_ranked_by_the_calibration_patients_loss_and_failed_ones_come_last(
    tmp_path: Path,
) -> None:
    results = [trial(0, 0.9), trial(1, 0.1, "no memory"), trial(2, float("nan")), trial(3, 0.5)]
    write_leaderboard(results, tmp_path / "leaderboard.csv")
    with (tmp_path / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["trial_3", "trial_0", "trial_2", "trial_1"]
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["error"] for row in rows] == ["", "", "", "no memory"]
    said = {name: value for name, value in rows[0].items() if value}
    assert said == {
        "rank": "1",
        "trial": "trial_3",
        "learning_rate": "0.001",
        "dropout": "0.3",
        "epochs_run": "5",
        "validation_loss": "0.5",
    }


def test_held_out_figures_stand_beside_the_loss_and_choose_nothing(tmp_path: Path) -> None:
    better, worse = trial(0, 0.4), trial(1, 0.6)
    figures = {**worse.figures, "held_out_score": 0.1, "held_out_majority": 0.7, "other": 1.0}
    worse = TrialResult(worse.trial, worse.values, 5, figures)
    write_leaderboard([worse, better], tmp_path / "leaderboard.csv")
    with (tmp_path / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["trial"], first["held_out_score"]) == ("trial_0", "")
    assert (second["held_out_score"], second["held_out_majority"]) == ("0.1", "0.7")
    assert "other" not in second


def test_of_a_trials_error_the_last_line_is_told() -> None:
    assert _words(RuntimeError("Traceback:\n  File x\nValueError: no cache\n\n")) == (
        "ValueError: no cache"
    )
    assert _words(MemoryError()) == "MemoryError"
