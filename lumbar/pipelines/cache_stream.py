"""The cache's tables as streams of Ray Data, for training workers.

A module of its own without torch: the tasks that read import it, and torch would take them longer
to load than a cache takes to read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray.data
from ray.data import Dataset

from lumbar.config import Recipe
from lumbar.domain import Condition, Family

__all__ = ["CROPS", "PICTURES", "READER_CPUS", "cache_streams", "caches_of"]

CROPS, PICTURES = "crops", "pictures"

READER_CPUS = 0.25
"""Of a worker's threads, three quarters are claimed; the rest is for the tasks that feed it, which
would else wait for ever on a machine whose cores are all taken."""


def cache_streams(recipe: Recipe) -> dict[str, Dataset | Callable[[], Dataset]]:
    """The tables that the recipe trains on, by kind, their files in the order of studies.

    Not `read_parquet`: of Ray 2.60 it lists files in a task that claims a whole core, whatever
    is asked for, and so waits for ever where the training workers have them all.
    """
    kinds = [CROPS] if recipe.locator is None else [CROPS, PICTURES]
    return {kind: _stream(_sources(recipe, kind), kind) for kind in kinds}


def caches_of(recipe: Recipe) -> list[tuple[Path, tuple[Family, ...]]]:
    """The recipe's own cache, then those of `data.more`, each with the families to keep of it.

    A family is graded from one root alone: what another one names is not kept of the recipe's own.
    """
    more = [(Path(one.cache), one.families) for one in recipe.data.more]
    elsewhere = {family for _, families in more for family in families}
    own = tuple(family for family in Family if family not in elsewhere)
    return [(recipe.cache, own), *more]


def _sources(recipe: Recipe, kind: str) -> list[tuple[Path, tuple[Family, ...]]]:
    """The caches that a kind is read from, as often as their pictures are to be seen."""
    times = [1, *(one.repeat if kind == PICTURES else 1 for one in recipe.data.more)]
    return [
        source
        for source, n in zip(caches_of(recipe), times, strict=True)
        for source in [source] * n
    ]


def _stream(caches: Sequence[tuple[Path, tuple[Family, ...]]], kind: str) -> Dataset:
    rows = [
        {"file": str(path), "families": ",".join(families)}
        for folder, families in caches
        for path in sorted((folder / kind).glob("*.parquet"))
    ]
    paths = ray.data.from_items(rows, override_num_blocks=len(rows))
    return paths.map_batches(_read, batch_size=1, num_cpus=READER_CPUS)


def _read(batch: dict[str, Any]) -> pa.Table:
    table = pq.read_table(batch["file"][0])
    if "condition" not in table.column_names:
        return table
    families = batch["families"][0].split(",")
    kept = [c.value for c in Condition if c.family.value in families]
    return table.filter(pc.is_in(table["condition"], pa.array(kept, pa.string())))
