"""A grid of settings: lists side by side, every combination of them one trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from lumbar.config import Recipe, load_recipe
from lumbar.errors import ConfigError

__all__ = ["Grid", "Trial", "is_grid", "load_grid"]

BASE, OVERRIDES = "base", "overrides"


@dataclass(frozen=True, slots=True)
class Trial:
    """One combination, e.g. `{"learning_rate": 1e-3, "batch_size": 32, ...}`, and its recipe."""

    name: str
    values: Mapping[str, Any]
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Grid:
    """`lists` of settings of the recipe's `grader`; `overrides` hold for every trial."""

    base: Path
    lists: Mapping[str, Sequence[Any]]
    overrides: Mapping[str, str]

    def trials(
        self, overrides: Mapping[str, str] | None = None, scale_epochs: float = 1.0
    ) -> list[Trial]:
        """Every combination in the order of the lists, the last one varying fastest.

        `overrides` of the command line win over the grid's own. `scale_epochs` shortens every
        trial by the same factor, to one epoch at least. Raises ConfigError as `load_recipe` does.
        """
        shared = {**self.overrides, **(overrides or {})}
        combinations = [
            dict(zip(self.lists, values, strict=True)) for values in product(*self.lists.values())
        ]
        return [
            self._trial(number, values, shared, scale_epochs)
            for number, values in enumerate(combinations)
        ]

    def _trial(
        self, number: int, values: Mapping[str, Any], shared: Mapping[str, str], scale: float
    ) -> Trial:
        own = {f"grader.{name}": str(value) for name, value in values.items()}
        recipe = load_recipe(self.base, {**shared, **own})
        epochs = max(1, round(recipe.grader.epochs * scale))
        grader = recipe.grader.model_copy(update={"epochs": epochs})
        return Trial(f"trial_{number:02d}", values, recipe.model_copy(update={"grader": grader}))


def is_grid(path: Path) -> bool:
    """Whether a YAML file is a grid (it names a base recipe) and not a recipe itself."""
    return BASE in _mapping(path)


def load_grid(path: Path, base: Path | None = None) -> Grid:
    """The grid of a YAML file; its `base` recipe lies beside it, `base` here takes its place.

    Raises ConfigError for a file that is none, naming the key.
    """
    values = _mapping(path)
    if BASE not in values:
        raise ConfigError(f"{path}: a grid names its recipe, e.g. `base: demo.yaml`")
    overrides = values.pop(OVERRIDES, None) or {}
    recipe = base or path.parent / str(values.pop(BASE))
    values.pop(BASE, None)
    for name, choices in values.items():
        if not isinstance(choices, list) or not choices:
            raise ConfigError(f"{path}: {name} must be a list of values, e.g. [32, 64]")
    return Grid(recipe, values, {str(k): str(v) for k, v in overrides.items()})


def _mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error})") from None
    return values if isinstance(values, dict) else {}
