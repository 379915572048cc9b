"""Synthetic lumbar studies in the exact layout of the RSNA challenge.

`make_study` gives one in memory, `write_cohort` writes a folder of them; `TRAPS` names what real
archives do to files. Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lumbar.phantom.cohort import CohortReport, write_cohort
    from lumbar.phantom.make import make_study
    from lumbar.phantom.morphology import Morphology
    from lumbar.phantom.oracle import oracle_probabilities
    from lumbar.phantom.sampling import Size
    from lumbar.phantom.study import LabelPoint, PhantomSeries, PhantomSlice, PhantomStudy
    from lumbar.phantom.traps import TRAPS
    from lumbar.phantom.write import zip_study

__all__ = [
    "TRAPS",
    "CohortReport",
    "LabelPoint",
    "Morphology",
    "PhantomSeries",
    "PhantomSlice",
    "PhantomStudy",
    "Size",
    "make_study",
    "oracle_probabilities",
    "write_cohort",
    "zip_study",
]

_HOMES = {
    "TRAPS": "traps",
    "CohortReport": "cohort",
    "LabelPoint": "study",
    "Morphology": "morphology",
    "PhantomSeries": "study",
    "PhantomSlice": "study",
    "PhantomStudy": "study",
    "Size": "sampling",
    "make_study": "make",
    "oracle_probabilities": "oracle",
    "write_cohort": "cohort",
    "zip_study": "write",
}


def __getattr__(name: str) -> Any:
    """Imports a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
