"""Found foramina against a reader's points: distances in levels, names, and what each row costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.located import losses, places, summary, table
from lumbar.domain import CELLS, Cell, Condition, Family, Level, Severity, Side
from lumbar.errors import FormatError
from lumbar.imaging.tables import LabelPoint
from lumbar.reports.predictions import Predictions

LEVEL_PX = 40.0
LEFT = Condition.of(Family.FORAMINAL, Side.LEFT)
RIGHT = Condition.of(Family.FORAMINAL, Side.RIGHT)


@pytest.fixture
def points() -> list[LabelPoint]:
    """A reader's points: a column a side, the levels 40 px apart, the left ones on slice 3."""
    return [
        LabelPoint("1", "7", number, Cell(side, level), 100.0, 100 + LEVEL_PX * level.ordinal)
        for side, number in ((LEFT, 3), (RIGHT, 9))
        for level in Level
    ]


def row(cell: Cell, off: tuple[float, float] = (0.0, 0.0), instance: str = "3") -> dict[str, Any]:
    """A graded row of `grades.parquet`, `off` (columns, rows) in levels from the reader's point."""
    x, y = 100 + LEVEL_PX * off[0], 100 + LEVEL_PX * (cell.level.ordinal + off[1])
    return {
        "study_id": "1",
        "condition": cell.condition.value,
        "level": cell.level.value,
        "status": "graded",
        "evidence": {"series_id": "7", "instance": instance, "point_px": [x, y]},
    }


def test_a_place_tells_distance_slice_and_name(points: list[LabelPoint]) -> None:
    near, far = (
        row(Cell(LEFT, Level.L1_L2), (0.3, 0.4)),
        row(Cell(LEFT, Level.L3_L4), (0.0, 0.6), instance="4"),
    )
    first, second = places([near, far], points)
    assert (first.off, first.named_right, first.readers_slice) == (pytest.approx(0.5), True, True)
    assert (second.off, second.named_right) == (pytest.approx(0.6), False)
    assert not second.readers_slice
    assert not second.apart
    assert "2 foramina, 0.000 within a fifth of a level" in summary([first, second])


def test_rows_without_a_readers_point_do_not_count(points: list[LabelPoint]) -> None:
    unread = row(Cell(LEFT, Level.L1_L2)) | {"study_id": "2"}
    canal = row(Cell(Condition.SPINAL_CANAL_STENOSIS, Level.L1_L2))
    refused = row(Cell(LEFT, Level.L2_L3)) | {"status": "not_assessed", "evidence": None}
    assert places([unread, canal, refused], points) == []


def test_the_parts_of_the_difference_add_up(points: list[LabelPoint]) -> None:
    cells = [Cell(LEFT, level) for level in Level]
    found = places([row(cell, (0.0, 0.15 * k)) for k, cell in enumerate(cells)], points)
    truth = {"1": {cell: Severity(k % 3) for k, cell in enumerate(cells)}}
    chance = np.random.default_rng(0)

    def answers() -> Predictions:
        return Predictions(("1",), chance.random((1, len(CELLS), 3)))

    located, given = losses(answers(), truth), losses(answers(), truth)
    lines = [line.split("|")[1:-1] for line in table(found, located, given).splitlines()[2:]]
    (_, n, one, other, difference), *parts = lines
    assert int(n) == len(cells) == sum(int(part[1]) for part in parts)
    assert float(one) - float(other) == pytest.approx(float(difference), abs=2e-4)
    assert sum(float(part[4]) for part in parts) == pytest.approx(float(difference), abs=5e-4)


def test_a_loss_is_the_metrics_own(points: list[LabelPoint]) -> None:
    cell, blank = Cell(LEFT, Level.L1_L2), Cell(RIGHT, Level.L1_L2)
    answers = np.full((1, len(CELLS), 3), np.nan)
    answers[0, CELLS.index(cell)] = (1.0, 1.0, 2.0)
    loss = losses(Predictions(("1",), answers), {"1": {cell: Severity.SEVERE, blank: None}})
    assert loss == {("1", cell): (pytest.approx(4 * np.log(2)), 4.0)}
    with pytest.raises(FormatError, match="no foramen"):
        table(places([row(cell)], points), loss, {})


def test_slices_named_by_uid_are_refused(points: list[LabelPoint]) -> None:
    with pytest.raises(FormatError, match="not named by its number"):
        places([row(Cell(LEFT, Level.L1_L2), instance="1.2.3")], points)


def test_patients_named_apart_alone_have_one_line(points: list[LabelPoint]) -> None:
    (place,) = places([row(Cell(LEFT, Level.L1_L2))], points)
    assert summary([replace(place, apart=True)]).count("\n") == 0
