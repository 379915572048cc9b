"""The benchmarks in turn, and their rows in benchmarks/RESULTS.md; one at a time where named.

python -m benchmarks [--full] [NAME ...]
"""

from __future__ import annotations

from argparse import ArgumentParser
from importlib import import_module

from benchmarks.pairs import print_rows
from benchmarks.results import write_results

NAMES = ("decode", "preprocess", "engine", "serve")


def main() -> None:
    """Run, print and write; what is done is written before the next one begins."""
    parser = ArgumentParser(description="Run benchmarks and write their rows into RESULTS.md.")
    parser.add_argument("--full", action="store_true", help="full sizes, five pairs; else quick")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; else all")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in chosen.names or NAMES:
        rows = import_module(f"benchmarks.{name}").main(full=chosen.full)
        print_rows(rows)
        print(f"written to {write_results(rows, full=chosen.full)}")


if __name__ == "__main__":
    main()
