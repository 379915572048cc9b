"""The recipes that ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumbar.config import load_recipe
from lumbar.domain import Basis
from lumbar.pipelines.grid import is_grid

CONFIGS = Path(__file__).resolve().parents[2] / "jobs" / "configs"
RECIPES = sorted(path for path in CONFIGS.glob("*.yaml") if not is_grid(path))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_loads_under_its_own_name(path: Path) -> None:
    assert load_recipe(path).name == path.stem


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_only_recipes_on_patients_claim_a_real_basis(path: Path) -> None:
    recipe = load_recipe(path)
    assert (recipe.data.basis is Basis.REAL) == (recipe.phantom is None)
