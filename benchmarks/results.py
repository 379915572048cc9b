"""benchmarks/RESULTS.md: the table, and what one has to know to read it."""

from __future__ import annotations

import os
import platform
import subprocess
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.pairs import HEAD, Row

__all__ = ["wants_full", "write_results"]

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = (*HEAD, "size", "date", "revision")
_SIZE = COLUMNS.index("size")

Cells = tuple[str, ...]


def wants_full(description: str = "Compare with the yardstick.") -> bool:
    """Whether the command line has --full: the table's sizes and five pairs."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--full", action="store_true", help="full sizes, five pairs; else quick")
    return bool(parser.parse_args().full)


def write_results(rows: Sequence[Row], *, full: bool, path: Path | None = None) -> Path:
    """Write the rows into the table, each with its date and revision.

    A row takes the place of an older one of the same file and case, but a quick one never that of
    a full one. Rows that another machine gave go.
    """
    path = path or ROOT / "benchmarks" / "RESULTS.md"
    made = ("full" if full else "quick", f"{datetime.now(UTC):%Y-%m-%d}", _revision())
    table = {cells[:2]: cells for cells in _rows_of(path)}
    for row in rows:
        old = table.get(row.cells[:2])
        if full or old is None or old[_SIZE] != "full":
            table[row.cells[:2]] = (*row.cells, *made)
    lines = [
        "# Results",
        "",
        f"{_machine()}.",
        "",
        "Ratio: the yardstick's time over ours, median of the pairs, run in turn on one machine;",
        "above 1, ours is faster. Rows of quick sizes show that the benchmark works and are not to",
        "be quoted. Written by `make bench`; each file tells both sides' settings.",
        "",
        _line(COLUMNS),
        _line(("---",) * len(COLUMNS)),
        *(_line(table[key]) for key in sorted(table, key=lambda key: key[0])),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _rows_of(path: Path) -> list[Cells]:
    """The rows of a table that this machine wrote, none where there is no such table."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if f"{_machine()}." not in lines:
        return []
    table = [line for line in lines if line.startswith("| ")]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table[2:]]
    return [cells for cells in rows if len(cells) == len(COLUMNS)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _revision() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


def _machine() -> str:
    cpu = platform.processor() or platform.machine()
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        cpu = next(line.split(":")[1].strip() for line in info.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        pass  # not Linux, or a processor without a name
    return f"{os.cpu_count()} cores of {cpu}, Python {platform.python_version()}"
