"""selftest.json: a phantom that is made from its seed, and the 25 rows that a bundle gives for it.

python -m lumbar.pipelines.selftest [BUNDLE] [--renew]

Readiness means that the bundle on this machine still gives them: weights that do not fit the code,
a library that computes otherwise, or a damaged file show here before a patient's study does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lumbar.domain import CELLS, StudyGrades
from lumbar.errors import BundleError
from lumbar.grading.bundle import Bundle
from lumbar.grading.bundle_changes import replace_selftest
from lumbar.grading.bundle_files import SELFTEST
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.shipped import STARTER
from lumbar.imaging.find import find_studies
from lumbar.imaging.read import read_study
from lumbar.imaging.tables import read_label_points
from lumbar.phantom.cohort import write_cohort
from lumbar.reports.schema import grades_table

__all__ = ["main", "make_selftest", "run_selftest"]

SCHEMA_VERSION = 1
SEED, SIZE = 20_240, "small"
TOLERANCE = 0.02
"""Largest difference of a probability: other CPUs and bf16 round otherwise, by less than this."""

COMPARED = ("p_normal_mild", "p_moderate", "p_severe")


def make_selftest(bundle: Path, *, given_points: bool) -> dict[str, Any]:
    """Content of selftest.json: grade the phantom with a bundle just written.

    With `given_points` the phantom's own landmarks are used (a bundle without a locator).
    """
    phantom = {"seed": SEED, "index": 0, "size": SIZE}
    grader = Grader.from_bundle(bundle, device="cpu", engine="torch")
    rows = _rows(_graded(grader, phantom, given_points))
    return {
        "schema_version": SCHEMA_VERSION,
        "phantom": phantom,
        "points": "given" if given_points else "located",
        "tolerance": TOLERANCE,
        "rows": rows,
    }


def run_selftest(grader: Grader) -> float:
    """Grade the phantom of the bundle's selftest.json again; the largest difference found.

    Raises BundleError where there is no selftest.json that can be used, and where a status
    differs or a probability by more than the tolerance, naming the finding.
    """
    path = grader.bundle.path / SELFTEST
    try:
        expected = json.loads(path.read_text(encoding="utf-8"))
        phantom, tolerance = expected["phantom"], float(expected["tolerance"])
        given, rows = expected["points"] == "given", expected["rows"]
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"{path}: cannot be used ({error}); train the bundle again") from None
    if expected.get("schema_version") != SCHEMA_VERSION or len(rows) != len(CELLS):
        raise BundleError(
            f"{path}: schema_version {expected.get('schema_version')}, {len(rows)} rows; this "
            f"release knows {SCHEMA_VERSION} with {len(CELLS)} rows"
        )
    found = _rows(_graded(grader, phantom, given))
    return max(
        _difference(one, other, tolerance, path) for one, other in zip(rows, found, strict=True)
    )


def _difference(
    expected: Mapping[str, Any], found: Mapping[str, Any], tolerance: float, path: Path
) -> float:
    name = f"{found['condition']} {found['level']}"
    if any(expected.get(key) != found[key] for key in ("condition", "level", "status")):
        raise BundleError(
            f"{path}: {name} is {found['status']}, expected {expected.get('status')}; the bundle "
            "does not fit this release: use the one that trained it, or train again"
        )
    pairs = [(expected[key], found[key]) for key in COMPARED if found[key] is not None]
    worst = max((abs(a - b) for a, b in pairs), default=0.0)
    if not worst <= tolerance:
        raise BundleError(
            f"{path}: {name} differs by {worst:.4f}, more than {tolerance}; the bundle does not "
            "fit this release or this machine computes otherwise"
        )
    return worst


def _graded(grader: Grader, phantom: Mapping[str, Any], given_points: bool) -> StudyGrades:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "phantom"
        write_cohort(root, 1, phantom["seed"], phantom["size"], first=phantom["index"])
        study = read_study(next(iter(find_studies(root))), trusted=True)
        points = read_label_points(root / "train_label_coordinates.csv")
    if not given_points:
        return grader.grade(study)
    return grader.grade_at(study, Landmarks.of_labels(study, points))


def _rows(grades: StudyGrades) -> list[dict[str, Any]]:
    kept = ["condition", "level", "status", *COMPARED]
    return list(grades_table([grades]).select(kept).to_pylist())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a bundle's self-test and print its difference; 0 if passed or renewed, 1 if not."""
    parser = ArgumentParser(prog="python -m lumbar.pipelines.selftest", description=__doc__)
    parser.add_argument("bundle", type=Path, nargs="?", default=STARTER, help="the shipped one")
    renew = "write selftest.json anew: after a change of the code that is meant to change grades"
    parser.add_argument("--renew", action="store_true", help=renew)
    options = parser.parse_args(arguments)
    try:
        bundle = Bundle.load(options.bundle)
        if options.renew:
            given = bundle.config.locator is None
            replace_selftest(bundle, make_selftest(bundle.path, given_points=given))
        difference = run_selftest(Grader(bundle))
    except BundleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"bundle": bundle.name, "largest_difference": difference}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
