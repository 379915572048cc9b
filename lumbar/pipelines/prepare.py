"""prepare: studies and their labels -> the crop cache that training reads.

A task takes a shard of studies through everything - read, decode, landmarks of the label points,
crops, the locator's pictures - and writes that shard's Parquet files itself; only counts come
back. Shards are cut by study id, so the cache's content does not depend on how many cores made it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lumbar.config import DataSettings, MoreData, Recipe
from lumbar.domain import Cell, Condition, Severity
from lumbar.errors import FormatError, LumbarError
from lumbar.grading.crops import cut_crops
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.pictures import picture_rows
from lumbar.grading.recognise import recognise
from lumbar.grading.store import CROP_SCHEMA, PICTURE_SCHEMA, crop_rows, part_of
from lumbar.imaging.read import read_study
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.imaging.tables import LabelPoint, read_label_points, read_labels
from lumbar.pipelines.cache import KINDS, POINT_SCHEMA, point_rows, write_note
from lumbar.pipelines.failures import Failure, damaged_files, write_failures
from lumbar.pipelines.manifest import list_studies
from lumbar.pipelines.masks import has_masks, mask_rows
from lumbar.pipelines.output import whole_folder
from lumbar.pipelines.stream import stream

__all__ = ["PrepareReport", "prepare", "prepare_if_missing"]

STUDIES_A_SHARD = 8
"""About 8 x 6 MB of crops in a task's memory, and few enough files for 100,000 studies."""

SCHEMAS = dict(zip(KINDS, (CROP_SCHEMA, PICTURE_SCHEMA, POINT_SCHEMA), strict=True))


@dataclass(frozen=True, slots=True)
class LabelledStudy:
    """Where a study's bytes are, and what the readers said of it."""

    files: StudyFiles
    grades: Mapping[Cell, Severity | None]
    points: tuple[LabelPoint, ...]


@dataclass(slots=True)
class Shard:
    """What a task makes of a few studies: rows of the cache's tables, counts, failures."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {k: [] for k in KINDS})
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """What the cache holds, and what of the input is not in it.

    `counts` are studies, findings with a label a family, and pictures, each a part.
    """

    output: Path
    counts: Mapping[str, int]
    without_labels: tuple[str, ...]
    without_images: tuple[str, ...]
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        """The job's last line; long lists are counted."""
        return {"output": self.output, **self.content()}

    def content(self) -> dict[str, Any]:
        """The part of it that `cache.json` keeps."""
        return {
            "counts": dict(sorted(self.counts.items())),
            "studies_without_labels": _listed(self.without_labels),
            "labels_without_images": _listed(self.without_images),
            "failed": len(self.failures),
        }


def prepare(
    source: str | Path, labels: Path, output: Path, recipe: Recipe, *, replace: bool = False
) -> PrepareReport:
    """Write the crop cache of every labelled study of `source`; needs a running Ray.

    A study without labels and labels without pictures are left out and listed. Raises FormatError
    where no study has both, ConfigError where `output` holds something (unless `replace`).
    """
    found = {study.study_id: study for study in list_studies(source, trusted=recipe.data.trusted)}
    labelled = _labelled(labels, found)
    if not labelled:
        raise FormatError(f"{labels}: has no label of any of the {len(found)} studies of {source}")
    with whole_folder(output, replace=replace) as draft:
        for name in KINDS:
            (draft / name).mkdir()
        work = partial(_write_shard, folder=draft, recipe=recipe)
        done = list(stream(_shards(labelled), work, label="prepare", unit="shards of 8 studies"))
        known = {study.files.study_id for study in labelled}
        report = PrepareReport(
            output=output,
            counts=sum((counts for counts, _ in done), Counter()),
            without_labels=tuple(sorted(found.keys() - known)),
            without_images=tuple(sorted(read_labels(labels / "train.csv").keys() - found.keys())),
            failures=tuple(sorted(failure for _, failed in done for failure in failed)),
        )
        write_failures(report.failures, draft / "failures.parquet")
        write_note(draft, recipe, report.content())
    return report


