"""The crop cache on disk: its three tables, and the note that says with which settings it was cut.

crops/*.parquet     store.CROP_SCHEMA, a row a finding
pictures/*.parquet  store.PICTURE_SCHEMA, a row a slice that the locator learns from
points/*.parquet    POINT_SCHEMA, a row a label point with its place in mm
cache.json          schema_version, settings, counts
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lumbar.config import Recipe
from lumbar.errors import ConfigError
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.store import CropStore
from lumbar.pipelines.output import read_json, write_json

__all__ = [
    "KINDS",
    "NOTE",
    "POINT_SCHEMA",
    "cache_settings",
    "check_cache",
    "point_rows",
    "read_crops",
    "read_table",
    "write_note",
]

SCHEMA_VERSION = "3"
"""2: the locator's pictures hold no foramina whose sides were named apart.
3: slices without a plane have neighbours."""
NOTE = "cache.json"
KINDS = ("crops", "pictures", "points")

POINT_SCHEMA = pa.schema(
    [
        ("study_id", pa.string()),
        ("condition", pa.string()),
        ("level", pa.string()),
        ("series_id", pa.string()),
        ("instance", pa.string()),
        ("point_px", pa.list_(pa.float64())),  # (column, row)
        ("point_mm", pa.list_(pa.float64())),  # patient LPS; null without geometry
    ]
)


def point_rows(study_id: str, landmarks: Landmarks) -> list[dict[str, Any]]:
    """A row of `POINT_SCHEMA` for every landmark, in the order of the cells."""
    return [
        {
            "study_id": study_id,
            "condition": cell.condition.value,
            "level": cell.level.value,
            "series_id": mark.series.series_id,
            "instance": mark.instance.instance_id,
            "point_px": list(mark.point_px),
            "point_mm": None if mark.point_mm is None else list(mark.point_mm),
        }
        for cell, mark in sorted(landmarks.points.items())
    ]


def cache_settings(recipe: Recipe) -> dict[str, Any]:
    """The settings that decide what a cache holds."""
    locator = recipe.locator
    return {
        "schema_version": SCHEMA_VERSION,
        "crops": recipe.crops.model_dump(mode="json"),
        "locator": None
        if locator is None
        else {"cached_px": locator.cached_px, "axial_field_mm": locator.axial_field_mm},
    }


def write_note(folder: Path, recipe: Recipe, content: Mapping[str, Any]) -> None:
    """Write `cache.json`: settings, and what the cache holds."""
    write_json(folder / NOTE, {**cache_settings(recipe), **content})


def check_cache(folder: Path, recipe: Recipe) -> dict[str, Any]:
    """The note of a cache that fits a recipe.

    Raises ConfigError where there is no cache, or it was cut with other settings, naming the key.
    """
    note = read_json(folder / NOTE)
    if note is None:
        raise ConfigError(
            f"{folder}: no crop cache there; write it with `python jobs/prepare.py --input ROOT "
            f"--labels ROOT --output {folder} --recipe RECIPE.yaml`"
        )
    wanted = cache_settings(recipe)
    if wanted["locator"] is None:
        wanted.pop("locator")  # pictures that nobody asks for do no harm
    for key, value in wanted.items():
        if note.get(key) != value:
            raise ConfigError(
                f"{folder}: cut with {key} = {note.get(key)}, the recipe wants {value}; "
                "run jobs/prepare.py again with this recipe, or name another data.cache"
            )
    return note


def read_table(folder: Path, kind: str) -> pa.Table:
    """One of the cache's tables (`crops`, `pictures` or `points`), whole, in the order of files.

    Raises ConfigError where there is none.
    """
    files = sorted((folder / kind).glob("*.parquet"))
    if not files:
        raise ConfigError(f"{folder}: no table of {kind} there; name what jobs/prepare.py wrote")
    return pa.concat_tables([pq.read_table(file) for file in files])


def read_crops(folder: Path, recipe: Recipe) -> CropStore:
    """The cache's findings in memory."""
    return CropStore.of([read_table(folder, "crops")], recipe.crops.cached_px)
