"""What shape alone says: histograms of oriented gradients and a logistic regression.

python -m benchmarks.hog jobs/configs/rsna2024_t1.yaml --output runs/hog

The crops, patients and points are the network's: the recipe's cache, as jobs/train.py or
jobs/prepare.py made it. Writes the held-out fold in submission's form, an even third for each grade
where a cell has no crop. Gradients as in Dalal and Triggs, CVPR 2005.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

from lumbar.config import Recipe, load_recipe, parse_overrides
from lumbar.domain import Family, Level
from lumbar.errors import ConfigError, LumbarError
from lumbar.grading.augment import cut, plain_maps
from lumbar.grading.learn import Predictions
from lumbar.grading.networks import standardise
from lumbar.grading.store import CropStore, Part
from lumbar.pipelines.cache import check_cache, read_crops
from lumbar.pipelines.results import write_validation

CELL_PX, CELLS_A_SIDE, DIRECTIONS, GREY = 8, 7, 8, 14
"""A cell's edge, cells along a crop's edge, directions a half turn, coarse grey values an edge."""


def held_out(store: CropStore, recipe: Recipe, family: Family) -> Predictions:
    """Answers for a family's held-out cells, fitted on all others; each finding's first picture.

    Raises ConfigError where the store has no labelled crop to learn from or none held out.
    """
    mine = store.family == list(Family).index(family)
    taught = store.where(recipe.data, Part.TRAINING, Part.CALIBRATION)
    asked = store.where(recipe.data, Part.HELD_OUT, labelled=False)
    taught, asked = taught[mine[taught]], asked[mine[asked]]
    if not len(taught) or not len(asked):
        raise ConfigError(f"the cache holds no {family} crop to learn from, or none held out")
    known, wanted = (_features(store, rows, recipe) for rows in (taught, asked))
    return Predictions(
        study_ids=tuple(store.study_ids[row] for row in asked.tolist()),
        cells=tuple(store.cells[row] for row in asked.tolist()),
        probabilities=_fit_and_ask(known, store.labels[taught].numpy(), wanted),
        labels=store.labels[asked].numpy(),
    )


def gradients(pictures: Tensor) -> Tensor:
    """Block-normalised histograms `[n, 1152]` of pictures `[n, 1, 56, 56]`."""
    across = functional.pad(pictures, (1, 1, 0, 0), mode="replicate")
    down = functional.pad(pictures, (0, 0, 1, 1), mode="replicate")
    dx = across[:, 0, :, 2:] - across[:, 0, :, :-2]
    dy = down[:, 0, 2:] - down[:, 0, :-2]
    angle = torch.atan2(dy, dx) % torch.pi * (DIRECTIONS / torch.pi)
    lower = angle.floor()
    votes = torch.zeros(len(pictures), DIRECTIONS, *dx.shape[1:])
    strength = torch.hypot(dx, dy)
    for direction, share in ((lower, 1 - angle + lower), (lower + 1, angle - lower)):
        votes.scatter_add_(1, (direction.long() % DIRECTIONS)[:, None], (strength * share)[:, None])
    cells = functional.avg_pool2d(votes, CELL_PX)
    blocks = functional.unfold(cells, 2)  # [n, 8 * 4, 36]
    return functional.normalize(blocks, dim=1).flatten(1)


def _features(store: CropStore, rows: Tensor, recipe: Recipe) -> NDArray[np.float64]:
    """Gradients, coarse grey values and the level as one-hot."""
    edge = CELL_PX * CELLS_A_SIDE
    pictures = store.pictures[store.starts[rows], 1:2]  # the slice itself, without its neighbours
    shown = torch.cat(
        [
            cut(part, plain_maps(len(part), recipe.crops.margin), edge)
            for part in pictures.split(512)
        ]
    )
    shown = standardise(shown)
    grey = functional.adaptive_avg_pool2d(shown, GREY).flatten(1)
    levels = functional.one_hot(store.level[rows], len(Level))
    features: NDArray[np.float64] = torch.cat([gradients(shown), grey, levels], 1).double().numpy()
    return features


def _fit_and_ask(
    features: NDArray[np.float64], labels: NDArray[np.int64], asked: NDArray[np.float64]
) -> NDArray[np.float64]:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, max_iter=500))
    model.fit(features, labels)
    shares = np.full((len(asked), 3), 1e-6)
    shares[:, np.unique(labels)] = model.predict_proba(asked)
    shares /= shares.sum(1, keepdims=True)
    return shares


def main() -> None:
    """Read the cache, fit, write."""
    arguments = ArgumentParser(prog="benchmarks.hog", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("recipe", type=Path, help="a YAML file of jobs/configs")
    arguments.add_argument("--family", type=Family, choices=list(Family), default=Family.FORAMINAL)
    arguments.add_argument("--output", type=Path, required=True, help="folder for validation.csv")
    options, overrides = arguments.parse_known_args()
    try:
        recipe = load_recipe(options.recipe, parse_overrides(overrides))
        check_cache(recipe.cache, recipe)
        answers = held_out(read_crops(recipe.cache, recipe), recipe, options.family)
        options.output.mkdir(parents=True, exist_ok=True)
        write_validation(options.output, answers, np.full((25, 3), 1 / 3))
        print(options.output / "validation.csv")
    except LumbarError as error:
        sys.exit(f"hog: {error}")


if __name__ == "__main__":
    main()