def _labelled(folder: Path, found: Mapping[str, StudyFiles]) -> list[LabelledStudy]:
    """The studies of which a folder with the challenge's CSVs knows grades, by study id."""
    points: dict[str, list[LabelPoint]] = {}
    for point in read_label_points(folder / "train_label_coordinates.csv"):
        points.setdefault(point.study_id, []).append(point)
    grades = read_labels(folder / "train.csv")
    return [
        LabelledStudy(found[study_id], grades[study_id], tuple(points.get(study_id, ())))
        for study_id in sorted(found.keys() & grades.keys())
    ]


def _shards(studies: Sequence[LabelledStudy]) -> list[tuple[int, Sequence[LabelledStudy]]]:
    starts = range(0, len(studies), STUDIES_A_SHARD)
    return [(n, studies[s : s + STUDIES_A_SHARD]) for n, s in enumerate(starts)]


def _write_shard(
    numbered: tuple[int, Sequence[LabelledStudy]], folder: Path, recipe: Recipe
) -> tuple[Counter[str], list[Failure]]:
    """One task: a few studies to one file of each kind. Run again, it writes the same files."""
    number, studies = numbered
    shard = Shard()
    for study in studies:
        try:
            _add(shard, study, recipe)
        except (LumbarError, OSError) as error:
            files = study.files
            shard.failures.append(Failure(files.study_id, files.uri, str(error)))
    _write(shard, folder, number)
    return shard.counts, shard.failures


def _write(shard: Shard, folder: Path, number: int) -> None:
    for kind, rows in shard.rows.items():
        table = pa.Table.from_pylist(rows, schema=SCHEMAS[kind])
        path = folder / kind / f"part-{number:05d}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=1)


def _add(shard: Shard, labelled: LabelledStudy, recipe: Recipe) -> None:
    study = read_study(labelled.files, recognise=recognise, trusted=recipe.data.trusted)
    landmarks = Landmarks.of_labels(study, labelled.points)
    crops = cut_crops(study, landmarks, recipe.crops)
    rows = {
        "crops": crop_rows(study.study_id, crops, dict(labelled.grades)),
        "pictures": picture_rows(study, landmarks, recipe.locator) if recipe.locator else [],
        "points": point_rows(study.study_id, landmarks),
    }
    for kind, new in rows.items():
        shard.rows[kind] += new
    shard.failures += damaged_files(study.study_id, study.set_aside)
    part = part_of(study.study_id, recipe.data).value
    shard.counts.update({f"{part}.studies": 1, f"{part}.pictures": len(rows["pictures"])})
    shard.counts.update(
        f"{part}.{Condition(row['condition']).family}" for row in rows["crops"] if row["label"] >= 0
    )


def _listed(study_ids: Sequence[str], most: int = 20) -> dict[str, Any]:
    return {"n": len(study_ids), "first": list(study_ids[:most])}


def prepare_if_missing(recipe: Recipe) -> None:
    """Cut the caches of a recipe that names their inputs, where there are none yet."""
    _prepare_from(recipe.data, recipe.cache, recipe)
    for more in recipe.data.more:
        _prepare_from(more, Path(more.cache), recipe)


def _prepare_from(data: DataSettings | MoreData, cache: Path, recipe: Recipe) -> None:
    if not data.input or cache.exists():
        return
    if has_masks(data.input):
        _prepare_masks(data.input, cache, recipe)
    else:
        prepare(data.input, Path(data.labels or data.input), cache, recipe)


def _prepare_masks(folder: str, output: Path, recipe: Recipe) -> None:
    """A cache of the locator's pictures alone, from slices with masks."""
    rows = [] if recipe.locator is None else list(mask_rows(folder, recipe.locator))
    shard = Shard()
    shard.rows["pictures"] = rows
    with whole_folder(output) as draft:
        for name in KINDS:
            (draft / name).mkdir()
        _write(shard, draft, 0)
        write_note(draft, recipe, {"counts": {"pictures": len(rows)}})
