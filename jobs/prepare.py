"""Cut the crop cache: labelled studies in, what training reads out.

python jobs/prepare.py --input DATA --labels DATA --output runs/cache --recipe jobs/configs/x.yaml
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import existing_path, run

EPILOG = """\
Decodes every study that has labels, cuts the square of each of its findings at the label point,
and the slices that the locator learns from, into Parquet shards under --output (crops/, pictures/,
points/), with cache.json (settings and counts) and failures.parquet (study_id, file, reason).
Studies without labels and labels without pictures are counted and left out. The settings are those
of --recipe's `crops` and `locator`; single ones may be given as --section.field value. With
--data.trusted true, files are decoded without the child process that a damaged one may end: faster,
for archives that were read before.

example:
  python jobs/prepare.py --input cohort --labels cohort --output runs/demo/cache \\
      --recipe jobs/configs/demo.yaml --crops.size_px 64
exit codes: 0 done, 3 done with rows in failures.parquet, 1 the job failed, 2 wrong arguments
"""

DEFAULT_RECIPE = Path(__file__).with_name("configs") / "rsna2024.yaml"


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="prepare",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("--input", type=existing_path, required=True, help="root of the images, or a manifest")
    add("--labels", type=existing_path, required=True, help="folder of the challenge's train CSVs")
    add("--output", type=Path, required=True, help="new folder for the cache")
    add(
        "--recipe",
        type=existing_path,
        default=DEFAULT_RECIPE,
        help="default: jobs/configs/rsna2024.yaml",
    )
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Prepare in a Ray session."""
    from lumbar.config import load_recipe, parse_overrides
    from lumbar.pipelines.session import ray_session

    recipe = load_recipe(arguments.recipe, parse_overrides(arguments.overrides))
    with ray_session():
        from lumbar.pipelines.prepare import prepare

        return prepare(arguments.input, arguments.labels, arguments.output, recipe).to_json()


if __name__ == "__main__":
    run(main, parser(), overrides=True)
