"""`import lumbar` is light, and what it exports is this list and no more."""

from __future__ import annotations

import subprocess
import sys

import lumbar

EXPORTED = {
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
}


def test_the_exported_names_are_these() -> None:
    assert set(lumbar.__all__) == EXPORTED
    assert all(getattr(lumbar, name) is not None for name in EXPORTED)


def test_importing_lumbar_loads_nothing_heavy() -> None:
    code = "import sys, lumbar, lumbar.imaging; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert not loaded & {"torch", "ray", "pandas", "matplotlib", "sklearn"}
