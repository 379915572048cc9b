"""The front door's `read_study`: imaging's, which asks the classifier where headers say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lumbar.domain import View
from lumbar.grading.recognise import recognise
from lumbar.imaging import read as imaging
from lumbar.imaging.study import Study
from lumbar.imaging.studyfiles import StudyFiles

__all__ = ["read_study"]


def read_study(
    source: str | Path | StudyFiles | Sequence[str | Path],
    *,
    views: View | Mapping[str, View] | None = None,
    all_series: bool = False,
    trusted: bool = False,
) -> Study:
    """`lumbar.imaging.read_study` as jobs and the endpoint call it: bare pictures are recognised.

    torch is loaded only where a series' headers leave its view open. Raises InputError where the
    pictures are no lumbar MRI, and what imaging's raises.
    """
    return imaging.read_study(
        source, recognise=recognise, views=views, all_series=all_series, trusted=trusted
    )
