"""What the view classifier learns from: real slices, phantoms, and pictures of anything else.

Patients are told apart by name, so that a fold holds all of one patient's slices whatever source
they are from: the number of an RSNA study, of a SPIDER patient before the first `_`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lumbar.config import Recipe, ViewSettings
from lumbar.domain import View
from lumbar.errors import ConfigError
from lumbar.grading.view_net import ANSWERS, OTHER, view_picture
from lumbar.grading.view_task import ShownPicture
from lumbar.imaging.find import find_studies
from lumbar.imaging.read import read_study
from lumbar.imaging.resample import frame_of
from lumbar.phantom.slices import draw_slices
from lumbar.phantom.unlike import draw_unlike
from lumbar.pipelines.masks import grey
from lumbar.pipelines.package_pictures import TRAINED_ON, package_pictures

__all__ = ["learned_pictures", "real_pictures"]

T1, T2 = ANSWERS.index(View.SAGITTAL_T1), ANSWERS.index(View.SAGITTAL_T2)
SLICES_A_KIND = 5
"""Slices of a phantom patient for each of the six kinds."""
STIR_SHARE = 0.25
"""Share of the real T1 slices that are also shown as STIR."""

Found = tuple[NDArray[np.float32], int, str, str]
"""Pixels, answer, source, patient."""


def learned_pictures(recipe: Recipe) -> list[ShownPicture]:
    """Every picture that a recipe trains or calibrates on, in a fixed order.

    Without `data.input` phantoms and drawn pictures alone. Raises ConfigError where its folders
    hold no real slice or no wheel that it names.
    """
    assert recipe.views is not None
    source = recipe.data.input
    real = list(real_pictures(Path(source), recipe.views.size_px)) if source else []
    if source and not real:
        raise ConfigError(
            f"data.input {recipe.data.input}: holds none of rsna_t1/, spider/, rsna_full/"
        )
    drawn = _shown(_drawn(recipe.views, recipe.seed), recipe.views.size_px)
    return [*real, *_as_stir(real, recipe.seed), *drawn, *_packages(recipe.views)]


def real_pictures(root: Path, size: int) -> Iterator[ShownPicture]:
    """The real slices below `root`, each with its view and patient."""
    for found in (_rsna_t1(root), _spider(root), _full(root)):
        yield from _shown(found, size)


def _shown(found: Iterator[Found], size: int) -> Iterator[ShownPicture]:
    for pixels, answer, source, patient in found:
        shown = view_picture(pixels, size)
        if shown is not None:
            yield ShownPicture(shown, answer, source, patient)


def _rsna_t1(root: Path) -> Iterator[Found]:
    for path in sorted((root / "rsna_t1").glob("*.parquet")):
        for row in pq.read_table(path, columns=["study_id", "image"]).to_pylist():
            yield grey(row["image"]), T1, "rsna_t1", f"rsna:{row['study_id']}"


def _spider(root: Path) -> Iterator[Found]:
    for path in sorted((root / "spider" / "mid_sagittal").glob("*_t[12].webp")):
        patient, contrast = path.stem.split("_")
        answer = T1 if contrast == "t1" else T2
        yield grey(path), answer, f"spider_{contrast}", f"spider:{patient}"
    for path in sorted((root / "spider" / "t2_masks" / "images").glob("*.webp")):
        yield grey(path), T2, "spider_space", f"spider:{path.stem.split('_')[0]}"


def _full(root: Path) -> Iterator[Found]:
    """Every slice of whole studies, hung as `Recognise` is asked."""
    if not (root / "rsna_full").is_dir():
        return
    for files in sorted(find_studies(root / "rsna_full"), key=lambda study: study.study_id):
        for series in read_study(files).series:
            if series.view is None:
                continue
            for instance in series:
                pixels = np.asarray(frame_of(instance.plane).turn(instance.pixels))
                answer = ANSWERS.index(series.view)
                yield pixels, answer, f"full_{series.view}", f"rsna:{files.study_id}"


def _drawn(settings: ViewSettings, seed: int) -> Iterator[Found]:
    for index in range(settings.phantoms):
        for shown in draw_slices(seed, index, SLICES_A_KIND):
            told = shown.contrast if shown.contrast in ("stir", "ct") else shown.view
            kind = told or "coronal"
            pixels = shown.pixels.astype(np.float32)
            yield pixels, ANSWERS.index(shown.view), f"phantom_{kind}", f"phantom:{seed}:{index}"
    for index in range(settings.unlike):
        pixels = draw_unlike(np.random.default_rng([seed, index]))[1]
        yield pixels, OTHER, "unlike", f"unlike:{seed}:{index}"


def _packages(settings: ViewSettings) -> Iterator[ShownPicture]:
    if not settings.others:
        return
    for package in TRAINED_ON:
        for _, pixels in package_pictures(Path(settings.others), package):
            shown = view_picture(pixels, settings.size_px)
            if shown is not None:
                yield ShownPicture(shown, OTHER, "package", "")


def _as_stir(real: list[ShownPicture], seed: int) -> Iterator[ShownPicture]:
    """Real T1 slices with their greys turned round inside the body: what STIR does to them.

    Fat, the brightest on T1, is nulled by STIR; fluid, dark on T1, is its brightest (Krinsky et
    al., Radiology 195:553, 1995). Few real STIR series are there to learn from.
    """
    rng = np.random.default_rng([seed, 1])
    for one in real:
        if one.answer == T1 and rng.random() < STIR_SHARE:
            pixels = _stir(np.asarray(one.pixels / 255, np.float32), rng)
            yield ShownPicture(pixels, T2, "stir_of_t1", one.patient)


def _stir(t1: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    blurred = t1.astype(np.float64)
    for axis in (0, 1):
        blurred = (blurred + np.roll(blurred, 2, axis) + np.roll(blurred, -2, axis)) / 3
    body = np.clip((blurred - 0.04) / 0.08, 0, 1)
    turned = body * (1 - np.clip(t1 * rng.uniform(1.0, 1.4), 0, 1)) ** rng.uniform(2.0, 5.0)
    noisy = turned + rng.normal(0, rng.uniform(0.0, 0.06), t1.shape)
    return np.asarray(255 * np.clip(noisy / np.quantile(turned, 0.995), 0, 1), np.uint8)
