"""What became of files in the killable child process, and a table of it.

Apart from the command that prints it, because a child imports what it is to call by name.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from lumbar.errors import InputError
from lumbar.imaging import decode_instances
from lumbar.imaging.pieces import Piece, answers

__all__ = ["Outcome", "outcomes", "print_table"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: `kind` is decoded, refused, lost or escaped.

    `peak_mib` is the most memory that the child has held so far, this file included.
    """

    name: str
    kind: str
    reason: str = ""
    seconds: float = 0.0
    peak_mib: float = 0.0


def outcomes(named: Iterable[tuple[str, bytes]]) -> list[Outcome]:
    """What becomes of each file in a child process."""
    pieces = [Piece(name, data) for name, data in named]
    found = zip(pieces, answers(_outcome, pieces), strict=True)
    return [
        Outcome(piece.source, "lost", str(answer)) if isinstance(answer, InputError) else answer
        for piece, answer in found
    ]


def _outcome(data: bytes, name: str, _: object) -> Outcome:
    """In the child: one file decoded, timed, and whatever is raised given its kind."""
    began = time.perf_counter()
    kind, reason = "decoded", ""
    try:
        for instance in decode_instances(data, name):
            if instance.pixels.dtype != np.float32 or not np.isfinite(instance.pixels).all():
                kind, reason = "escaped", "pixels that are no finite float32"
    except InputError as error:
        kind, reason = "refused", str(error)
        if not reason.startswith(f"{name}: "):
            kind = "escaped"
    except MemoryError:
        raise
    except Exception as error:
        kind, reason = "escaped", f"{type(error).__name__}: {error}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Outcome(name, kind, reason, time.perf_counter() - began, peak)


def print_table(title: str, found: Mapping[str, list[Outcome]]) -> None:
    """One line a syntax and one for all."""
    head = ("transfer syntax", "files", "decoded", "refused", "lost", "escaped", "slowest s", "MiB")
    lines = [head, *(_line(name, rows) for name, rows in found.items())]
    lines.append(_line("all", [outcome for rows in found.values() for outcome in rows]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(map(str.ljust, line, widths)).rstrip())


def _line(name: str, rows: list[Outcome]) -> tuple[str, ...]:
    kinds = ("decoded", "refused", "lost", "escaped")
    counts = [sum(outcome.kind == kind for outcome in rows) for kind in kinds]
    slowest = max((outcome.seconds for outcome in rows), default=0.0)
    peak = max((outcome.peak_mib for outcome in rows), default=0.0)
    return name, str(len(rows)), *map(str, counts), f"{slowest:.2f}", f"{peak:.0f}"
