"""Out-of-fold predictions of several trainings as one file that jobs/evaluate.py reads.

python -m benchmarks.oof runs/foraminal_7/validation.csv runs/foraminal_8/validation.csv \
    --output benchmarks/oof_foraminal.csv.gz

Trainings of the same fold (other seeds) are averaged, of other folds put beside each other. A study
that fewer of them predicted than another is refused: its mean would be of another kind.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import CELLS
from lumbar.errors import FormatError, LumbarError
from lumbar.grading.rules import tilt, untilt
from lumbar.reports.submission import COLUMNS, read_submission

DIGITS = 5
"""After the point: the score does not change in its first four."""


def mean_of(paths: Sequence[Path]) -> dict[str, NDArray[np.float64]]:
    """Each study's mean of the files that hold it, `[25, 3]`, weighted as in a submission.

    Raises FormatError where the files hold studies a different number of times.
    """
    shares = defaultdict(list)
    for path in paths:
        for study_id, weighted in zip(*read_submission(path), strict=True):
            shares[study_id].append(untilt(weighted))
    counts = {len(found) for found in shares.values()}
    if len(counts) > 1:
        raise FormatError(
            f"some studies are in {min(counts)} of the files, others in {max(counts)}"
        )
    return {study_id: tilt(np.mean(found, axis=0)) for study_id, found in sorted(shares.items())}


def write(means: dict[str, NDArray[np.float64]], path: Path) -> str:
    """Write a gzipped submission, the same bytes for the same means; its sha256."""
    lines = [",".join(COLUMNS)]
    for study_id, rows in means.items():
        for cell, row in zip(CELLS, rows, strict=True):
            lines.append(
                ",".join([cell.row_id(study_id), *(f"{share:.{DIGITS}f}" for share in row)])
            )
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write("\n".join([*lines, ""]).encode())
    path.write_bytes(buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def main() -> None:
    """Read, average, write, say what was written."""
    arguments = ArgumentParser(prog="benchmarks.oof", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("predictions", type=Path, nargs="+", help="validation.csv of trainings")
    arguments.add_argument("--output", type=Path, required=True, help="a .csv.gz")
    options = arguments.parse_args()
    try:
        means = mean_of(options.predictions)
        print(f"{len(means)} studies, sha256 {write(means, options.output)}: {options.output}")
    except LumbarError as error:
        sys.exit(f"oof: {error}")


if __name__ == "__main__":
    main()
