"""The table of benchmarks: what a further run leaves standing and what it replaces."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pairs import Row
from benchmarks.results import write_results


def row(file: str, case: str, ratio: float) -> Row:
    return Row(file, case, 1.0, ratio, ratio, 0.95, 5)


def table(path: Path) -> list[list[str]]:
    lines = [line for line in path.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_a_row_takes_the_place_of_its_older_one_and_leaves_the_others(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write_results([row("serve.py", "one client", 1.1)], full=True, path=path)
    write_results([row("decode.py", "RLE", 1.2)], full=False, path=path)
    write_results([row("decode.py", "RLE", 1.3)], full=True, path=path)
    assert [(r[0], r[4], r[8]) for r in table(path)] == [
        ("decode.py", "1.30", "full"),
        ("serve.py", "1.10", "full"),
    ]


def test_a_quick_row_takes_no_full_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write_results([row("decode.py", "RLE", 1.3)], full=True, path=path)
    write_results([row("decode.py", "RLE", 0.4)], full=False, path=path)
    assert table(path)[0][4] == "1.30"


def test_rows_of_another_machine_go(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write_results([row("decode.py", "RLE", 1.3)], full=True, path=path)
    path.write_text(path.read_text().replace("Python 3.", "Python 2."))
    write_results([row("decode.py", "deflated", 1.1)], full=True, path=path)
    assert [r[1] for r in table(path)] == ["deflated"]
