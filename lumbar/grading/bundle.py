"""A model on disk: two safetensors files, JSON beside them, a digest of each. Never a pickle."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lumbar.config import CropSettings, LocatorSettings, Recipe
from lumbar.domain import Basis, Family, Level, Severity
from lumbar.errors import BundleError
from lumbar.grading.bundle_files import (
    CARD,
    CHOICE,
    CONFIG,
    GRADER,
    HOG,
    LOCATOR,
    SELFTEST,
    Precision,
    check_file,
    draft_of,
    put_in_place,
    read_json,
    seal,
    stored,
    write_json,
)
from lumbar.grading.calibration import Calibration
from lumbar.grading.choice import Choice
from lumbar.grading.densenet import FEATURES
from lumbar.grading.hog import HOG_FEATURES, HogReading
from lumbar.grading.learn import Learned
from lumbar.grading.networks import GraderNet, LocatorNet
from lumbar.grading.rules import Rule

__all__ = ["SCHEMA_VERSION", "Bundle", "write_bundle"]

Network = TypeVar("Network", bound=nn.Module)

SCHEMA_VERSION = 1


class BundleConfig(BaseModel):
    """`config.json`: all that inference needs besides the weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int
    crops: CropSettings
    locator: LocatorSettings | None
    rule: Rule
    temperatures: Mapping[Family, float]
    offsets: Mapping[Family, tuple[float, float, float]] = Field(default_factory=dict)
    """Added to the scaled logits; a family that is not named has none."""
    basis: Mapping[Family, Basis]
    """Only families that were trained; no other is graded."""
    prior: list[list[float]]
    """Weighted share of the three grades among all but the held-out patients, `[25][3]`."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was checked: every file is there and has the digest of the card."""

    path: Path
    config: BundleConfig
    card: Mapping[str, Any]
    digest: str
    """First 16 hexadecimal digits of the sha256 over the weights' and configuration's digests."""

    @classmethod
    def load(cls, path: str | Path) -> Bundle:
        """The bundle in a folder; BundleError says which file is missing, damaged or unknown."""
        folder = Path(path)
        card = read_json(folder / CARD)
        digests = card.get("sha256")
        if not isinstance(digests, dict) or not {CONFIG, GRADER} <= digests.keys():
            raise BundleError(f"{folder / CARD}: names no sha256 of {CONFIG} and {GRADER}")
        for name, expected in digests.items():
            check_file(folder, str(name), str(expected))
        raw = read_json(folder / CONFIG)
        if raw.get("schema_version") != SCHEMA_VERSION:
            raise BundleError(
                f"{folder / CONFIG}: schema_version {raw.get('schema_version')!r}, this release "
                f"reads {SCHEMA_VERSION}; use the release that wrote it, or train again"
            )
        try:
            config = BundleConfig.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise BundleError(f"{folder / CONFIG}: {key}: {first['msg']}") from None
        if config.locator is not None and LOCATOR not in digests:
            raise BundleError(
                f"{folder / CARD}: names no sha256 of {LOCATOR}, for which {CONFIG} has settings"
            )
        return cls(folder, config, card, _identity(digests))

    @property
    def name(self) -> str:
        """What answers are stamped with: the card's name and the digest."""
        return f"{self.card.get('name', self.path.name)}@{self.digest}"

    @property
    def prior(self) -> NDArray[np.float64]:
        """Weighted share of the grades among all but the held-out patients, `[25, 3]`."""
        return np.asarray(self.config.prior)

    @property
    def calibrations(self) -> tuple[Calibration, ...]:
        """What makes logits probabilities, a family in the order of `Family`."""
        temperatures, offsets = self.config.temperatures, self.config.offsets
        none = Calibration().offsets
        return tuple(Calibration(temperatures[f], offsets.get(f, none)) for f in Family)

    def sha256(self, name: str) -> str:
        """The digest of one of its files, as its card has it."""
        return str(self.card["sha256"][name])

    def check(self) -> Bundle:
        """Itself once all weights are found to fit and to be finite; BundleError otherwise."""
        self.grader()
        self.locator()
        self.choice()
        self.hog()
        return self

    def sizes(self) -> dict[str, int]:
        """Bytes of each of its files."""
        return {name: (self.path / name).stat().st_size for name in sorted(self.card["sha256"])}

    def grader(self) -> GraderNet:
        """The grading network with its weights, ready to infer."""
        return _filled(GraderNet(), self.path / GRADER)

    def locator(self) -> LocatorNet | None:
        """The locator with its weights; None where the bundle grades at given points only."""
        return None if self.config.locator is None else _filled(LocatorNet(), self.path / LOCATOR)

    def choice(self) -> Choice | None:
        """What chooses among a foramen's slices; None where the locator's word alone does."""
        tensors = self._fitted(CHOICE, {"weight": (FEATURES,)})
        return None if tensors is None else Choice(**tensors)

    def hog(self) -> HogReading | None:
        """The second reading of foramina; None where the network alone reads them."""
        shapes = {"weight": (HOG_FEATURES, len(Severity)), "level": (len(Level), len(Severity))}
        tensors = self._fitted(HOG, shapes)
        return None if tensors is None else HogReading(**tensors)

    def _fitted(self, name: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor] | None:
        """The tensors of a file beside the networks'; None for a bundle without it."""
        if name not in self.card["sha256"]:
            return None
        path = self.path / name
        try:
            tensors = {key: value.float() for key, value in load_file(path).items()}
        except (SafetensorError, RuntimeError):
            tensors = {}
        finite = all(bool(torch.isfinite(value).all()) for value in tensors.values())
        if not finite or {key: tuple(value.shape) for key, value in tensors.items()} != shapes:
            raise BundleError(f"{path}: does not hold what its name says; fit it again")
        return tensors


