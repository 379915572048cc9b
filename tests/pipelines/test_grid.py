"""The customer's grid, as jobs/configs/grid.yaml holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumbar.errors import ConfigError
from lumbar.pipelines.grid import is_grid, load_grid

CONFIGS = Path(__file__).resolve().parents[2] / "jobs" / "configs"


def test_the_customers_grid_expands_to_24_trials() -> None:
    trials = load_grid(CONFIGS / "grid.yaml").trials()
    seen = {
        (
            trial.recipe.grader.learning_rate,
            trial.recipe.grader.batch_size,
            trial.recipe.grader.epochs,
            trial.recipe.grader.dropout,
        )
        for trial in trials
    }
    assert len(trials) == 24
    assert seen == {
        (rate, batch, epochs, dropout)
        for rate in (1e-3, 1e-5, 1e-7)
        for batch in (32, 64)
        for epochs in (50, 100)
        for dropout in (0.2, 0.5)
    }


def test_every_trial_keeps_the_learning_rate_constant_unless_told() -> None:
    grid = load_grid(CONFIGS / "grid.yaml")
    assert {t.recipe.grader.schedule for t in grid.trials()} == {"constant"}
    told = grid.trials({"grader.schedule": "one_cycle"})
    assert {t.recipe.grader.schedule for t in told} == {"one_cycle"}


def test_epochs_scale_down_to_one_at_least() -> None:
    grid = load_grid(CONFIGS / "grid.yaml")
    for scale, epochs in ((0.1, {5, 10}), (0.004, {1})):
        trials = grid.trials(scale_epochs=scale)
        assert {trial.recipe.grader.epochs for trial in trials} == epochs


def test_another_base_recipe_takes_the_same_lists() -> None:
    trials = load_grid(CONFIGS / "grid.yaml", CONFIGS / "rsna2024_t1.yaml").trials()
    assert len(trials) == 24
    assert {t.recipe.name for t in trials} == {"rsna2024_t1"}


def test_a_recipe_is_no_grid() -> None:
    assert is_grid(CONFIGS / "grid.yaml")
    assert not is_grid(CONFIGS / "demo.yaml")


def test_a_single_value_in_place_of_a_list_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(f"base: {CONFIGS / 'demo.yaml'}\nlearning_rate: 0.1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="learning_rate must be a list"):
        load_grid(path)


def test_an_unknown_setting_in_a_grid_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(f"base: {CONFIGS / 'demo.yaml'}\ndropuot: [0.1]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"grader\.dropout"):
        load_grid(path).trials()
