"""A recipe says what it means: overrides land, typos are refused with the nearest key."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumbar.config import Recipe, load_recipe, parse_overrides
from lumbar.domain import View
from lumbar.errors import ConfigError


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: test\ngrader: {epochs: 4}\ncrops: {field_mm: {axial_t2: 50}}\n")
    return path


def test_values_come_from_the_file_and_defaults_from_the_code(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file)
    assert recipe.grader.epochs == 4
    assert recipe.crops.field_mm[View.AXIAL_T2] == 50
    assert recipe.grader.batch_size == Recipe(name="x").grader.batch_size


def test_the_command_line_wins(recipe_file: Path) -> None:
    words = ["--grader.epochs", "9", "--grader.learning_rate=1e-3", "--locator", "null"]
    recipe = load_recipe(recipe_file, parse_overrides(words))
    assert (recipe.grader.epochs, recipe.grader.learning_rate) == (9, 1e-3)
    assert recipe.locator is None


def test_a_typo_is_refused_with_the_nearest_key(recipe_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"grader\.epoch; did you mean grader\.epochs\?"):
        load_recipe(recipe_file, {"grader.epoch": "3"})


def test_a_key_in_the_wrong_section_is_named_where_it_belongs(recipe_file: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key held_out"):
        load_recipe(recipe_file, {"held_out": "1"})


@pytest.mark.parametrize(
    ("key", "value"),
    [("grader.epochs", "0"), ("grader.schedule", "warm"), ("name", "a/b"), ("data.basis", "none")],
)
def test_a_value_out_of_range_names_its_key(recipe_file: Path, key: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_recipe(recipe_file, {key: value})
    assert str(refused.value).startswith(f"{recipe_file}: {key}: ")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path / "none.yaml")


@pytest.mark.parametrize("words", [["grader.epochs", "3"], ["--grader.epochs"]])
def test_a_half_pair_is_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        parse_overrides(words)
