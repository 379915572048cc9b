"""The words of the field: what is graded, where, how badly, and on which picture.

The task is that of the RSNA 2024 Lumbar Spine Degenerative Classification challenge: five
conditions at five levels, 25 findings a study, each Normal/Mild, Moderate or Severe. Only this
module knows how the challenge spells its columns, rows and series descriptions.

Long because the field's words belong into one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

__all__ = [
    "CELLS",
    "MIDDLE_UNKNOWN",
    "SEVERITY_WEIGHTS",
    "Basis",
    "Cell",
    "Condition",
    "Evidence",
    "Family",
    "Finding",
    "Level",
    "LevelNumbering",
    "Severity",
    "Side",
    "Status",
    "StudyGrades",
    "UnsidedFinding",
    "View",
]


class Severity(IntEnum):
    """How narrow: 0, 1, 2 in the challenge's order; `label` is its spelling."""

    NORMAL_MILD = 0
    MODERATE = 1
    SEVERE = 2

    @property
    def label(self) -> str:
        """The spelling of `train.csv`: `Normal/Mild`, `Moderate` or `Severe`."""
        return ("Normal/Mild", "Moderate", "Severe")[self]

    @property
    def column(self) -> str:
        """The spelling of `submission.csv`: `normal_mild`, `moderate` or `severe`."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> Severity:
        """Severity spelled as in `train.csv`; ValueError for any other word."""
        for severity in cls:
            if severity.label == label:
                return severity
        raise ValueError(f"unknown severity {label!r}: expected {', '.join(s.label for s in cls)}")


SEVERITY_WEIGHTS: tuple[float, float, float] = (1.0, 2.0, 4.0)
"""Sample weight of a Normal/Mild, Moderate, Severe label in the challenge's metric."""


class Side(StrEnum):
    """The patient's own left or right (+x is left in DICOM's patient frame)."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class View(StrEnum):
    """What a series shows. The challenge names three; a series of none of them is unused."""

    SAGITTAL_T1 = "sagittal_t1"
    SAGITTAL_T2 = "sagittal_t2"
    AXIAL_T2 = "axial_t2"

    @property
    def description(self) -> str:
        """The spelling of `train_series_descriptions.csv`."""
        return {
            View.SAGITTAL_T1: "Sagittal T1",
            View.SAGITTAL_T2: "Sagittal T2/STIR",
            View.AXIAL_T2: "Axial T2",
        }[self]


class Family(StrEnum):
    """A finding's kind regardless of side; one set of weights serves both sides of a family."""

    CANAL = "canal"
    FORAMINAL = "foraminal"
    SUBARTICULAR = "subarticular"

    @property
    def view(self) -> View:
        """The view that the challenge's readers used, and on which its points lie."""
        return {
            Family.CANAL: View.SAGITTAL_T2,
            Family.FORAMINAL: View.SAGITTAL_T1,
            Family.SUBARTICULAR: View.AXIAL_T2,
        }[self]

    @property
    def condition(self) -> str:
        """The spelling of a condition without its side, e.g. `neural_foraminal_narrowing`."""
        return {
            Family.CANAL: "spinal_canal_stenosis",
            Family.FORAMINAL: "neural_foraminal_narrowing",
            Family.SUBARTICULAR: "subarticular_stenosis",
        }[self]


class Condition(StrEnum):
    """The five conditions, in the order of `train.csv`'s column groups."""

    SPINAL_CANAL_STENOSIS = "spinal_canal_stenosis"
    LEFT_NEURAL_FORAMINAL_NARROWING = "left_neural_foraminal_narrowing"
    RIGHT_NEURAL_FORAMINAL_NARROWING = "right_neural_foraminal_narrowing"
    LEFT_SUBARTICULAR_STENOSIS = "left_subarticular_stenosis"
    RIGHT_SUBARTICULAR_STENOSIS = "right_subarticular_stenosis"

    @property
    def family(self) -> Family:
        """The condition without its side."""
        if self is Condition.SPINAL_CANAL_STENOSIS:
            return Family.CANAL
        return Family.FORAMINAL if "foraminal" in self.value else Family.SUBARTICULAR

    @property
    def side(self) -> Side | None:
        """The patient's side, None for the canal."""
        if self is Condition.SPINAL_CANAL_STENOSIS:
            return None
        return Side.LEFT if self.value.startswith("left") else Side.RIGHT

    @property
    def mirrored(self) -> Condition:
        """The condition that this one becomes when the patient is mirrored left to right."""
        if self.side is None:
            return self
        return Condition(self.value.replace(self.side, self.side.other))

    @property
    def words(self) -> str:
        """The spelling of `train_label_coordinates.csv`, e.g. `Left Subarticular Stenosis`."""
        return self.value.replace("_", " ").title()

    @classmethod
    def of(cls, family: Family, side: Side | None) -> Condition:
        """The condition of a family on a side (None for the canal only; KeyError otherwise)."""
        return {(c.family, c.side): c for c in cls}[family, side]

    @classmethod
    def from_words(cls, words: str) -> Condition:
        """Condition spelled as in `train_label_coordinates.csv`; ValueError for other words."""
        return cls(words.strip().lower().replace(" ", "_"))


