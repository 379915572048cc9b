"""The whole line on synthetic patients: cohort, index, prepare, train, score, evaluate, report.

python jobs/demo.py --recipe jobs/configs/demo.yaml
"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import existing_path, run

EPILOG = """\
Writes runs/<name>/ with bundle/, grades.parquet and submission.csv (the held-out phantoms, at
levels that the bundle located), metrics.json and report.html. metrics.json holds, beside ours,
balanced_accuracy_baseline (logistic regression on intensity statistics at the true points),
balanced_accuracy_oracle (the best possible, from the true widths) and score_prior.
A demo that was stopped goes on where it was. It says nothing about patients.

examples:
  python jobs/demo.py
  python jobs/demo.py --recipe jobs/configs/demo_full.yaml
  python jobs/demo.py --fresh --phantom.studies 60 --grader.epochs 2
exit codes: 0 done, 1 a step failed, 2 wrong arguments or recipe
"""

DEFAULT_RECIPE = Path(__file__).with_name("configs") / "demo.yaml"


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="demo",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add(
        "--recipe",
        type=existing_path,
        default=DEFAULT_RECIPE,
        help="default: jobs/configs/demo.yaml",
    )
    add("--fresh", action="store_true", help="remove runs/<name> first and start over")
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Run the demo in one Ray session and say where everything is."""
    from lumbar.config import load_recipe, parse_overrides
    from lumbar.pipelines.session import ray_session

    recipe = load_recipe(arguments.recipe, parse_overrides(arguments.overrides))
    if arguments.fresh:
        shutil.rmtree(recipe.folder, ignore_errors=True)
    with ray_session(worker_output=False):
        from lumbar.pipelines.demo import demo

        result = demo(recipe)
    for name, path in result["files"].items():
        print(f"{name:<20} {path}")
    return result


if __name__ == "__main__":
    run(main, parser(), overrides=True)
