"""Bundles that come to the same grades of every scan, told by level.

The locator is the one that ships. A level's bias in the grader, which is random, outweighs all that
it sees, so that a test knows what the page has to show.
"""

from __future__ import annotations

from pathlib import Path

import torch
from bundles import small_recipe, untrained

from lumbar.domain import Level, Severity
from lumbar.grading.bundle import Bundle, write_bundle
from lumbar.pipelines.selftest import make_selftest


def bundle_saying(folder: Path, said: dict[Level, Severity]) -> Bundle:
    """A bundle that gives every finding of a level the severity `said`, else Normal/Mild."""
    learned = untrained()
    with torch.no_grad():
        for level in Level:
            severity = said.get(level, Severity.NORMAL_MILD)
            learned.grader.level_bias[:, level.ordinal, severity] = 8.0
    return write_bundle(
        folder / "bundle",
        small_recipe("said"),
        learned,
        {"trained_on": "nothing"},
        lambda draft: make_selftest(draft, given_points=False),
    )
