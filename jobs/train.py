"""Train a bundle as a recipe says: locator and grader, checkpoints, held-out figures.

python jobs/train.py jobs/configs/demo.yaml --grader.epochs 3
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import existing_path, run

EPILOG = """\
Reads the crop cache that jobs/prepare.py wrote (data.cache, default runs/<name>/cache; where there
is none and the recipe names data.input, it is made first) and writes runs/<name>/
  bundle/          what jobs/score.py and the server grade with
  history.jsonl    one record an epoch: losses, accuracy, seconds
  validation.csv   the held-out fold at given points, in submission's form
With data.input and a locator, the bundle then learns which slice to grade a foramen on, as
jobs/choose.py does.
A recipe with a `views` section trains the classifier of bare pictures instead, and writes
  views.safetensors, views.json    its weights and card, history.jsonl
One with a `whole` section trains the network over whole slices that ours is compared with, and
writes history.jsonl and validation.csv.
A run that was killed goes on from its last checkpoint when it is started again under its name.
Any setting of the recipe may be given as --section.field value.

examples:
  python jobs/train.py jobs/configs/rsna2024_t1.yaml --data.input DIR --data.labels DIR
  python jobs/train.py jobs/configs/rsna2024.yaml --workers.workers 4 --name four_gpus
exit codes: 0 done (studies that could not be read are in the cache's failures.parquet), 1 training
failed, 2 wrong arguments, recipe or cache
"""


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="train",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    arguments.add_argument("recipe", type=existing_path, help="a YAML file of jobs/configs")
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Prepare where there is no cache yet, train, in one Ray session; views and whole need none."""
    from lumbar.config import load_recipe, parse_overrides
    from lumbar.pipelines.session import ray_session

    recipe = load_recipe(arguments.recipe, parse_overrides(arguments.overrides))
    if recipe.views is not None:
        from lumbar.pipelines.train_views import train_views

        return train_views(recipe)
    if recipe.whole is not None:
        from lumbar.pipelines.train_whole import train_whole

        return train_whole(recipe)
    with ray_session(worker_output=False):
        from lumbar.pipelines.choose import choose_if_missing
        from lumbar.pipelines.prepare import prepare_if_missing
        from lumbar.pipelines.train import train

        prepare_if_missing(recipe)
        trained = train(recipe)
        return {**trained, **choose_if_missing(recipe)}


if __name__ == "__main__":
    run(main, parser(), overrides=True)