def write_bundle(
    folder: str | Path,
    recipe: Recipe,
    learned: Learned,
    card: Mapping[str, Any],
    selftest: Callable[[Path], Mapping[str, Any]] | None = None,
    precision: Precision = "fp32",
) -> Bundle:
    """Write what was learned to `folder`, complete or not at all (written beside, renamed last).

    `precision` is that of the matrices on disk; they are read as fp32 either way. `card` is what
    people should know of it (figures, revision, data); `selftest` is called with the finished
    temporary bundle and gives the content of selftest.json.
    """
    folder = Path(folder)
    draft = draft_of(folder)
    config = BundleConfig(
        schema_version=SCHEMA_VERSION,
        crops=recipe.crops,
        locator=recipe.locator if learned.locator is not None else None,
        rule=Rule(recipe.grader.rule),
        temperatures={f: c.temperature for f, c in zip(Family, learned.calibrations, strict=True)},
        offsets={f: c.offsets for f, c in zip(Family, learned.calibrations, strict=True)},
        basis={family: recipe.data.basis_of(family) for family in learned.families},
        prior=[[float(share) for share in row] for row in learned.prior],
    )
    write_json(draft / CONFIG, config.model_dump(mode="json"))
    save_file(stored(learned.grader.state_dict(), precision), draft / GRADER)
    if learned.locator is not None:
        save_file(stored(learned.locator.state_dict(), precision), draft / LOCATOR)
    if learned.hog is not None:
        save_file({"weight": learned.hog.weight, "level": learned.hog.level}, draft / HOG)
    seal(draft, _card(recipe, card))
    if selftest is not None:
        write_json(draft / SELFTEST, selftest(draft))
        seal(draft, _card(recipe, card))
    put_in_place(draft, folder)
    return Bundle.load(folder)


def _card(recipe: Recipe, card: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "intended_use": "Research use only - not a medical device.",
        **card,
        "recipe": recipe.without_places(),
    }


def _filled(model: Network, path: Path) -> Network:
    try:
        tensors = load_file(path)
        model.load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        said = " ".join(str(error).split())[:300]
        raise BundleError(f"{path}: does not fit the network: {said}") from None
    bad = [name for name, value in tensors.items() if not bool(torch.isfinite(value).all())]
    if bad:
        raise BundleError(f"{path}: {bad[0]} holds values that are not finite; train again")
    return model.to(memory_format=torch.channels_last).eval()


def _identity(digests: Mapping[str, str]) -> str:
    lines = "".join(f"{n}:{digests[n]}\n" for n in sorted(digests) if n != SELFTEST)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
