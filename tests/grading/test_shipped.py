"""The bundle that ships: half the bytes, the same grades, its own licence - or a clear word."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from lumbar.config import Recipe
from lumbar.errors import BundleError
from lumbar.grading import shipped
from lumbar.grading.bundle import Bundle, write_bundle
from lumbar.grading.bundle_changes import add_choice, store_as, with_locator
from lumbar.grading.calibration import Calibration
from lumbar.grading.choice import Choice
from lumbar.grading.densenet import FEATURES
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.learn import Learned
from lumbar.grading.networks import LocatorNet
from lumbar.imaging.study import Study

HAS_STARTER = (shipped.STARTER / "card.json").is_file()


def test_fp16_halves_the_weights_and_keeps_the_grades(
    bundle: Bundle, located: tuple[Study, Landmarks], tmp_path: Path
) -> None:
    half = store_as(bundle, tmp_path / "half", "fp16")
    assert half.digest != bundle.digest
    assert half.card["stored_as"] == "fp16"
    for name, size in half.sizes().items():
        if name.endswith(".safetensors"):
            assert size < 0.52 * bundle.sizes()[name]
    pairs = zip(
        Grader(half).grade_at(*located).findings,
        Grader(bundle).grade_at(*located).findings,
        strict=True,
    )
    for one, other in pairs:
        assert one.severity is other.severity
        assert one.probabilities == pytest.approx(other.probabilities, abs=2e-3)


def test_vectors_stay_fp32(bundle: Bundle, tmp_path: Path) -> None:
    half = store_as(bundle, tmp_path / "half", "fp16")
    tensors = load_file(half.path / "grader.safetensors")
    kinds = {tensor.ndim > 1: set() for tensor in tensors.values()}
    for tensor in tensors.values():
        if np.issubdtype(tensor.dtype, np.floating):
            kinds[tensor.ndim > 1].add(tensor.dtype)
    assert kinds == {True: {np.dtype("float16")}, False: {np.dtype("float32")}}


def test_training_may_write_fp16_itself(small_recipe, random_weights, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    half = write_bundle(tmp_path / "half", small_recipe, random_weights, {}, precision="fp16")
    assert half.sizes()["grader.safetensors"] < 15e6


def test_another_bundles_locator_comes_with_its_settings_and_without_what_rests_on_points(
    bundle: Bundle, small_recipe: Recipe, random_weights: Learned, tmp_path: Path
) -> None:
    assert small_recipe.locator is not None
    closer = small_recipe.locator.model_copy(update={"closer": 0.5})
    recipe = small_recipe.model_copy(update={"name": "other", "locator": closer})
    torch.manual_seed(5)
    learned = replace(random_weights, locator=LocatorNet())
    other = write_bundle(tmp_path / "other", recipe, learned, {})
    chosen = add_choice(
        store_as(bundle, tmp_path / "chosen", "fp32"),
        Choice(torch.zeros(FEATURES)),
        Calibration(1.0),
        {"studies": 1},
        lambda path: {"rows": []},
    )
    mixed = with_locator(chosen, other, tmp_path / "mixed")
    assert mixed.config.locator == closer
    assert mixed.config.temperatures == chosen.config.temperatures
    digests = mixed.card["sha256"]
    assert digests["locator.safetensors"] == other.card["sha256"]["locator.safetensors"]
    assert digests["grader.safetensors"] == bundle.card["sha256"]["grader.safetensors"]
    assert digests.keys() == {"config.json", "grader.safetensors", "locator.safetensors"}
    assert mixed.card["locator"]["of"] == other.name
    assert mixed.card["locator"]["recipe"]["locator"]["closer"] == 0.5
    assert "choice" not in mixed.card
    assert mixed.choice() is None


@pytest.mark.parametrize(
    ("key", "value"), [("folds", 4), ("held_out", 1), ("calibration_share", 0.3)]
)
def test_a_locator_that_learned_from_patients_kept_apart_is_refused(
    bundle: Bundle,
    small_recipe: Recipe,
    random_weights: Learned,
    tmp_path: Path,
    key: str,
    value: float,
) -> None:
    data = small_recipe.data.model_copy(update={key: value})
    recipe = small_recipe.model_copy(update={"data": data})
    other = write_bundle(tmp_path / "other", recipe, random_weights, {})
    with pytest.raises(BundleError, match=rf"keeps apart \(data\.{key} is {value} and not"):
        with_locator(bundle, other, tmp_path / "mixed")
    assert not (tmp_path / "mixed").exists()


def test_the_command_writes_the_licence_beside_and_prints_the_sizes(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    licence = tmp_path / "text"
    licence.write_text("for research only")
    output = tmp_path / "starter"
    command = ["--bundle", str(bundle.path), "--licence", str(licence), "--output", str(output)]
    assert shipped.main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert (output / shipped.LICENCE).read_text() == "for research only"
    assert said["bytes"]["grader.safetensors"] == (output / "grader.safetensors").stat().st_size
    assert Bundle.load(output).name == said["bundle"]


def test_without_a_shipped_bundle_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "STARTER", tmp_path)
    with pytest.raises(BundleError, match=r"--bundle FOLDER.*make demo"):
        shipped.starter_path()


@pytest.mark.skipif(not HAS_STARTER, reason="this copy ships no bundle")
def test_the_shipped_bundle_grades_is_small_and_has_a_licence(
    located: tuple[Study, Landmarks],
) -> None:
    grader = Grader.starter()
    assert len(list(grader.grade(located[0]).graded())) > 0
    assert sum(grader.bundle.sizes().values()) <= 30e6
    assert "research" in (shipped.STARTER / shipped.LICENCE).read_text().lower()