class Level(StrEnum):
    """The five discs graded, head to foot."""

    L1_L2 = "l1_l2"
    L2_L3 = "l2_l3"
    L3_L4 = "l3_l4"
    L4_L5 = "l4_l5"
    L5_S1 = "l5_s1"

    @property
    def ordinal(self) -> int:
        """0 for L1/L2 ... 4 for L5/S1."""
        return _ORDINALS[self]

    @property
    def words(self) -> str:
        """The spelling of `train_label_coordinates.csv`, e.g. `L4/L5`."""
        return self.value.replace("_", "/").upper()

    @classmethod
    def from_words(cls, words: str) -> Level:
        """Level spelled as in `train_label_coordinates.csv`; ValueError for other words."""
        return cls(words.strip().lower().replace("/", "_"))


_ORDINALS = {level: ordinal for ordinal, level in enumerate(Level)}


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One of the 25 things graded: a condition at a level."""

    condition: Condition
    level: Level

    @property
    def column(self) -> str:
        """Column of `train.csv`, e.g. `left_subarticular_stenosis_l4_l5`."""
        return f"{self.condition.value}_{self.level.value}"

    def row_id(self, study_id: str) -> str:
        """Row of `submission.csv`: `<study>_<condition>_<level>`."""
        return f"{study_id}_{self.column}"

    @property
    def mirrored(self) -> Cell:
        """The cell that this one becomes when the patient is mirrored left to right."""
        return Cell(self.condition.mirrored, self.level)


CELLS: tuple[Cell, ...] = tuple(
    Cell(condition, level) for condition in Condition for level in Level
)
"""All 25 cells in the order of `train.csv`'s columns."""

MIDDLE_UNKNOWN = "nothing says whether it shows the middle of the canal"
"""Ends the reason of a grade on a sagittal T2 slice that may lie beside the canal."""


class Status(StrEnum):
    """Whether a finding has a grade."""

    GRADED = "graded"
    NOT_ASSESSED = "not_assessed"


class Basis(StrEnum):
    """What a grade's model was trained and tested on."""

    REAL = "real"
    SYNTHETIC = "synthetic"


class LevelNumbering(StrEnum):
    """Whether the levels' names can be trusted (a transitional vertebra shifts them)."""

    CERTAIN = "certain"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a grade was read off: a pixel of one slice, and the square that was looked at.

    `point_px` is (column, row), the centre of the first pixel = (0, 0); `point_mm` is in the
    patient frame (DICOM LPS), None where the file has no geometry. `field_mm` is the edge of the
    crop; `confidence` in 0..1 is the locator's (1 for a given point).
    """

    view: View
    series_id: str
    instance: str
    point_px: tuple[float, float]
    point_mm: tuple[float, float, float] | None
    field_mm: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Finding:
    """One cell's answer: a grade with its probabilities, or why there is none."""

    cell: Cell
    status: Status
    reason: str
    severity: Severity | None = None
    probabilities: tuple[float, float, float] | None = None
    basis: Basis | None = None
    evidence: Evidence | None = None

    @classmethod
    def not_assessed(cls, cell: Cell, reason: str) -> Finding:
        """The finding of a cell that could not be graded, with the reason in words."""
        return cls(cell, Status.NOT_ASSESSED, reason)


@dataclass(frozen=True, slots=True)
class UnsidedFinding:
    """A grade of a lone slice that is no row's: its `level`, its `side` or both are unknown (None).

    Without a level the probabilities are the mean of those that the five levels would have.
    """

    family: Family
    level: Level | None
    side: Side | None
    severity: Severity
    probabilities: tuple[float, float, float]
    basis: Basis
    reason: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class StudyGrades:
    """The 25 findings of one study, always all of them and in the order of `CELLS`.

    `unsided` are grades of lone slices that belong to no row, which the rows' reasons say.
    """

    study_id: str
    findings: tuple[Finding, ...]
    level_numbering: LevelNumbering
    bundle: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Where the time went, by stage: read, decode, locate, crop, grade."""
    unsided: tuple[UnsidedFinding, ...] = ()

    def __post_init__(self) -> None:
        if tuple(finding.cell for finding in self.findings) != CELLS:
            raise ValueError("a study has exactly the 25 findings of domain.CELLS, in that order")

    def __getitem__(self, cell: Cell) -> Finding:
        return self.findings[CELLS.index(cell)]

    def graded(self) -> Iterator[Finding]:
        """The findings that have a grade."""
        return (finding for finding in self.findings if finding.status is Status.GRADED)
