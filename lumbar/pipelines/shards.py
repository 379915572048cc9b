"""A training worker's share of the cache: streamed by Ray Data, filtered as it passes, kept whole.

The cache of the whole challenge is a few GB of uint8 and fits in a worker's memory, so it is
streamed once and epochs are drawn from memory. Every worker sees the rows in the same order and
keeps each n-th training row; so the shares are as large (data-parallel steps must be) and the same
whichever file was read first. Worker 0 also keeps the patients that are calibrated and tested on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lumbar.config import DataSettings
from lumbar.domain import CELLS, Cell, Condition, Family, Level
from lumbar.grading.store import CropStore, Part, part_of

__all__ = ["Foramina", "LabelTally", "share_of"]

BATCH_ROWS = 256


class LabelTally:
    """Labels `[studies, 25]` of all patients but the held-out ones, gathered as rows pass."""

    def __init__(self, data: DataSettings) -> None:
        self._data = data
        self._rows: dict[str, NDArray[np.int64]] = {}

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table of store.CROP_SCHEMA."""
        for row in table.drop_columns(["pixels", "views"]).to_pylist():
            if part_of(row["study_id"], self._data) is Part.HELD_OUT:
                continue
            cell = Cell(Condition(row["condition"]), Level(row["level"]))
            blank = np.full(len(CELLS), -1)
            self._rows.setdefault(row["study_id"], blank)[CELLS.index(cell)] = row["label"]

    def labels(self) -> NDArray[np.int64]:
        """The table of labels, -1 where a cell is blank or has no crop."""
        return np.array(list(self._rows.values()) or np.zeros((0, len(CELLS)))).astype(np.int64)


class Foramina:
    """The labelled foramina of all training patients, gathered as rows pass.

    The regression on gradients is fitted by one worker alone, so its own share is too little.
    """

    def __init__(self, data: DataSettings) -> None:
        self._data = data
        self._tables: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Keep the foramina of a table of store.CROP_SCHEMA."""
        parts = [part_of(study_id, self._data) for study_id in table["study_id"].to_pylist()]
        learnable = table.filter(_learnable(table, parts))
        named = [c.value for c in Condition if c.family is Family.FORAMINAL]
        kept = pc.is_in(learnable["condition"], pa.array(named, pa.string()))
        self._tables.append(learnable.filter(kept))

    def store(self, cached_px: int) -> CropStore:
        """What was gathered."""
        return CropStore.of(self._tables, cached_px)


def share_of(
    shard: Any,
    data: DataSettings,
    rank: int,
    world: int,
    watch: Callable[[pa.Table], None] = lambda table: None,
) -> list[pa.Table]:
    """The rows of a Ray Data iterator that worker `rank` of `world` keeps; `watch` sees all."""
    part = cache(lambda study_id: part_of(study_id, data))
    apart: list[pa.Table] = []
    training: list[pa.Table] = []
    passed = 0
    for table in shard.iter_batches(batch_size=BATCH_ROWS, batch_format="pyarrow"):
        watch(table)
        parts = [part(study_id) for study_id in table["study_id"].to_pylist()]
        if rank == 0:
            apart.append(table.filter(pa.array([p is not Part.TRAINING for p in parts])))
        learnable = table.filter(_learnable(table, parts))
        turns = (passed + np.arange(len(learnable))) % world
        training.append(learnable.filter(pa.array(turns == rank)))
        passed += len(learnable)
    if not training:
        return []
    return [pa.concat_tables(training).slice(0, passed // world), *apart]


def _learnable(table: pa.Table, parts: list[Part]) -> pa.Array:
    """Rows of training patients that have a label (the locator's pictures all have one)."""
    mask = np.array([part is Part.TRAINING for part in parts], dtype=bool)
    if "label" in table.column_names:
        mask &= np.asarray(table["label"].to_numpy()) >= 0
    return pa.array(mask)
