"""Grades above the likeliest one: what the tilted rule does (`lumbar.grading.rules`), in words.

A reader who sees "Severe, 23 %" beside "Moderate, 44 %" has to be told why, where it stands.
"""

from __future__ import annotations

from lumbar.domain import Severity

__all__ = ["WEIGHED", "likelier"]

WEIGHED = "the model's rule counts Moderate twice and Severe four times, to miss fewer of them"


def likelier(
    severity: Severity | None, probabilities: tuple[float, float, float] | None
) -> Severity | None:
    """The likeliest grade where another one was given, else None; of equal shares the milder."""
    if severity is None or probabilities is None:
        return None
    likeliest = Severity(max(range(3), key=probabilities.__getitem__))
    return None if likeliest is severity else likeliest
