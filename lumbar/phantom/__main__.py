"""Command line of the phantom cohort: `python -m lumbar.phantom --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lumbar.errors import LumbarError
from lumbar.phantom.cohort import write_cohort
from lumbar.phantom.sampling import Size
from lumbar.phantom.traps import TRAPS

__all__ = ["main"]

DESCRIPTION = """\
Write a synthetic lumbar MRI cohort in the layout of the RSNA 2024 challenge: DICOM files,
train.csv, label points and series descriptions, and morphology.csv with the true widths of all
25 passages and a second reader's grades. The same seed gives the same bytes."""

EXAMPLE = """\
examples:
  python -m lumbar.phantom --output runs/phantom --studies 200 --seed 7 --workers 2
  python -m lumbar.phantom --output runs/odd --studies 5 --trap rsna_uids --trap signed
  python -m lumbar.phantom --output runs/large --studies 3 --test 1 --size full

The last line printed is one JSON object: studies, files, seconds and what was asked for.
Exit code 0: written, or already there; 2: wrong arguments or a folder that holds something else."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.list_traps:
        width = max(map(len, TRAPS))
        print("\n".join(f"{name:<{width}}  {what}" for name, what in TRAPS.items()))
        return 0
    if options.output is None:
        print("error: --output is required (see --help)", file=sys.stderr)
        return 2
    try:
        report = write_cohort(
            options.output,
            options.studies,
            options.seed,
            options.size,
            options.trap,
            options.workers,
            test=options.test,
            first=options.first,
            progress=_show,
        )
    except LumbarError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(report.to_json())
    return 0


def _show(done: int, every: int) -> None:
    end = "\n" if done == every else ""
    print(f"\rphantom: {done} of {every} studies written", end=end, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lumbar.phantom",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="new folder for the cohort")
    parser.add_argument("--studies", type=int, default=10, help="labelled studies (default 10)")
    parser.add_argument("--test", type=int, default=0, help="further studies without labels")
    parser.add_argument("--seed", type=int, default=0, help="which endless cohort (default 0)")
    parser.add_argument("--first", type=int, default=0, help="index of its first study (default 0)")
    parser.add_argument(
        "--size",
        choices=list(map(str, Size)),
        default=str(Size.SMALL),
        help="small: 160-192 px, about 58 files; full: as the real files (default small)",
    )
    parser.add_argument(
        "--trap",
        action="append",
        default=[],
        metavar="NAME",
        help="what real archives do to files; may be repeated",
    )
    parser.add_argument("--list-traps", action="store_true", help="name all traps and end")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
