"""Two graded studies, one of them with a finding that was not assessed."""

from __future__ import annotations

import numpy as np
import pytest

from lumbar.domain import (
    CELLS,
    Basis,
    Cell,
    Evidence,
    Finding,
    LevelNumbering,
    Severity,
    Status,
    StudyGrades,
)

NOT_ASSESSED = CELLS[17]


def graded(cell: Cell, shares: np.ndarray) -> Finding:
    return Finding(
        cell,
        Status.GRADED,
        "graded on the slice nearest to the point",
        Severity(int(np.argmax(shares))),
        (float(shares[0]), float(shares[1]), float(shares[2])),
        Basis.SYNTHETIC,
        Evidence(
            view=cell.condition.family.view,
            series_id="1.2.3",
            instance="7",
            point_px=(101.5, 88.25),
            point_mm=None if cell.condition.side is None else (1.5, -20.0, 33.0),
            field_mm=48.0,
            confidence=0.9,
        ),
    )


@pytest.fixture
def grades() -> list[StudyGrades]:
    generator = np.random.default_rng(11)
    studies = []
    for study_id in ("100", "1.2.840.99"):
        findings = [graded(cell, generator.dirichlet([2, 1, 1])) for cell in CELLS]
        studies.append(StudyGrades(study_id, tuple(findings), LevelNumbering.CERTAIN, "demo"))
    findings = list(studies[1].findings)
    findings[17] = Finding.not_assessed(NOT_ASSESSED, "no axial series")
    studies[1] = StudyGrades("1.2.840.99", tuple(findings), LevelNumbering.UNCERTAIN, "demo")
    return studies
