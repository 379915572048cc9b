"""Patients for the phantom's tests: nothing narrowed but what a test narrows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lumbar.domain import CELLS, Cell, Family
from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import Habitus
from lumbar.phantom.morphology import Morphology

_WIDE = {Family.CANAL: 13.0, Family.FORAMINAL: 0.8, Family.SUBARTICULAR: 5.5}


@pytest.fixture
def morphology() -> Callable[..., Morphology]:
    """Makes a morphology without narrowing, but for the cells that are given."""

    def make(changes: dict[Cell, float] | None = None) -> Morphology:
        values = {cell: _WIDE[cell.condition.family] for cell in CELLS}
        return Morphology.from_cells(values | (changes or {}))

    return make


@pytest.fixture
def anatomy(morphology: Callable[..., Morphology]) -> Callable[..., Anatomy]:
    """Makes a patient by seed, without narrowing but for the cells that are given."""

    def make(seed: int = 1, changes: dict[Cell, float] | None = None) -> Anatomy:
        return Anatomy(morphology(changes), Habitus.draw(np.random.default_rng(seed)))

    return make
