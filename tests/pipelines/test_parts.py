"""What a scoring run keeps while it runs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from lumbar.domain import CELLS, Finding, LevelNumbering, StudyGrades
from lumbar.pipelines.failures import Failure
from lumbar.pipelines.parts import STUDIES_A_PART, Parts, Scored
from lumbar.reports.schema import grades_table


def scored(study_id: str) -> Scored:
    findings = tuple(Finding.not_assessed(cell, f"of {study_id}") for cell in CELLS)
    grades = StudyGrades(study_id, findings, LevelNumbering.CERTAIN, "bundle")
    return Scored(study_id, grades_table([grades]), (), {"read": 0.5})


def test_results_come_back_sorted_by_study(tmp_path: Path) -> None:
    failed = Scored("2", None, (Failure("2", "2/1.dcm", "truncated"),), {})
    with Parts(tmp_path) as parts:
        for result in (scored("3"), failed, scored("1")):
            parts.add(result)
    found = Parts(tmp_path).read()
    assert [one.study_id for one in found] == ["1", "2", "3"]
    assert found[1].grades is None
    assert found[1].failures == failed.failures
    assert isinstance(found[2].grades, pa.Table)
    assert set(found[2].grades["reason"].to_pylist()) == {"of 3"}


def test_a_run_that_died_keeps_the_parts_that_were_full(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    for number in range(STUDIES_A_PART + 3):  # and then the process dies
        parts.add(scored(f"{number:04d}"))
    assert len(Parts(tmp_path).done) == STUDIES_A_PART
    with Parts(tmp_path) as again:
        again.add(scored("last"))
    assert len(Parts(tmp_path).read()) == STUDIES_A_PART + 1
