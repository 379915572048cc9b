"""A run's folder belongs to one recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumbar.config import Recipe, load_recipe
from lumbar.errors import ConfigError
from lumbar.pipelines.train import claim

CI = Path(__file__).resolve().parents[2] / "jobs" / "configs" / "ci.yaml"


def recipe(runs: Path, **overrides: str) -> Recipe:
    named = {key.replace("__", "."): value for key, value in overrides.items()}
    return load_recipe(CI, {"runs": str(runs), **named})


def test_the_same_recipe_may_go_on(tmp_path: Path) -> None:
    claim(recipe(tmp_path))
    claim(recipe(tmp_path, workers__threads="1", data__cache="elsewhere"))


def test_a_run_of_before_a_setting_was_there_had_its_default(tmp_path: Path) -> None:
    mine = recipe(tmp_path)
    claim(mine)
    path = mine.folder / "run.json"
    path.write_text(path.read_text().replace('"closer": 0.0,', "").replace('"closer": 0.0', ""))
    assert "closer" not in path.read_text()
    claim(mine)
    with pytest.raises(ConfigError, match=r"locator\.closer differs"):
        claim(recipe(tmp_path, locator__closer="0.65"))


def test_another_recipe_under_the_same_name_is_refused_by_the_key_that_differs(
    tmp_path: Path,
) -> None:
    claim(recipe(tmp_path))
    with pytest.raises(ConfigError, match=r"grader\.learning_rate differs"):
        claim(recipe(tmp_path, grader__learning_rate="0.5"))


def test_a_run_whose_data_moved_says_how_to_go_on(tmp_path: Path) -> None:
    claim(recipe(tmp_path, data__input="a"))
    with pytest.raises(
        ConfigError, match=r"data\.input differs.*write the new place into .*run\.json"
    ):
        claim(recipe(tmp_path, data__input="b"))
