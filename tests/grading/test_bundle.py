"""A bundle is whole, checked and free of pickles, or one clear error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from bundles import reseal
from safetensors.torch import load_file, save_file

from lumbar.errors import BundleError
from lumbar.grading.bundle import Bundle
from lumbar.grading.bundle_files import put_in_place, sha256_of


@pytest.fixture
def copied(bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle.path, tmp_path / "copy"))


def test_a_bundle_comes_back_as_it_was_written(bundle: Bundle) -> None:
    again = Bundle.load(bundle.path)
    assert again.digest == bundle.digest
    assert again.config == bundle.config


@pytest.mark.parametrize("name", ["config.json", "card.json", "grader.safetensors"])
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleError, match=name):
        Bundle.load(copied)


def test_a_changed_file_is_found_by_its_digest(copied: Path) -> None:
    with (copied / "grader.safetensors").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleError, match="sha256"):
        Bundle.load(copied)


def test_another_schema_version_is_refused_with_what_to_do(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"schema_version": 99}))
    reseal(copied)
    with pytest.raises(BundleError, match=r"99.*train again"):
        Bundle.load(copied)


def test_a_tensor_of_another_shape_is_refused(copied: Path) -> None:
    tensors = load_file(copied / "grader.safetensors")
    tensors["reading"] = torch.zeros(1, 2, 3, 4)
    save_file(tensors, copied / "grader.safetensors")
    reseal(copied)
    with pytest.raises(BundleError, match="does not fit"):
        Bundle.load(copied).grader()


def test_weights_that_are_not_finite_are_refused(copied: Path) -> None:
    tensors = load_file(copied / "grader.safetensors")
    tensors["level_bias"][:] = float("nan")
    save_file(tensors, copied / "grader.safetensors")
    reseal(copied)
    with pytest.raises(BundleError, match="level_bias"):
        Bundle.load(copied).grader()


def test_a_pickle_is_refused_unread(copied: Path) -> None:
    card = json.loads((copied / "card.json").read_text())
    torch.save({}, copied / "grader.pt")
    card["sha256"]["grader.pt"] = sha256_of(copied / "grader.pt")
    (copied / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=r"grader\.pt.*only \.json, \.safetensors and \.onnx"):
        Bundle.load(copied)


def test_a_bundle_with_settings_of_a_locator_needs_its_weights(copied: Path) -> None:
    (copied / "locator.safetensors").unlink()
    card = json.loads((copied / "card.json").read_text())
    del card["sha256"]["locator.safetensors"]
    (copied / "card.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=r"names no sha256 of locator\.safetensors"):
        Bundle.load(copied)


def test_a_draft_that_cannot_be_put_in_place_leaves_the_bundle_that_was_there(
    bundle: Bundle, copied: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        put_in_place(copied.with_name("no-draft"), copied)
    assert Bundle.load(copied).digest == bundle.digest


def test_a_draft_takes_a_bundles_place_and_leaves_nothing_beside(copied: Path) -> None:
    draft = Path(shutil.copytree(copied, copied.with_name("draft")))
    (draft / "notes.txt").write_text("new")
    put_in_place(draft, copied)
    assert (copied / "notes.txt").read_text() == "new"
    assert [path.name for path in copied.parent.iterdir()] == [copied.name]
