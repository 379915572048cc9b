"""Grades a lumbar spine MRI as the RSNA 2024 challenge defined it: 25 findings a study.

    import lumbar

    study = lumbar.read_study("study.zip")
    grades = lumbar.Grader.from_bundle("runs/demo/bundle").grade(study)

Nothing is imported before it is used (PEP 562): torch only with the Grader, Ray never from here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lumbar.domain import (
        CELLS,
        Cell,
        Condition,
        Finding,
        Level,
        Severity,
        Side,
        StudyGrades,
        View,
    )
    from lumbar.errors import LumbarError
    from lumbar.grading.grader import Grader
    from lumbar.grading.read import read_study
    from lumbar.imaging.study import Study

__all__ = [
    "CELLS",
    "Cell",
    "Condition",
    "Finding",
    "Grader",
    "Level",
    "LumbarError",
    "Severity",
    "Side",
    "Study",
    "StudyGrades",
    "View",
    "read_study",
]

_HOMES = {
    "Grader": "lumbar.grading.grader",
    "LumbarError": "lumbar.errors",
    "Study": "lumbar.imaging.study",
    "read_study": "lumbar.grading.read",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use."""
    if name not in __all__:
        raise AttributeError(f"module 'lumbar' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "lumbar.domain")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
