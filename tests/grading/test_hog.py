"""The reading of gradients: what it sees, what it learns, how it counts in a bundle's grades."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.hog import held_out
from lumbar.config import CropSettings, DataSettings, Recipe, load_recipe
from lumbar.domain import Cell, Condition, Family, Level
from lumbar.errors import BundleError, ConfigError, InputError
from lumbar.grading.bundle import Bundle
from lumbar.grading.bundle_files import HOG, seal
from lumbar.grading.grader import Grader
from lumbar.grading.hog import FORAMINAL, HOG_FEATURES, fit_hog, gradients
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.store import CropStore, Part
from lumbar.imaging.study import Study

SIZE = 40
SAYS = (-1.0, 0.0, 2.0)
FORAMEN = Cell(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Level.L4_L5)
T1_RECIPE = Path(__file__).resolve().parents[2] / "jobs" / "configs" / "rsna2024_t1.yaml"


def stripes(turned: bool) -> Tensor:
    """A picture whose grey changes along one axis."""
    wave = torch.sin(torch.arange(SIZE) / 2).expand(SIZE, SIZE) * 100 + 128
    return wave.T if turned else wave


def test_stripes_vote_for_the_direction_in_which_they_change() -> None:
    shown = torch.stack([stripes(False), stripes(True)])[:, None]
    shown = torch.nn.functional.interpolate(shown, (56, 56))
    votes = gradients(shown).view(2, 8, 4, 36).sum((2, 3))
    assert votes.argmax(1).tolist() == [0, 4]


@pytest.fixture
def store() -> CropStore:
    """Forty patients' left L4/L5 foramina: Severe ones have stripes turned by a quarter."""
    severe = torch.arange(40) % 2 == 1
    noise = torch.randn(40, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 20
    shown = torch.stack([stripes(bool(turned)) for turned in severe]) + noise
    return CropStore(
        study_ids=tuple(map(str, range(40))),
        cells=(FORAMEN,) * 40,
        pictures=shown.clamp(0, 255).byte()[:, None].expand(40, 3, SIZE, SIZE),
        views=torch.zeros(40).long(),
        starts=torch.arange(41),
        family=torch.full((40,), FORAMINAL),
        level=torch.full((40,), FORAMEN.level.ordinal),
        labels=severe.long() * 2,
    )


def test_held_out_foramina_are_told_apart_by_their_stripes(store: CropStore) -> None:
    data = DataSettings(folds=4, calibration_share=0.0)
    recipe = Recipe(name="hog", data=data, crops=CropSettings(size_px=32, margin=1.25))
    answers = held_out(store, recipe)
    assert 0 < len(answers.labels) < len(store)
    assert (answers.probabilities.argmax(1) == answers.labels).all()
    assert answers.probabilities.sum(1) == pytest.approx(1)


def test_calibration_patients_teach_nothing(store: CropStore) -> None:
    """The bundle's reading is calibrated on them."""
    data = DataSettings(folds=4, calibration_share=0.4)
    recipe = Recipe(name="hog", data=data, crops=CropSettings(size_px=32, margin=1.25))
    calibrated = store.where(data, Part.CALIBRATION)
    labels = store.labels.clone()
    labels[calibrated] = 2 - labels[calibrated]
    answers, others = (held_out(one, recipe) for one in (store, replace(store, labels=labels)))
    assert len(calibrated) > 4
    assert np.array_equal(answers.probabilities, others.probabilities)


@pytest.mark.parametrize("held_out_fold", [0, -1])
def test_a_cache_with_nothing_to_learn_from_or_nothing_held_out_is_refused(
    store: CropStore, held_out_fold: int
) -> None:
    data = DataSettings(folds=1, held_out=held_out_fold, calibration_share=0.0)
    recipe = Recipe(name="hog", data=data, crops=CropSettings(size_px=32, margin=1.25))
    with pytest.raises(ConfigError, match="no foraminal crop to learn from"):
        held_out(store, recipe)


def test_foramina_of_one_grade_teach_nothing(store: CropStore) -> None:
    with pytest.raises(InputError, match="do not show two grades"):
        fit_hog(replace(store, labels=torch.zeros(40).long()), torch.arange(40), 1.25, 32)


def test_it_is_refused_where_foramina_are_graded_on_another_view() -> None:
    load_recipe(T1_RECIPE, {"grader.hog": "true"})
    wider = {"grader.hog": "true", "crops.views": "{foraminal: [sagittal_t1, sagittal_t2]}"}
    with pytest.raises(ConfigError, match=r"grader\.hog: reads foramina off sagittal_t1 alone"):
        load_recipe(T1_RECIPE, wider)


@pytest.fixture
def sure(bundle: Bundle, tmp_path: Path) -> Bundle:
    """The bundle, with a reading that leans to Severe whatever it sees."""
    folder = tmp_path / "bundle"
    shutil.copytree(bundle.path, folder)
    level = torch.tensor(SAYS).expand(5, 3).contiguous()
    save_file({"weight": torch.zeros(HOG_FEATURES, 3), "level": level}, folder / HOG)
    seal(folder, bundle.card)
    return Bundle.load(folder)


def test_it_counts_for_half_in_foramina_and_for_nothing_elsewhere(
    bundle: Bundle, sure: Bundle, located: tuple[Study, Landmarks]
) -> None:
    plain, read = (Grader(one).grade_at(*located) for one in (bundle, sure))
    assert sure.name != bundle.name
    for before, after in zip(plain.findings, read.findings, strict=True):
        if after.probabilities is None or before.probabilities is None:
            assert after == before
        elif after.cell.condition.family is Family.FORAMINAL:
            temperature = bundle.calibrations[FORAMINAL].temperature
            logits = (np.log(before.probabilities) * temperature + np.array(SAYS)) / 2
            shares = np.exp(logits / temperature)
            assert after.probabilities == pytest.approx(shares / shares.sum(), abs=1e-4)
        else:
            assert after.probabilities == before.probabilities
    assert any(finding.cell.condition.family is Family.FORAMINAL for finding in read.graded())


def test_a_damaged_reading_is_refused(sure: Bundle) -> None:
    save_file({"weight": torch.zeros(7, 3), "level": torch.zeros(5, 3)}, sure.path / HOG)
    seal(sure.path, sure.card)
    with pytest.raises(BundleError, match="does not hold what its name says"):
        Bundle.load(sure.path).check()
