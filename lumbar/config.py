"""Typed recipes: a YAML file plus `--section.field value`, unknown keys refused with the nearest.

Everything that is a setting is here, with its unit and the reason for its default.

Long because every setting of a recipe stands in this one file, each with its reason.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from lumbar.domain import Basis, Family, View
from lumbar.errors import ConfigError

__all__ = [
    "Augmentation",
    "CropSettings",
    "DataSettings",
    "GraderSettings",
    "LocatorSettings",
    "MoreData",
    "PhantomSettings",
    "Recipe",
    "ViewSettings",
    "WholeSettings",
    "WorkerSettings",
    "explained",
    "load_recipe",
    "parse_overrides",
]

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]

LEAST_CLOSER = 0.3
"""Of a slice's edge: five lumbar levels span .4 of the usual one."""


class Section(BaseModel):
    """A frozen group of settings that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PhantomSettings(Section):
    """The synthetic cohort that a demonstration writes before it trains."""

    studies: Positive = 100
    seed: int = 7
    size: Literal["small", "full"] = "small"
    traps: tuple[str, ...] = ()


class MoreData(Section):
    """A second root that a network also learns from: phantoms beside patients, say."""

    input: str = ""
    """Root of images; or a folder of sagittal T2 slices with masks of discs and canal."""
    labels: str = ""
    repeat: Positive = 1
    """How often the locator sees its pictures an epoch, for a small root."""
    cache: str
    """Folder of its crop cache, cut with the recipe's `crops` and `locator`."""
    families: tuple[Family, ...]
    """What of its findings is graded on; its points serve the locator whatever they show."""
    basis: Basis = Basis.SYNTHETIC


