"""Sagittal T2 slices with masks of discs and canal -> pictures that the locator learns from.

SPIDER's folder (van der Graaf et al., Lumbar spine segmentation in MR images, Scientific Data 11,
2024): `images/<patient>_<...>.webp` and `masks/` with the same names. The masks name no level;
the levels are counted from the lowest disc that has a vertebra above it, which is L5/S1, and the
canal's point of a level is the middle of the canal where the disc's plane meets it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lumbar.config import LocatorSettings
from lumbar.domain import CELLS, Family, Level, View
from lumbar.grading.crops import picture_of
from lumbar.grading.networks import MAPS
from lumbar.grading.pictures import map_of
from lumbar.imaging.resample import Square, sample

__all__ = ["Disc", "discs_of", "grey", "has_masks", "mask_rows"]

Mask = NDArray[np.uint8]

DISC, VERTEBRA, CANAL = 29, 76, 150
"""Values of the masks."""

LEAST_PIXELS = 100
"""Of 640 x 512 pixels; the lowest and thinnest discs have 300 and more, crumbs under 80."""

ABOVE_PIXELS, COVERED = 12, 0.4
"""How far above a disc's upper edge its vertebra is looked for, and over how much of the edge: it
is over half of a lumbar disc's in 82 slices, and over none of a sacral one's."""


@dataclass(frozen=True, slots=True)
class Disc:
    """A disc of a mask: `centre_px` and, where its plane meets the canal, `canal_px`, both
    (column, row); `height_px` is its thickness."""

    level: Level
    centre_px: tuple[float, float]
    canal_px: tuple[float, float] | None
    height_px: float


def has_masks(folder: str | Path) -> bool:
    """Whether a folder holds slices with masks, and not studies."""
    return all((Path(folder) / name).is_dir() for name in ("images", "masks"))


def grey(data: bytes | Path) -> NDArray[np.float32]:
    """Grey values `[rows, columns]` of an encoded picture; of an animated one the first."""
    with Image.open(io.BytesIO(data) if isinstance(data, bytes) else data) as picture:
        deep = picture.mode.startswith(("I", "F"))
        return np.asarray(picture if deep else picture.convert("L"), np.float32)


def discs_of(mask: Mask) -> tuple[Disc, ...]:
    """The discs of a mask `[rows, columns]` from L5/S1 upwards, at most five, head to foot."""
    labels, count = ndimage.label(mask == DISC)
    shapes = [np.argwhere(labels == number + 1) for number in range(count)]
    found = [s for s in shapes if len(s) >= LEAST_PIXELS and _below_a_vertebra(mask, s)]
    found.sort(key=lambda shape: float(shape[:, 0].mean()))
    lowest = found[-len(Level) :]
    levels = list(Level)[len(Level) - len(lowest) :]
    canal = np.argwhere(mask == CANAL)
    return tuple(_disc(level, shape, canal) for level, shape in zip(levels, lowest, strict=True))


def mask_rows(folder: str | Path, settings: LocatorSettings) -> Iterator[dict[str, Any]]:
    """Rows of the store's PICTURE_SCHEMA, one a slice on which all five levels were counted.

    The study id is the patient's number, the part of the name before the first `_`.
    """
    for path in sorted((Path(folder) / "masks").iterdir()):
        discs = discs_of(grey(path).astype(np.uint8))
        image = next((Path(folder) / "images").glob(f"{path.stem}.*"), None)
        if image is None or len(discs) < len(Level):
            continue
        row = _row(path.stem.split("_")[0], grey(image), discs, settings)
        if row is not None:
            yield row


def _row(
    patient: str, pixels: NDArray[np.float32], discs: Sequence[Disc], settings: LocatorSettings
) -> dict[str, Any] | None:
    square = _whole(pixels.shape, settings.cached_px)
    shown = picture_of(sample(pixels, square))
    points = np.full((len(MAPS), 2), np.nan, np.float32)
    canals = {cell.level: map_of(cell) for cell in CELLS if cell.condition.family is Family.CANAL}
    for disc in discs:
        if disc.canal_px is not None:
            points[canals[disc.level]] = square.from_picture(disc.canal_px)
    if shown is None or np.isnan(points).all():
        return None
    return {
        "study_id": patient,
        "view": View.SAGITTAL_T2.value,
        "pixels": shown.tobytes(),
        "points": points.ravel().tolist(),
    }


def _disc(level: Level, shape: NDArray[np.int64], canal: NDArray[np.int64]) -> Disc:
    centre = shape.mean(0)
    _, spread, axes = np.linalg.svd(shape - centre, full_matrices=False)
    length, height = spread / np.sqrt(len(shape)) * np.sqrt(12)  # a bar's deviation is edge / √12
    along, across = ((canal - centre) @ axes.T).T
    crossed = canal[(np.abs(across) < height / 4) & (np.abs(along) < 2 * length)]
    meets = None if not len(crossed) else (float(crossed[:, 1].mean()), float(crossed[:, 0].mean()))
    return Disc(level, (float(centre[1]), float(centre[0])), meets, float(height))


def _below_a_vertebra(mask: Mask, shape: NDArray[np.int64]) -> bool:
    """Whether a vertebra lies over the upper edge of a disc, however thick the disc is.

    The sacrum has no mask, so its own discs have none above them.
    """
    columns, column = np.unique(shape[:, 1], return_inverse=True)
    top = np.full(len(columns), len(mask))
    np.minimum.at(top, column, shape[:, 0])
    above = np.clip(top[:, None] - np.arange(1, ABOVE_PIXELS + 1), 0, None)
    covered = (mask[above, columns[:, None]] == VERTEBRA).any(axis=1)
    return bool(covered.mean() > COVERED)


def _whole(shape: Sequence[int], size_px: int) -> Square:
    rows, columns = shape
    return Square(((columns - 1) / 2, (rows - 1) / 2), max(rows, columns), size_px, (1.0, 1.0))
