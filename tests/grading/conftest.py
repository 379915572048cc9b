"""A phantom as a Study with its points, and a bundle of random weights to grade it with."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import bundles
import pytest

from lumbar.config import Recipe
from lumbar.grading.bundle import Bundle, write_bundle
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.learn import Learned
from lumbar.grading.shipped import starter_path
from lumbar.imaging.read import read_study
from lumbar.imaging.study import Study
from lumbar.imaging.tables import LabelPoint
from lumbar.phantom import PhantomStudy, make_study
from lumbar.phantom.write import write_study


@pytest.fixture(scope="session")
def phantom() -> PhantomStudy:
    return make_study(seed=3, index=0, size="small")


def as_study(phantom: PhantomStudy, folder: Path) -> tuple[Study, Landmarks]:
    """The phantom written and read back, with the landmarks of its label points."""
    write_study(phantom, folder / "train_images")
    study = read_study(folder / "train_images" / phantom.study_id)
    points = [
        LabelPoint(phantom.study_id, p.series_id, p.number, p.cell, p.x, p.y)
        for p in phantom.points()
    ]
    return study, Landmarks.of_labels(study, points)


@pytest.fixture(scope="session")
def written() -> Callable[[PhantomStudy, Path], tuple[Study, Landmarks]]:
    return as_study


@pytest.fixture(scope="session")
def located(
    phantom: PhantomStudy, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Study, Landmarks]:
    return as_study(phantom, tmp_path_factory.mktemp("phantom"))


@pytest.fixture(scope="session")
def small_recipe() -> Recipe:
    return bundles.small_recipe("small")


@pytest.fixture(scope="session")
def random_weights() -> Learned:
    return bundles.untrained()


@pytest.fixture(scope="session")
def bundle(
    small_recipe: Recipe, random_weights: Learned, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    folder = tmp_path_factory.mktemp("bundles") / "random"
    return write_bundle(folder, small_recipe, random_weights, {"trained_on": "nothing"})


@pytest.fixture(scope="session")
def trained_bundle() -> Bundle:
    """A bundle that finds levels and tells grades: LUMBAR_BUNDLE's, else the one that ships."""
    return Bundle.load(Path(os.environ.get("LUMBAR_BUNDLE") or starter_path()))
