"""choose on three phantoms with a bundle that has learned nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lumbar.config import DataSettings, Recipe
from lumbar.errors import BundleError, FormatError
from lumbar.grading.bundle import Bundle
from lumbar.grading.bundle_files import seal
from lumbar.grading.grader import Grader
from lumbar.pipelines.choose import choose, choose_if_missing
from lumbar.pipelines.selftest import run_selftest

pytestmark = pytest.mark.ray


def keeping_apart(bundle: Path, folder: Path, share: float) -> Path:
    """A copy of a bundle whose training is said to have kept this share of patients apart."""
    shutil.copytree(bundle, folder)
    card = json.loads((folder / "card.json").read_text())
    card["recipe"]["data"] |= {"calibration_share": share, "held_out": 5}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_after_a_training_a_bundle_learns_once_from_the_patients_it_kept_apart(
    local_ray: None, cohort: Path, bundle: Path, tmp_path: Path
) -> None:
    path = keeping_apart(bundle, tmp_path / "trained" / "bundle", 0.999)
    before = Bundle.load(path)
    data = DataSettings(input=str(cohort), trusted=True)
    recipe = Recipe(name="trained", runs=str(tmp_path), data=data)
    told = choose_if_missing(recipe)["choice"]
    after = Bundle.load(path)
    assert told["studies"] == 3
    assert 0 < told["foramina"] <= 30
    assert told["bundle"] == after.name != before.name
    assert before.choice() is None
    assert after.choice() is not None
    assert after.card["choice"]["foramina"] == told["foramina"]
    run_selftest(Grader(after))
    assert choose_if_missing(recipe) == {}


def test_without_such_patients_the_bundle_stays_as_it_was(
    local_ray: None, cohort: Path, bundle: Path, tmp_path: Path
) -> None:
    path = keeping_apart(bundle, tmp_path / "bundle", 0.0)
    with pytest.raises(FormatError, match="kept apart"):
        choose(path, cohort, cohort, trusted=True)
    assert Bundle.load(path).choice() is None


def test_after_a_training_whose_images_are_gone_the_bundle_stays_whole(
    local_ray: None, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keeping_apart(bundle, tmp_path / "trained" / "bundle", 0.999)
    data = DataSettings(input=str(tmp_path / "gone"))
    recipe = Recipe(name="trained", runs=str(tmp_path), data=data)
    assert choose_if_missing(recipe) == {}
    assert "until jobs/choose.py is run" in capsys.readouterr().out
    assert Bundle.load(recipe.folder / "bundle").choice() is None


def test_a_bundle_without_a_locator_has_nothing_to_choose(
    local_ray: None, cohort: Path, bundle: Path, tmp_path: Path
) -> None:
    path = keeping_apart(bundle, tmp_path / "bundle", 0.999)
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"locator": None}))
    seal(path, json.loads((path / "card.json").read_text()))
    with pytest.raises(BundleError, match="no slice to choose"):
        choose(path, cohort, cohort, trusted=True)
