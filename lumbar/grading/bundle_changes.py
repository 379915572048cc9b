"""What may be done to a bundle after its training: narrower files, another locator, a choice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from lumbar.domain import Family
from lumbar.errors import BundleError
from lumbar.grading.bundle import Bundle
from lumbar.grading.bundle_files import (
    CHOICE,
    CONFIG,
    LOCATOR,
    SELFTEST,
    Precision,
    draft_of,
    put_in_place,
    seal,
    stored,
    write_json,
)
from lumbar.grading.calibration import Calibration
from lumbar.grading.choice import Choice

__all__ = ["add_choice", "replace_selftest", "store_as", "with_locator"]


def store_as(bundle: Bundle, folder: str | Path, precision: Precision) -> Bundle:
    """A copy of a bundle in `folder` with its matrices in another precision, all else as it was.

    fp16 halves the files and moves probabilities by less than the self-test allows; its name's
    digest is another one. Complete or not at all; what was in `folder` is replaced.
    """
    folder = Path(folder)
    draft = draft_of(folder)
    for name in bundle.card["sha256"]:
        if Path(name).suffix == ".safetensors":
            save_file(stored(load_file(bundle.path / name), precision), draft / name)
        else:
            shutil.copyfile(bundle.path / name, draft / name)
    seal(draft, {**bundle.card, "stored_as": precision})
    put_in_place(draft, folder)
    return Bundle.load(folder)


def with_locator(bundle: Bundle, other: Bundle, folder: str | Path) -> Bundle:
    """A copy of a bundle in `folder` that finds its points by another one's locator.

    It has neither a choice among slices nor a self-test, because both rest on the points that were
    found before: `jobs/choose.py` makes them anew. Raises BundleError where `other` has no locator,
    and where it kept other patients apart: those whom the choice is fitted on, and those whom both
    are scored on, may have taught the locator then.
    """
    if other.config.locator is None:
        raise BundleError(f"{other.path}: has no locator to take")
    mine, theirs = (one.card["recipe"]["data"] for one in (bundle, other))
    apart = [key for key in ("folds", "held_out", "calibration_share") if mine[key] != theirs[key]]
    if apart:
        said = ", ".join(f"data.{key} is {theirs[key]} and not {mine[key]}" for key in apart)
        raise BundleError(
            f"{other.path}: its locator learned from patients whom {bundle.path} keeps apart "
            f"({said}); take one of the same folds"
        )
    folder = Path(folder)
    draft = draft_of(folder)
    for name in bundle.card["sha256"]:
        if name not in (CHOICE, SELFTEST, LOCATOR):
            shutil.copyfile(bundle.path / name, draft / name)
    shutil.copyfile(other.path / LOCATOR, draft / LOCATOR)
    config = bundle.config.model_copy(update={"locator": other.config.locator})
    write_json(draft / CONFIG, config.model_dump(mode="json"))
    learned = {key: other.card["recipe"][key] for key in ("data", "locator", "seed")}
    card = {**bundle.card, "locator": {"of": other.name, "recipe": learned}}
    card.pop("choice", None)
    seal(draft, card)
    put_in_place(draft, folder)
    return Bundle.load(folder)


def add_choice(
    bundle: Bundle,
    choice: Choice,
    foraminal: Calibration,
    facts: Mapping[str, Any],
    selftest: Callable[[Path], Mapping[str, Any]],
) -> Bundle:
    """The bundle in its place with a choice among slices (in place of any it had).

    `foraminal` is the calibration of the grades that come of it. `facts` is what the card then says
    of both; `selftest` is called with the new bundle and gives the
    content of selftest.json. Complete or not at all; the name's digest changes.
    """
    draft = draft_of(bundle.path)
    shutil.copytree(bundle.path, draft, dirs_exist_ok=True)
    save_file({"weight": choice.weight}, draft / CHOICE)
    config = bundle.config.model_dump(mode="json")
    config["temperatures"][Family.FORAMINAL.value] = foraminal.temperature
    config["offsets"][Family.FORAMINAL.value] = list(foraminal.offsets)
    write_json(draft / CONFIG, config)
    card = {**bundle.card, "choice": dict(facts)}
    seal(draft, card)
    write_json(draft / SELFTEST, selftest(draft))
    seal(draft, card)
    put_in_place(draft, bundle.path)
    return Bundle.load(bundle.path)


def replace_selftest(bundle: Bundle, selftest: Mapping[str, Any]) -> None:
    """Another selftest.json in a bundle's place; all else, and its name, stay."""
    write_json(bundle.path / SELFTEST, selftest)
    seal(bundle.path, bundle.card)
