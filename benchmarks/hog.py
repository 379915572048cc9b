"""What gradients and grey values alone say of foramina: the bundle's second reading by itself.

python -m benchmarks.hog jobs/configs/rsna2024_t1.yaml --output runs/hog

The crops, patients and points are the network's: the recipe's cache, as jobs/train.py or
jobs/prepare.py made it. Writes the held-out fold in submission's form, an even third for each grade
where a cell has no crop.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import torch

from lumbar.config import Recipe, load_recipe, parse_overrides
from lumbar.errors import ConfigError, LumbarError
from lumbar.grading.augment import cut, plain_maps
from lumbar.grading.hog import FORAMINAL, fit_hog
from lumbar.grading.learn import Predictions
from lumbar.grading.store import CropStore, Part
from lumbar.pipelines.cache import check_cache, read_crops
from lumbar.pipelines.results import write_validation


def held_out(store: CropStore, recipe: Recipe) -> Predictions:
    """Answers for the held-out foramina, fitted on those that the bundle's reading is fitted on.

    Raises ConfigError where the store has no labelled crop to learn from or none held out.
    """
    taught = store.where(recipe.data, Part.TRAINING)
    asked = store.where(recipe.data, Part.HELD_OUT, labelled=False)
    taught, asked = (rows[store.family[rows] == FORAMINAL] for rows in (taught, asked))
    if not len(taught) or not len(asked):
        raise ConfigError("the cache holds no foraminal crop to learn from, or none held out")
    reading = fit_hog(store, taught, recipe.crops.margin, recipe.crops.size_px)
    logits = [
        reading.logits(
            cut(
                store.pictures[store.starts[part]],
                plain_maps(len(part), recipe.crops.margin),
                recipe.crops.size_px,
            ),
            store.level[part],
        )
        for part in asked.split(256)
    ]
    return Predictions(
        study_ids=tuple(store.study_ids[row] for row in asked.tolist()),
        cells=tuple(store.cells[row] for row in asked.tolist()),
        probabilities=np.asarray(torch.cat(logits).double().softmax(1).numpy()),
        labels=store.labels[asked].numpy(),
    )


def main() -> None:
    """Read the cache, fit, write."""
    arguments = ArgumentParser(prog="benchmarks.hog", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("recipe", type=Path, help="a YAML file of jobs/configs")
    arguments.add_argument("--output", type=Path, required=True, help="folder for validation.csv")
    options, overrides = arguments.parse_known_args()
    try:
        recipe = load_recipe(options.recipe, parse_overrides(overrides))
        check_cache(recipe.cache, recipe)
        answers = held_out(read_crops(recipe.cache, recipe), recipe)
        options.output.mkdir(parents=True, exist_ok=True)
        write_validation(options.output, answers, np.full((25, 3), 1 / 3))
        print(options.output / "validation.csv")
    except LumbarError as error:
        sys.exit(f"hog: {error}")


if __name__ == "__main__":
    main()
