"""train, for the view classifier: a plain loop on one machine, resumed from its last epoch.

Its pictures fit in memory and its epochs take seconds, so there is nothing for Ray to do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from lumbar.config import Recipe
from lumbar.errors import ConfigError
from lumbar.grading.recognise import write_weights
from lumbar.grading.store import Part
from lumbar.grading.view_task import ShownPicture, ViewStore, ViewTask
from lumbar.pipelines.fit_here import done_once, fit_here
from lumbar.pipelines.output import whole_file
from lumbar.pipelines.package_pictures import TRAINED_ON
from lumbar.pipelines.view_pictures import learned_pictures

__all__ = ["gathered", "train_views"]

PICTURES = "pictures.npz"


def train_views(recipe: Recipe) -> dict[str, Any]:
    """Train the classifier as `recipe.views` says; the job's last line.

    Writes `views.safetensors`, `views.json` (its card), `history.jsonl` and `result.json` into the
    run's folder. Pictures are gathered once into the recipe's cache.
    """
    return done_once(recipe, _trained)


def _trained(recipe: Recipe) -> dict[str, Any]:
    assert recipe.views is not None
    store = gathered(recipe)
    task = ViewTask(recipe, store)
    model = fit_here(recipe, task, recipe.views)
    counts = Counter(store.sources[row] for row in store.where(recipe, Part.TRAINING).tolist())
    figures = dict(task.validate(model))
    write_weights(recipe.folder, model, _card(recipe, counts, figures))
    return {
        "weights": str(recipe.folder / "views.safetensors"),
        "pictures": dict(sorted(counts.items())),
        "validation": figures,
    }


def gathered(recipe: Recipe) -> ViewStore:
    """The pictures of a recipe, from its cache; there they are put where it has none yet.

    Raises ConfigError for a cache of pictures that were made by other settings.
    """
    path, settings = recipe.cache / PICTURES, _settings(recipe)
    if not path.is_file():
        shown = learned_pictures(recipe)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft, draft.open("wb") as stream:
            np.savez(
                stream,
                pixels=np.stack([one.pixels for one in shown]),
                answers=np.array([one.answer for one in shown]),
                sources=np.array([one.source for one in shown]),
                patients=np.array([one.patient for one in shown]),
                settings=json.dumps(settings),
            )
    with np.load(path) as kept:
        made_by = json.loads(str(kept["settings"])) if "settings" in kept else {}
        if made_by != settings:
            other = ", ".join(k for k, v in settings.items() if made_by.get(k, ...) != v)
            raise ConfigError(
                f"{path}: its pictures were made by another recipe ({other}); "
                "name another data.cache"
            )
        rows = zip(
            kept["pixels"],
            kept["answers"].tolist(),
            kept["sources"].tolist(),
            kept["patients"].tolist(),
            strict=True,
        )
        return ViewStore.of([ShownPicture(*row) for row in rows])


def _settings(recipe: Recipe) -> dict[str, Any]:
    """What decides which pictures there are, as far as it does not depend on places."""
    assert recipe.views is not None
    told = recipe.views.model_dump(mode="json", include={"size_px", "phantoms", "unlike"})
    real, others = bool(recipe.data.input), bool(recipe.views.others)
    return {**told, "seed": recipe.seed, "data.input": real, "views.others": others}


def _card(
    recipe: Recipe, counts: Mapping[str, int], figures: Mapping[str, float]
) -> dict[str, Any]:
    real = any(source.startswith(("rsna", "spider", "full")) for source in counts)
    return {
        "name": recipe.name,
        "intended_use": (
            "Research use only - not a medical device. Tells whether a bare picture is a sagittal "
            "T1, sagittal T2/STIR or axial T2 slice of a lumbar spine, or none of them."
        ),
        "trained_on": {
            "pictures": dict(sorted(counts.items())),
            "packages": {p.name: p.version for p in TRAINED_ON} if counts.get("package") else {},
            "held_out_fold": recipe.data.held_out,
            "folds": recipe.data.folds,
        },
        "licences": (
            "RSNA 2024 Lumbar Spine images (research, no commerce) and SPIDER (CC BY 4.0): the "
            "weights follow the stricter, research only."
            if real
            else "Apache-2.0 (learned from drawn pictures only)."
        ),
        "calibration": {name: round(value, 4) for name, value in figures.items()},
        "recipe": _told(recipe),
    }


def _told(recipe: Recipe) -> dict[str, Any]:
    """The recipe's settings without this machine's folders."""
    told = recipe.model_dump(mode="json", include={"seed", "data", "views"})
    for section, places in (("data", ("input", "labels", "cache")), ("views", ("others",))):
        for place in places:
            told[section].pop(place)
    return told
