"""A small bundle trained in the plain loop on a few phantoms: enough to find levels and to grade.

`python tests/grading/small_bundle.py FOLDER` keeps one; the tests take it where LUMBAR_BUNDLE names
that folder. Two minutes of one quiet core: .8 s a phantom, 15 s an epoch of the locator, 6 s one of
the grader.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa

from lumbar.config import CropSettings, DataSettings, GraderSettings, LocatorSettings, Recipe
from lumbar.grading.bundle import Bundle, write_bundle
from lumbar.grading.crops import cut_crops
from lumbar.grading.fit import Place, pick_precision
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.learn import learn
from lumbar.grading.pictures import picture_rows
from lumbar.grading.store import CROP_SCHEMA, PICTURE_SCHEMA, CropStore, PictureStore, crop_rows
from lumbar.imaging import read_uploaded
from lumbar.imaging.tables import LabelPoint
from lumbar.phantom import make_study
from lumbar.phantom.write import study_files

PHANTOMS = 24
SEED = 11

RECIPE = Recipe(
    name="twins",
    seed=3,
    data=DataSettings(folds=8, held_out=0, calibration_share=0.1),
    crops=CropSettings(size_px=32),
    locator=LocatorSettings(
        size_px=96, epochs=5, batch_size=16, learning_rate=1.5e-3, min_confidence=0.0
    ),
    grader=GraderSettings(epochs=5, batch_size=32, learning_rate=6e-4),
)


def train_small_bundle(folder: Path) -> Bundle:
    """Renders, cuts, trains and writes."""
    import torch

    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        made = list(pool.map(example, range(PHANTOMS)))
    crops = CropStore.of(
        [pa.Table.from_pylist([r for rows, _ in made for r in rows], schema=CROP_SCHEMA)],
        RECIPE.crops.cached_px,
    )
    assert RECIPE.locator is not None
    pictures = PictureStore.of(
        [pa.Table.from_pylist([r for _, rows in made for r in rows], schema=PICTURE_SCHEMA)],
        RECIPE.locator.size_px,
    )
    device = torch.device("cpu")
    place = Place(device, bf16=pick_precision("auto", device))
    learned = learn(RECIPE, crops, pictures, place, lambda record, state: print(record, flush=True))
    return write_bundle(folder, RECIPE, learned, {"trained_on": f"{PHANTOMS} phantoms"})


def example(index: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the crop store and of the picture store that one phantom adds."""
    assert RECIPE.locator is not None
    phantom = make_study(SEED, index)
    files = study_files(phantom, frozenset({"uncompressed"}))
    sent = {f"train_images/{f.path.as_posix()}": f.content for f in files}
    (study,) = read_uploaded(sent, trusted=True)
    points = [
        LabelPoint(phantom.study_id, p.series_id, p.number, p.cell, p.x, p.y)
        for p in phantom.points()
    ]
    landmarks = Landmarks.of_labels(study, points)
    crops = cut_crops(study, landmarks, RECIPE.crops)
    return (
        crop_rows(phantom.study_id, crops, dict(phantom.grades)),
        picture_rows(study, landmarks, RECIPE.locator),
    )


if __name__ == "__main__":
    train_small_bundle(Path(sys.argv[1]))
