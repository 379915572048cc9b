"""Measure predictions against the readers' grades.

python jobs/evaluate.py --predictions submission.csv --truth train.csv --output runs/evaluation
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import existing_path, run
from lumbar.domain import Family
from lumbar.grading.rules import Rule

EPILOG = """\
Writes metrics.json into --output: the challenge's score with its four terms, accuracy with the
majority's beside it, balanced accuracy, kappa, counts, confusion matrices, per family, condition,
level and study. A submission.csv holds p x (1, 2, 4) normalised, a grades.parquet calibrated p;
the score is made of the former either way, and cells not assessed only lower the coverage.

example:
  python jobs/evaluate.py --predictions runs/demo/grades.parquet --truth cohort/train.csv \\
      --output runs/demo --rule untilted
exit codes: 0 done, 1 a file cannot be used, 2 wrong arguments
"""


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="evaluate",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add(
        "--predictions",
        type=existing_path,
        required=True,
        help="submission.csv[.gz] or grades.parquet",
    )
    add(
        "--truth", type=existing_path, required=True, help="train.csv[.gz]: study_id and 25 columns"
    )
    add("--output", type=Path, required=True, help="folder for metrics.json")
    add(
        "--rule",
        choices=[rule.value for rule in Rule],
        default=Rule.TILTED.value,
        help="grade = argmax of p x (1, 2, 4) (tilted, the default) or of p (untilted)",
    )
    add(
        "--families",
        nargs="+",
        choices=[family.value for family in Family],
        default=[family.value for family in Family],
        help="only these findings, where the file holds nothing but the prior for others",
    )
    add(
        "--prior",
        type=existing_path,
        help="labels of the training part (a train.csv): adds score_prior, the score of always "
        "answering their weighted share",
    )
    add(
        "--cache",
        type=existing_path,
        help="folder that jobs/prepare.py wrote of the same studies: adds locator_error_mm, how "
        "far the points of a grades.parquet lie from the given ones",
    )
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Read both sides, evaluate, write metrics.json, print the table."""
    from lumbar.grading.metrics import label_array, weighted_prior
    from lumbar.imaging.tables import read_labels
    from lumbar.pipelines.evaluate import evaluate, write_metrics
    from lumbar.pipelines.yardsticks import locator_error
    from lumbar.reports.predictions import read_predictions
    from lumbar.reports.schema import read_grades
    from lumbar.reports.tables import metrics_table

    predictions = read_predictions(arguments.predictions)
    prior = None
    if arguments.prior:
        labels = read_labels(arguments.prior)
        prior = weighted_prior(label_array(labels, list(labels)))
    families = [Family(name) for name in arguments.families]
    truth, rule = read_labels(arguments.truth), Rule(arguments.rule)
    metrics = evaluate(predictions, truth, rule, prior, families)
    if arguments.cache:
        metrics["locator_error_mm"] = locator_error(
            arguments.cache, read_grades(arguments.predictions)
        )
    path = write_metrics(metrics, arguments.output)
    print(f"{metrics_table(metrics)}\n\nwritten to {path}\n")
    return metrics


if __name__ == "__main__":
    run(main, parser())
