"""A model on disk: two safetensors files, JSON beside them, a digest of each. Never a pickle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lumbar.config import CropSettings, LocatorSettings, Recipe
from lumbar.domain import Basis, Family
from lumbar.errors import BundleError
from lumbar.grading.calibration import Calibration
from lumbar.grading.learn import Learned
from lumbar.grading.networks import GraderNet, LocatorNet
from lumbar.grading.rules import Rule

__all__ = ["SCHEMA_VERSION", "Bundle", "store_as", "write_bundle"]

Network = TypeVar("Network", bound=nn.Module)

Precision = Literal["fp32", "fp16"]

SCHEMA_VERSION = 1
CONFIG, CARD, SELFTEST = "config.json", "card.json", "selftest.json"
LOCATOR, GRADER = "locator.safetensors", "grader.safetensors"


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
    """Weighted share of the three grades in the training part, `[25][3]`."""


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
        card = _json(folder / CARD)
        digests = card.get("sha256")
        if not isinstance(digests, dict) or not {CONFIG, GRADER} <= digests.keys():
            raise BundleError(f"{folder / CARD}: names no sha256 of {CONFIG} and {GRADER}")
        for name, expected in digests.items():
            _check(folder, str(name), str(expected))
        raw = _json(folder / CONFIG)
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
        return cls(folder, config, card, _identity(digests))

    @property
    def name(self) -> str:
        """What answers are stamped with: the card's name and the digest."""
        return f"{self.card.get('name', self.path.name)}@{self.digest}"

    @property
    def prior(self) -> NDArray[np.float64]:
        """Weighted share of the grades in the training part, `[25, 3]`."""
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
    draft = _draft(folder)
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
    _write(draft / CONFIG, config.model_dump(mode="json"))
    save_file(_stored(learned.grader.state_dict(), precision), draft / GRADER)
    if learned.locator is not None:
        save_file(_stored(learned.locator.state_dict(), precision), draft / LOCATOR)
    _seal(draft, recipe, card)
    if selftest is not None:
        _write(draft / SELFTEST, selftest(draft))
        _seal(draft, recipe, card)
    return _kept(draft, folder)


def store_as(bundle: Bundle, folder: str | Path, precision: Precision) -> Bundle:
    """A copy of a bundle in `folder` with its matrices in another precision, all else as it was.

    fp16 halves the files and moves probabilities by less than the self-test allows; its name's
    digest is another one. Complete or not at all; what was in `folder` is replaced.
    """
    folder = Path(folder)
    draft = _draft(folder)
    for name in bundle.card["sha256"]:
        if Path(name).suffix == ".safetensors":
            save_file(_stored(load_file(bundle.path / name), precision), draft / name)
        else:
            shutil.copyfile(bundle.path / name, draft / name)
    names = sorted(path.name for path in draft.iterdir())
    digests = {name: _sha256(draft / name) for name in names}
    _write(draft / CARD, {**bundle.card, "stored_as": precision, "sha256": digests})
    return _kept(draft, folder)


def replace_selftest(bundle: Bundle, selftest: Mapping[str, Any]) -> None:
    """Another selftest.json in a bundle's place; all else, and its name, stay."""
    _write(bundle.path / SELFTEST, selftest)
    digests = {**bundle.card["sha256"], SELFTEST: _sha256(bundle.path / SELFTEST)}
    _write(bundle.path / CARD, {**bundle.card, "sha256": digests})


def _draft(folder: Path) -> Path:
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    return draft


def _kept(draft: Path, folder: Path) -> Bundle:
    if folder.exists():
        shutil.rmtree(folder)
    draft.rename(folder)
    return Bundle.load(folder)


def _seal(folder: Path, recipe: Recipe, card: Mapping[str, Any]) -> None:
    names = sorted(p.name for p in folder.iterdir() if p.name != CARD)
    sealed = {
        "name": recipe.name,
        "intended_use": "Research use only - not a medical device.",
        **card,
        "recipe": recipe.without_places(),
        "sha256": {name: _sha256(folder / name) for name in names},
    }
    _write(folder / CARD, sealed)


def _stored(tensors: Mapping[str, Tensor], precision: Precision) -> dict[str, Tensor]:
    """Tensors as they are written; vectors (norms, biases) stay fp32: few, and wide in range."""
    narrow = torch.float16 if precision == "fp16" else torch.float32
    return {
        name: value.detach()
        .cpu()
        .to(narrow if value.is_floating_point() and value.dim() > 1 else value.dtype)
        .contiguous()
        for name, value in tensors.items()
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


def _check(folder: Path, name: str, expected: str) -> None:
    path = folder / name
    if Path(name).name != name or path.suffix not in (".json", ".safetensors", ".onnx"):
        raise BundleError(f"{folder}: the card names {name!r}; only .json, .safetensors and .onnx")
    if not path.is_file():
        raise BundleError(f"{path}: the card names it, but it is missing; copy the whole bundle")
    found = _sha256(path)
    if found != expected:
        raise BundleError(f"{path}: sha256 is {found[:12]}..., the card says {expected[:12]}...")


def _identity(digests: Mapping[str, str]) -> str:
    lines = "".join(f"{n}:{digests[n]}\n" for n in sorted(digests) if n != SELFTEST)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise BundleError(f"{path}: missing; a bundle is the folder that training wrote") from None
    except ValueError as error:
        raise BundleError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BundleError(f"{path}: not a JSON object")
    return value


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