class DataSettings(Section):
    """Which studies, and which of them are kept apart. Folds are by patient, never by row."""

    input: str = ""
    """Root of the images; with it, `labels` (default: the same folder)."""
    labels: str = ""
    cache: str = ""
    """Folder that jobs/prepare.py wrote; empty: `runs/<name>/cache`."""
    folds: Positive = 5
    """Fold of a patient = sha256(study_id) modulo this."""
    held_out: int = 0
    """The fold that no training step sees; its predictions become validation.csv."""
    calibration_share: Share = 0.1
    """Share of the training patients kept for the temperature and the curves' second line."""
    trusted: bool = False
    """Whether files are decoded in the worker itself, which is faster, and not in a child of it
    that a damaged file may end without harm."""
    basis: Basis = Basis.SYNTHETIC
    """Written into the card: `real` only where the labels come from patients."""
    more: tuple[MoreData, ...] = ()
    """Further roots, folds by the same hash; a family of theirs is of their basis."""

    @field_validator("more")
    @classmethod
    def _one_root_a_family(cls, value: tuple[MoreData, ...]) -> tuple[MoreData, ...]:
        named = [family for more in value for family in more.families]
        twice = sorted({family.value for family in named if named.count(family) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is named twice: a family is graded from one root")
        return value

    def root_of(self, family: Family) -> DataSettings | MoreData:
        """Where a family's grades are learned from: one of `more` that names it, or this."""
        return next((more for more in self.more if family in more.families), self)

    def basis_of(self, family: Family) -> Basis:
        """What a family's grades were learned from."""
        return self.root_of(family).basis


class CropSettings(Section):
    """The square that a grade is read off, at true aspect."""

    size_px: Positive = 80
    """Edge of the network's input: under 1 mm a pixel over `field_mm`, cheap on two cores."""
    field_mm: Mapping[View, float] = Field(
        default_factory=lambda: {
            View.SAGITTAL_T1: 70.0,
            View.SAGITTAL_T2: 70.0,
            View.AXIAL_T2: 60.0,
        }
    )
    """Edge in mm: two disc distances on sagittal pictures, the whole canal and both recesses
    on axial ones. Where spacing is unknown a disc distance counts as 35 mm."""
    margin: float = Field(default=1.3, ge=1.0, le=2.0)
    """The cache holds this much more on every edge, so that shifts and turns show anatomy."""
    views: Mapping[Family, tuple[View, ...]] = Field(
        default_factory=lambda: {
            Family.CANAL: (View.SAGITTAL_T2, View.AXIAL_T2),
            Family.FORAMINAL: (View.SAGITTAL_T1,),
            Family.SUBARTICULAR: (View.AXIAL_T2,),
        }
    )
    """Views that a family is graded on, its own first; an absent one is masked."""
    neighbours: tuple[View, ...] = tuple(View)
    """Views whose channels are the slice and its two neighbours; of others the slice three times.
    `true` and `false` mean all and none."""
    looks: Literal[1, 5, 9] = 1
    """Slightly shifted squares that an answer is the mean of: the point alone, with the four
    beside it, with the four at the corners too."""
    look_shift: float = Field(default=0.05, ge=0, lt=0.5)
    """How far those lie from the point, as a share of the edge."""

    @field_validator("neighbours", mode="before")
    @classmethod
    def _all_or_none(cls, value: Any) -> Any:
        return (tuple(View) if value else ()) if isinstance(value, bool) else value

    @property
    def cached_px(self) -> int:
        """Edge of a cached crop in pixels."""
        return round(self.size_px * self.margin)


class Augmentation(Section):
    """Random changes of a crop or picture; geometry by one affine map, then brightness."""

    scale: float = Field(default=0.16, ge=0, lt=0.5)
    rotation_deg: float = Field(default=11.0, ge=0, le=45)
    shift: float = Field(default=0.07, ge=0, lt=0.5)
    """Largest shift as a share of the edge, each way."""
    contrast: float = Field(default=0.2, ge=0, lt=1)
    view_dropout: Share = 0.1
    """How often one of several views is hidden, so that a masked view is nothing new."""


class Optimisation(Section):
    """How a network is fitted."""

    weights: str = "none"
    """`imagenet`, `none`, or a file of DenseNet-121 weights (.safetensors)."""
    epochs: Positive = 8
    batch_size: Positive = 32
    """Samples a step over all workers together."""
    learning_rate: float = Field(default=4e-4, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    warm_up: Share = 0.15
    ema: Share = 0.998
    """Decay of the running average of the weights; 0 turns it off."""
    augmentation: Augmentation = Augmentation()


class LocatorSettings(Optimisation):
    """Heat maps of the levels on whole sagittal slices, of the recesses on axial squares."""

    size_px: Positive = 128
    """Edge of the network's input; the heat map is a quarter of it."""
    closer: float = Field(default=0.0, ge=0, lt=1)
    """Least share of a sagittal slice's edge that a second look shows, round what the first one
    found; it shows more where five levels need it. 0: one look."""
    axial_field_mm: float = Field(default=110.0, gt=0)
    sigma_px: float = Field(default=1.0, gt=0)
    """Width of a target's blob in heat-map pixels."""
    min_confidence: Share = 0.15
    """A level whose heat map holds less than this near its peak is not assessed."""

    @field_validator("closer")
    @classmethod
    def _worth_a_look(cls, value: float) -> float:
        if 0 < value < LEAST_CLOSER:
            raise ValueError(
                f"0 for one look, or at least {LEAST_CLOSER}: five levels need as much"
            )
        return value

    @property
    def cached_px(self) -> int:
        """Edge of a cached picture: fine enough that a closer look has `size_px` pixels of it."""
        return round(self.size_px / self.closer) if self.closer else self.size_px


class GraderSettings(Optimisation):
    """DenseNet-121 over crops, one head a finding family."""

    dropout: Share = 0.2
    class_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Of the cross-entropy. The metric's 1, 2, 4 are multiplied in afterwards."""
    hog: bool = False
    """Whether foramina are also read by a regression on gradients, and the two logits averaged."""
    rule: Literal["tilted", "untilted"] = "tilted"
    """How a severity is chosen: argmax of p x (1, 2, 4), or of p."""


class ViewSettings(Optimisation):
    """The classifier that tells a bare picture's view: T1, T2 sagittal, axial T2, or other.

    `data.input` is then a folder with whichever of these it has: `rsna_t1/*.parquet` (sagittal T1
    slices), `spider/` (sagittal T1 and T2), `rsna_full/` (whole studies in the challenge's layout).
    """

    others: str = ""
    """Folder of Python wheels whose pictures are no lumbar MRI; empty: drawn ones alone."""
    phantoms: Positive = 60
    """Synthetic patients that slices of all views are drawn of."""
    unlike: Positive = 4000
    """Drawn pictures that are no lumbar MRI."""
    size_px: Positive = 96
    """Edge of the network's input: the canal is then still five pixels wide."""
    draws: Positive = 4096
    """Pictures an epoch, drawn so that answers and sources keep their shares."""
    epochs: Positive = 30
    batch_size: Positive = 64
    learning_rate: float = Field(default=3e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    ema: Share = 0.99
    augmentation: Augmentation = Augmentation(scale=0.2, rotation_deg=8, shift=0.07, contrast=0.2)


class WholeSettings(Optimisation):
    """One network over whole slices, 25 answers at once: what graders of crops are compared with.

    The defaults are the best of the 24 settings of `jobs/configs/grid.yaml`, as reported by the
    prototype that they come from.
    """

    size_px: Positive = 256
    channels: Positive = 15
    """Slices of a study in the order of their names; more are left out, fewer leave black ones."""
    dropout: Share = 0.2
    epochs: Positive = 50
    learning_rate: float = Field(default=1e-5, gt=0)
    schedule: Literal["constant", "one_cycle"] = "constant"
    ema: Share = 0.0


class WorkerSettings(Section):
    """What a training run takes of the cluster."""

    workers: Positive = 1
    gpu: bool = False
    threads: Positive = 2
    """Of a CPU worker."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 on a GPU and on a CPU that computes in it, else fp32."""


class Recipe(Section):
    """One experiment, whole."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    seed: int = 7
    runs: str = "runs"
    """Folder of all runs; this one's is `<runs>/<name>`."""
    phantom: PhantomSettings | None = None
    data: DataSettings = DataSettings()
    crops: CropSettings = CropSettings()
    locator: LocatorSettings | None = LocatorSettings()
    """null: no locator is trained, the bundle grades at given points only."""
    grader: GraderSettings = GraderSettings()
    views: ViewSettings | None = None
    """Given: the view classifier is trained, and neither locator nor grader."""
    whole: WholeSettings | None = None
    """Given: the network over whole slices is trained, for comparison, and no bundle."""
    workers: WorkerSettings = WorkerSettings()

    @model_validator(mode="after")
    def _hog_reads_t1(self) -> Self:
        views = self.crops.views.get(Family.FORAMINAL)
        if self.grader.hog and views != (View.SAGITTAL_T1,):
            raise ValueError("grader.hog: reads foramina off sagittal_t1 alone, see crops.views")
        return self

    def without_places(self) -> dict[str, Any]:
        """The recipe as JSON without the folders of this machine: what a bundle's card shows."""
        values = self.model_dump(mode="json", exclude={"runs"})
        for data in (values["data"], *values["data"]["more"]):
            for place in ("input", "labels", "cache"):
                data.pop(place)
        return values

    @property
    def folder(self) -> Path:
        """Where this run writes."""
        return Path(self.runs) / self.name

    @property
    def cache(self) -> Path:
        """Folder of the crop cache."""
        return Path(self.data.cache) if self.data.cache else self.folder / "cache"


def load_recipe(path: str | Path, overrides: Mapping[str, str] | None = None) -> Recipe:
    """Recipe of a YAML file with dotted overrides, e.g. `{"grader.epochs": "3"}`.

    Raises ConfigError naming the file, the key, and the nearest known key where one is unknown.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a recipe file"
        ) from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: a recipe is a mapping of sections, e.g. `grader: {{epochs: 8}}`"
        )
    for key, value in (overrides or {}).items():
        _set(values, key, yaml.safe_load(value))
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explained(error, Recipe)}") from None


def parse_overrides(arguments: Sequence[str]) -> dict[str, str]:
    """`["--grader.epochs", "3", "--seed=5"]` -> `{"grader.epochs": "3", "seed": "5"}`.

    Raises ConfigError where a word is no `--section.field value` pair.
    """
    overrides: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or (not equals and not rest):
            raise ConfigError(f"{word}: expected `--section.field value`, e.g. --grader.epochs 3")
        overrides[key] = value if equals else rest.pop(0)
    return overrides


def _set(values: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, last = dotted.split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--{dotted}: {section} is a value, not a section")
        values = inner
    values[last] = value


def explained(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong with a model's values: each key with its value or the nearest known key."""
    return "; ".join(_explain(one, model) for one in error.errors())


def _explain(error: Any, model: type[BaseModel]) -> str:
    location = [str(part) for part in error["loc"]]
    key = ".".join(location)
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg']} (found {error['input']!r})"
    known = _known_keys(model)
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    hint = near or [k for k in known if k.endswith("." + location[-1])][:1]
    return f"unknown key {key}" + (f"; did you mean {hint[0]}?" if hint else "")


def _known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, info in model.model_fields.items():
        keys.append(prefix + name)
        for kind in (info.annotation, *getattr(info.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                keys += _known_keys(kind, f"{prefix}{name}.")
    return keys
