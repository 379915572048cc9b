"""How far located points lie from the given ones: a figure of mm, a family and a level."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lumbar.pipelines.cache import POINT_SCHEMA
from lumbar.pipelines.yardsticks import locator_error
from lumbar.reports.schema import GRADES_SCHEMA

CANAL = "spinal_canal_stenosis"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Points of three levels of one study; that of L3/L4 lies on a picture without geometry."""
    given = {"l1_l2": [0.0, 0.0, 0.0], "l2_l3": [0.0, 0.0, -35.0], "l3_l4": None}
    rows = [
        {"study_id": "7", "condition": CANAL, "level": level, "point_mm": point}
        for level, point in given.items()
    ]
    (tmp_path / "points").mkdir()
    pq.write_table(
        pa.Table.from_pylist(rows, schema=POINT_SCHEMA), tmp_path / "points" / "part-0.parquet"
    )
    return tmp_path


def grades(**points: list[float] | None) -> pa.Table:
    rows = [
        {
            "study_id": "7",
            "condition": CANAL,
            "level": level,
            "status": "graded" if point else "not_assessed",
            "reason": "",
            "level_numbering": "certain",
            "evidence": {"point_mm": point} if point else None,
        }
        for level, point in points.items()
    ]
    return pa.Table.from_pylist(rows, schema=GRADES_SCHEMA)


def test_a_located_point_is_measured_in_mm_from_the_given_one(cache: Path) -> None:
    found = locator_error(cache, grades(l1_l2=[3.0, 4.0, 0.0], l2_l3=[0.0, 1.0, -35.0]))
    assert found["canal"]["levels"] == {"l1_l2": 5.0, "l2_l3": 1.0}
    assert (found["canal"]["n"], found["canal"]["median"]) == (2, 3.0)


def test_points_that_are_missing_on_one_side_are_not_counted(cache: Path) -> None:
    found = locator_error(cache, grades(l1_l2=None, l2_l3=[0.0, 0.0, -33.0], l3_l4=[0.0] * 3))
    assert found["canal"]["levels"] == {"l2_l3": 2.0}
    assert found.keys() == {"canal"}
