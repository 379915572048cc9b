"""How the cache's rows are shared out among training workers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from lumbar.config import DataSettings
from lumbar.domain import CELLS, Condition
from lumbar.grading.store import CROP_SCHEMA, Part, part_of
from lumbar.pipelines.shards import Foramina, LabelTally, share_of

DATA = DataSettings(calibration_share=0.2)
FORAMEN = Condition.LEFT_NEURAL_FORAMINAL_NARROWING.value
STUDIES = [str(number) for number in range(40)]


class Batches:
    """Rows in batches, as Ray Data's iterator gives them."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def iter_batches(self, *, batch_size: int, batch_format: str) -> Iterator[pa.Table]:
        for start in range(0, len(self.table), 7):
            yield self.table.slice(start, 7)


def rows(labels: int = 3) -> pa.Table:
    """A row a study and level of one condition; every fourth label is blank."""
    content = [
        {
            "study_id": study_id,
            "condition": Condition.SPINAL_CANAL_STENOSIS.value,
            "level": cell.level.value,
            "label": -1 if (number + place) % 4 == 0 else (number + place) % labels,
            "views": [1],
            "pixels": b"",
        }
        for number, study_id in enumerate(STUDIES)
        for place, cell in enumerate(CELLS[:5])
    ]
    return pa.Table.from_pylist(content, schema=CROP_SCHEMA)


def training(table: pa.Table) -> set[tuple[str, str]]:
    return {
        (row["study_id"], row["level"])
        for row in table.to_pylist()
        if part_of(row["study_id"], DATA) is Part.TRAINING
    }


@pytest.mark.parametrize("world", [1, 2, 3])
def test_workers_get_equal_and_different_training_rows(world: int) -> None:
    shares = [
        training(pa.concat_tables(share_of(Batches(rows()), DATA, rank, world)))
        for rank in range(world)
    ]
    assert len({len(share) for share in shares}) == 1
    together = set.union(*shares)
    assert len(together) == sum(map(len, shares))
    labelled = training(rows().filter(pa.compute.field("label") >= 0))
    assert together <= labelled
    assert len(labelled) - len(together) < world


def test_only_the_first_worker_keeps_patients_that_are_set_apart() -> None:
    def apart(rank: int) -> int:
        table = pa.concat_tables(share_of(Batches(rows()), DATA, rank, 2))
        return sum(part_of(s, DATA) is not Part.TRAINING for s in table["study_id"].to_pylist())

    expected = sum(5 for s in STUDIES if part_of(s, DATA) is not Part.TRAINING)
    assert (apart(0), apart(1)) == (expected, 0)


def test_the_tally_has_every_patient_but_the_held_out_ones() -> None:
    tally = LabelTally(DATA)
    share_of(Batches(rows()), DATA, 0, 4, tally.add)
    given = rows()["label"].to_numpy().reshape(len(STUDIES), 5)
    seen = [part_of(s, DATA) is not Part.HELD_OUT for s in STUDIES]
    assert 0 < sum(seen) < len(STUDIES)
    assert np.array_equal(
        tally.labels(), np.pad(given[seen], ((0, 0), (0, 20)), constant_values=-1)
    )


def test_one_worker_keeps_the_foramina_that_all_train_on() -> None:
    content = rows().to_pylist()
    half = [row | {"condition": FORAMEN} if n % 2 else row for n, row in enumerate(content)]
    table = pa.Table.from_pylist(half, schema=CROP_SCHEMA)
    foramina = Foramina(DATA)
    share_of(Batches(table), DATA, 0, 4, foramina.add)
    kept = pa.concat_tables(foramina._tables).to_pylist()
    assert kept == [
        row
        for row in half
        if row["condition"] == FORAMEN
        and row["label"] >= 0
        and part_of(row["study_id"], DATA) is Part.TRAINING
    ]
    assert len(kept) > 20
