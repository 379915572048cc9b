"""The crop cache: its Parquet columns, its parts by patient, and the arrays a worker trains on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from lumbar.config import DataSettings
from lumbar.domain import Cell, Condition, Family, Level, Severity, View
from lumbar.grading.crops import Crops

__all__ = [
    "CROP_SCHEMA",
    "PICTURE_SCHEMA",
    "CropStore",
    "Part",
    "PictureStore",
    "crop_rows",
    "fold_of",
    "part_of",
]

CROP_SCHEMA = pa.schema(
    [
        ("study_id", pa.string()),
        ("condition", pa.string()),
        ("level", pa.string()),
        ("label", pa.int8()),  # 0, 1, 2; -1 for a blank cell
        ("views", pa.list_(pa.int8())),  # order of domain.View, one a picture
        ("pixels", pa.binary()),  # uint8 [len(views), 3, s, s]
    ]
)

PICTURE_SCHEMA = pa.schema(
    [
        ("study_id", pa.string()),
        ("view", pa.string()),
        ("pixels", pa.binary()),  # uint8 [p, p]
        ("points", pa.list_(pa.float32())),  # [12, 2] (column, row) flattened; NaN = not known
    ]
)


class Part(StrEnum):
    """What a patient's studies are used for."""

    TRAINING = "training"
    CALIBRATION = "calibration"
    HELD_OUT = "held_out"


def fold_of(study_id: str, folds: int) -> int:
    """Fold of a patient, fixed by name alone: sha256 modulo the number of folds."""
    return int(hashlib.sha256(study_id.encode()).hexdigest(), 16) % folds


def part_of(study_id: str, data: DataSettings) -> Part:
    """Held out by fold; of the rest, `calibration_share` by a second hash."""
    if fold_of(study_id, data.folds) == data.held_out:
        return Part.HELD_OUT
    draw = fold_of(f"{study_id}:calibration", 1000)
    return Part.CALIBRATION if draw < data.calibration_share * 1000 else Part.TRAINING


def crop_rows(
    study_id: str, crops: Crops, labels: dict[Cell, Severity | None]
) -> list[dict[str, Any]]:
    """A row of `CROP_SCHEMA` for every cell that has pictures."""
    rows = []
    for number, cell in enumerate(crops.cells):
        label = labels.get(cell)
        mine = crops.rows == number
        rows.append(
            {
                "study_id": study_id,
                "condition": cell.condition.value,
                "level": cell.level.value,
                "label": -1 if label is None else int(label),
                "views": crops.views[mine].tolist(),
                "pixels": crops.pictures[mine].tobytes(),
            }
        )
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class CropStore:
    """Findings and their pictures in memory, sorted by study and cell.

    `pictures` uint8 `[p, 3, s, s]` and `views` `[p]`; the pictures of finding i are
    `starts[i]:starts[i + 1]`. `family`, `level`, `labels` are `[n]`.
    """

    study_ids: tuple[str, ...]
    cells: tuple[Cell, ...]
    pictures: Tensor
    views: Tensor
    starts: Tensor
    family: Tensor
    level: Tensor
    labels: Tensor

    @classmethod
    def of(cls, tables: Iterable[pa.Table], size: int) -> CropStore:
        """The rows of tables of `CROP_SCHEMA` with pictures of `size` pixels an edge."""
        rows = [row for table in tables for row in table.to_pylist()]
        cells = [Cell(Condition(row["condition"]), Level(row["level"])) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: (rows[i]["study_id"], cells[i]))
        cells = [cells[i] for i in order]
        rows = [rows[i] for i in order]
        counts = [len(row["views"]) for row in rows]
        pixels = np.frombuffer(b"".join(row["pixels"] for row in rows), np.uint8).copy()
        return cls(
            study_ids=tuple(row["study_id"] for row in rows),
            cells=tuple(cells),
            pictures=torch.from_numpy(pixels).view(-1, 3, size, size),
            views=torch.tensor([view for row in rows for view in row["views"]]).long(),
            starts=torch.tensor([0, *np.cumsum(counts)]).long(),
            family=torch.tensor([list(Family).index(c.condition.family) for c in cells]).long(),
            level=torch.tensor([c.level.ordinal for c in cells]).long(),
            labels=torch.tensor([row["label"] for row in rows]).long(),
        )

    def __len__(self) -> int:
        return len(self.cells)

    def pictures_of(self, findings: Tensor) -> tuple[Tensor, Tensor]:
        """For findings `[n]`: which of them `[p]`, and which picture `[p]`, in order."""
        counts = self.starts[findings + 1] - self.starts[findings]
        rows = torch.arange(len(findings)).repeat_interleave(counts)
        within = torch.arange(len(rows)) - (counts.cumsum(0) - counts)[rows]
        return rows, self.starts[findings][rows] + within

    def where(self, data: DataSettings, *parts: Part, labelled: bool = True) -> Tensor:
        """Indices `[n]` of the findings of these parts (only those with a label, by default)."""
        chosen = [part_of(study_id, data) in parts for study_id in self.study_ids]
        mask = torch.tensor(chosen, dtype=torch.bool)
        return (mask & (self.labels >= 0) if labelled else mask).nonzero().flatten()


@dataclass(frozen=True, slots=True, eq=False)
class PictureStore:
    """The locator's pictures in memory: uint8 `[n, p, p]`, their points `[n, 12, 2]` (NaN = not
    known), whether each is axial `[n]`, and their studies."""

    study_ids: tuple[str, ...]
    pictures: Tensor
    points: Tensor
    axial: Tensor

    @classmethod
    def of(cls, tables: Iterable[pa.Table], size: int) -> PictureStore:
        """The rows of tables of `PICTURE_SCHEMA` with pictures of `size` pixels an edge."""
        rows = [row for table in tables for row in table.to_pylist()]
        rows.sort(key=lambda row: (row["study_id"], row["view"], row["pixels"]))
        pixels = np.frombuffer(b"".join(row["pixels"] for row in rows), np.uint8).copy()
        return cls(
            study_ids=tuple(row["study_id"] for row in rows),
            pictures=torch.from_numpy(pixels).view(-1, size, size),
            points=torch.tensor([row["points"] for row in rows]).view(len(rows), -1, 2),
            axial=torch.tensor([row["view"] == View.AXIAL_T2.value for row in rows]),
        )

    def where(self, data: DataSettings, *parts: Part) -> Tensor:
        """Indices `[n]` of the pictures of these parts."""
        chosen = [part_of(study_id, data) in parts for study_id in self.study_ids]
        return torch.tensor(chosen, dtype=torch.bool).nonzero().flatten()
