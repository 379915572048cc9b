"""Every benchmark in turn; rewrites benchmarks/RESULTS.md.

python -m benchmarks [--full]
"""

from __future__ import annotations

from benchmarks import decode, engine, preprocess
from benchmarks.pairs import print_rows
from benchmarks.results import wants_full, write_results


def main() -> None:
    """Run, print and write."""
    full = wants_full("Run every benchmark and rewrite benchmarks/RESULTS.md.")
    rows = [row for benchmark in (decode, preprocess, engine) for row in benchmark.main(full=full)]
    print_rows(rows)
    print(f"written to {write_results(rows, full=full)}")


if __name__ == "__main__":
    main()
