"""Try every combination of a grid of settings and rank them.

python jobs/tune.py jobs/configs/grid.yaml
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import at_least, existing_path, run

EPILOG = """\
RECIPE is a grid (lists of the grader's settings and the `base` recipe that they change), or a
recipe to which the lists of jobs/configs/grid.yaml are applied. Trains each trial on the recipe's
crop cache and writes runs/<name>/grid/leaderboard.csv, best first by the loss on the calibration
patients, with the held-out fold's figures and the majority's beside them. A trial that fails is a
row with its error. Any setting of the recipe may be given as --section.field value.

examples:
  python jobs/tune.py jobs/configs/grid.yaml
  python jobs/tune.py jobs/configs/rsna2024_t1.yaml --data.calibration_share 0.1
  python jobs/tune.py jobs/configs/grid.yaml --trials 2 --scale-epochs 0.02
exit codes: 0 done, 3 done but trials failed, 1 the job failed, 2 wrong arguments or recipe
"""

GRID = Path(__file__).with_name("configs") / "grid.yaml"


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="tune",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("recipe", type=existing_path, help="a grid or a recipe of jobs/configs")
    add("--grid", type=existing_path, default=GRID, help="the lists, where RECIPE is a recipe")
    add("--trials", type=at_least(1), help="run only this many of the trials, from the first")
    add("--scale-epochs", type=float, default=1.0, help="shorten every trial by this factor")
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Expand the grid, prepare where there is no cache yet, run the trials in one Ray session."""
    from lumbar.config import parse_overrides
    from lumbar.pipelines.grid import is_grid, load_grid
    from lumbar.pipelines.session import ray_session

    given: Path = arguments.recipe
    grid = load_grid(given) if is_grid(given) else load_grid(arguments.grid, base=given)
    trials = grid.trials(parse_overrides(arguments.overrides), arguments.scale_epochs)
    print(f"tune: {len(trials)} trials in the grid", flush=True)
    with ray_session(worker_output=False):
        from lumbar.pipelines.prepare import prepare_if_missing
        from lumbar.pipelines.tune import run_grid

        recipe = trials[0].recipe
        prepare_if_missing(recipe)
        return run_grid(trials[: arguments.trials], recipe.folder / "grid")


if __name__ == "__main__":
    run(main, parser(), overrides=True)
