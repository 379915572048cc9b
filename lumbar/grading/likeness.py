"""Whether a series looks like a lumbar MRI at all: asked before the locator searches one.

Headers and tables say what a series is meant to be. A head that is filed under "T2" has maxima in
the heat maps too, and its crops would be graded as confidently as a spine's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lumbar.grading.recognise import recognise
from lumbar.imaging.look import NO_LUMBAR_MR
from lumbar.imaging.resample import frame_of
from lumbar.imaging.study import Instance, Series, Study

__all__ = ["looks_foreign", "without_foreign"]

ASKED = 7
"""Slices asked about at most, beside the middle one. One that looks like a lumbar MRI is enough to
go on: single slices of patients that the classifier never saw are taken for something else too
often (docs/views.md)."""


def looks_foreign(series: Series) -> bool:
    """Whether every one of up to eight slices, spread over the series, looks like no lumbar MRI.

    Empty slices have no say, nor has a series of nothing else. torch is loaded at the first call.
    """
    if not len(series):
        return False  # no picture of it could be decoded
    middle = len(series) // 2
    spread = np.linspace(0, len(series) - 1, ASKED + 2).round().astype(int)[1:-1]
    asked = sorted({middle, *spread.tolist()}, key=lambda index: abs(index - middle))
    seen = [series.instances[index] for index in asked if _has_contrast(series.instances[index])]
    return bool(seen) and all(_foreign(instance) for instance in seen)


def without_foreign(study: Study) -> Study:
    """The study without the series of a view that do not look like a lumbar MRI."""
    kept = tuple(one for one in study.series if one.view is None or not looks_foreign(one))
    return study if len(kept) == len(study.series) else replace(study, series=kept)


def _has_contrast(instance: Instance) -> bool:
    return bool(np.isfinite(instance.pixels).all() and np.ptp(instance.pixels) > 0)


def _foreign(instance: Instance) -> bool:
    hung = frame_of(instance.plane).turn(instance.pixels)
    return recognise(hung).other >= NO_LUMBAR_MR
