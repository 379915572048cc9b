"""A fair ratio: two programs run in turn (A B A B ...), the median over the pairs.

Machines differ and are noisy, so no rate is quoted, only how many times as fast ours is as the
yardstick in the same minute on the same cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

__all__ = ["Row", "compare", "print_rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, both sides in ms a piece, the ratio and its bar."""

    file: str
    case: str
    ours_ms: float
    yardstick_ms: float
    ratio: float
    """Yardstick's time over ours, the median of the pairs: above 1, ours is faster."""
    bar: float
    pairs: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        verdict = "met" if self.ratio >= self.bar else "MISSED"
        return (
            self.file,
            self.case,
            f"{self.ours_ms:.3f}",
            f"{self.yardstick_ms:.3f}",
            f"{self.ratio:.2f}",
            f">= {self.bar:g}",
            verdict,
            str(self.pairs),
        )


HEAD = ("file", "case", "ours ms", "yardstick ms", "ratio", "bar", "", "pairs")


def compare(
    file: str,
    case: str,
    ours: Callable[[], object],
    yardstick: Callable[[], object],
    *,
    pieces: int,
    pairs: int,
    bar: float,
) -> Row:
    """Run both once unmeasured, then `pairs` times in turn; each call does `pieces` pieces."""
    ours()
    yardstick()
    times = [(_seconds(ours), _seconds(yardstick)) for _ in range(pairs)]
    return Row(
        file,
        case,
        1000 * median(mine for mine, _ in times) / pieces,
        1000 * median(theirs for _, theirs in times) / pieces,
        median(theirs / mine for mine, theirs in times),
        bar,
        pairs,
    )


def print_rows(rows: list[Row]) -> None:
    """The table for a terminal."""
    lines = [HEAD, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(map(str.ljust, line, widths)).rstrip())


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
