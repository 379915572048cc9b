"""How often the view classifier is right, each patient judged by a run that did not see them.

python jobs/evaluate_views.py jobs/configs/views.yaml --runs runs/views_0 runs/views_1 ...
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import existing_path, run

EPILOG = """\
The runs are those of jobs/train.py with one fold held out each:
  for k in 0 1 2 3 4; do
    python jobs/train.py jobs/configs/views.yaml --name views_$k --data.held_out $k \\
        --data.input DATA --views.others WHEELS --data.cache runs/views_cache
  done
Prints a table of the real slices by source (whole studies a view each), one of the pictures of
packages that nothing was trained on (lumbar.pipelines.package_pictures.TESTED_ON), and the roles
of whole studies without any description. Settings may be given as --section.field value.

example:
  python jobs/evaluate_views.py jobs/configs/views.yaml --runs runs/views_? --data.input DATA \\
      --views.others WHEELS --data.cache runs/views_cache
exit codes: 0 done, 1 failed, 2 wrong arguments, recipe or run
"""


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="evaluate_views",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("recipe", type=existing_path, help="the recipe of the runs")
    add("--runs", type=existing_path, nargs="+", required=True, help="folders of the runs")
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Judge and print; the figures as one object."""
    from lumbar.config import load_recipe, parse_overrides
    from lumbar.pipelines.judge_views import Judge, judge_packages, judge_real, judge_roles
    from lumbar.pipelines.train_views import gathered

    recipe = load_recipe(arguments.recipe, parse_overrides(arguments.overrides))
    judges = [Judge.of(folder) for folder in arguments.runs]
    real = {name: tally.row() for name, tally in judge_real(judges, gathered(recipe)).items()}
    _table("real slices of held-out patients", real)
    packages: dict[str, dict[str, Any]] = {}
    if recipe.views is not None and recipe.views.others:
        for judge in judges:
            found = judge_packages(judge, Path(recipe.views.others))
            packages[judge.run] = {name: tally.row() for name, tally in found.items()}
            _table(f"pictures of packages, judged by {judge.run}", packages[judge.run])
    roles = judge_roles(judges, Path(recipe.data.input) / "rsna_full")
    for study_id, lines in roles.items():
        print(f"\n{study_id} without descriptions", *lines, sep="\n  ")
    return {"real": real, "packages": packages, "roles": roles}


def _table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    heads = f"{'n':>6}{'right':>7}{'share':>8}{'refused':>9}{'undecided':>11}{'wrongly sure':>14}"
    print(f"\n{title}\n{'':34}{heads}  taken for")
    for name, row in rows.items():
        taken = ", ".join(f"{view} {count}" for view, count in row["taken_for"].items())
        print(
            f"{name:34}{row['pictures']:6}{row['right']:7}{row['share_right']:8.4f}"
            f"{row['refused']:9}{row['undecided']:11}{row['wrongly_sure']:14}  {taken}"
        )
    pictures, right = (sum(row[key] for row in rows.values()) for key in ("pictures", "right"))
    print(f"{'all':34}{pictures:6}{right:7}{right / max(pictures, 1):8.4f}")


if __name__ == "__main__":
    run(main, parser(), overrides=True)
