"""Cohorts of phantom studies on disk, in the challenge's layout."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from lumbar.errors import ConfigError, FormatError
from lumbar.phantom.make import make_study
from lumbar.phantom.sampling import Size
from lumbar.phantom.tables import StudyRows, rows_of, write_tables
from lumbar.phantom.traps import check_traps, trap_points
from lumbar.phantom.write import write_study

__all__ = ["CohortReport", "write_cohort"]

RECIPE = "cohort.json"
"""What a folder holds. Its count of files is null until the cohort is complete."""

RECIPE_VERSION = 1

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a cohort's bytes."""

    version: int
    seed: int
    first: int
    studies: int
    test_studies: int
    size: str
    traps: list[str]

    def check(self, workers: int) -> None:
        """Raises ConfigError where a number is out of range."""
        for name, value, least in (
            ("studies", self.studies, 1),
            ("test", self.test_studies, 0),
            ("first", self.first, 0),
            ("seed", self.seed, 0),
            ("workers", workers, 1),
        ):
            if value < least:
                raise ConfigError(f"{name} must be {least} or more, found {value}")


@dataclass(frozen=True, slots=True)
class CohortReport:
    """What a folder holds now: its recipe, image files in all, seconds this took.

    `reused` where the folder held exactly this cohort already.
    """

    recipe: Recipe
    output: str
    files: int
    seconds: float
    reused: bool

    def to_json(self) -> str:
        """One line of JSON."""
        content: dict[str, Any] = asdict(self.recipe)
        own = {"output": self.output, "files": self.files, "seconds": self.seconds}
        return json.dumps({**content, **own, "reused": self.reused})


def write_cohort(
    output: Path | str,
    studies: int,
    seed: int = 0,
    size: Size | str = Size.SMALL,
    traps: Iterable[str] = (),
    workers: int = 1,
    *,
    test: int = 0,
    first: int = 0,
    progress: Progress | None = None,
) -> CohortReport:
    """Writes studies `first` ... of the endless cohort `seed` as an RSNA root.

    `studies` go to `train_images/` with labels and points, the next `test` to `test_images/`
    without. The bytes are the same whatever `workers` is. A folder that already holds exactly
    this cohort is left as it is; one that was left unfinished is written again.
    `progress(done, all)` is called after each study. Raises ConfigError for arguments out of
    range, FormatError where `output` holds something else.
    """
    names = sorted(check_traps(traps))
    recipe = Recipe(RECIPE_VERSION, seed, first, studies, test, _size(size), names)
    recipe.check(workers)
    folder, start = Path(output), time.perf_counter()
    files = _files_of_finished(folder, recipe)
    reused = files is not None
    if files is None:
        files = _write(folder, recipe, workers, progress)
    seconds = round(time.perf_counter() - start, 2)
    return CohortReport(recipe, str(folder), files, seconds, reused)


def _size(size: Size | str) -> str:
    if size not in list(Size):
        raise ConfigError(f"unknown size {str(size)!r}: expected {' or '.join(Size)}")
    return str(Size(size))


def _files_of_finished(folder: Path, recipe: Recipe) -> int | None:
    """How many files a finished cohort of this recipe has; None where it is yet to be written."""
    if not folder.exists() or not any(folder.iterdir()):
        return None
    path = folder / RECIPE
    if not path.is_file():
        raise FormatError(
            f"{folder}: not empty and no phantom cohort; name a new folder or remove this one"
        )
    found = json.loads(path.read_text(encoding="utf-8"))
    files: int | None = found.pop("files")
    if found != asdict(recipe):
        raise FormatError(
            f"{folder}: holds another phantom cohort ({path} says which); name a new folder or "
            "remove this one"
        )
    return files


def _write(folder: Path, recipe: Recipe, workers: int, progress: Progress | None) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    _note(folder, recipe, files=None)
    every = recipe.studies + recipe.test_studies
    rows: list[StudyRows] = []
    for written in _written(folder, recipe, range(every), workers):
        rows.append(written)
        if progress is not None:
            progress(len(rows), every)
    write_tables(folder, rows[: recipe.studies], rows[recipe.studies :])
    files = sum(row.files for row in rows)
    _note(folder, recipe, files)
    return files


def _note(folder: Path, recipe: Recipe, files: int | None) -> None:
    content = json.dumps({**asdict(recipe), "files": files}, indent=1)
    (folder / RECIPE).write_text(content + "\n", encoding="utf-8")


def _written(
    folder: Path, recipe: Recipe, places: Iterable[int], workers: int
) -> Iterator[StudyRows]:
    """The rows of each study in order, as they are written."""
    write = partial(_write_one, folder, recipe)
    if workers == 1:
        yield from map(write, places)
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield from pool.map(write, places)


def _write_one(folder: Path, recipe: Recipe, place: int) -> StudyRows:
    # the products are small: more threads than one a process only wait for each other
    with threadpool_limits(1, user_api="blas"):
        return _write_alone(folder, recipe, place)


def _write_alone(folder: Path, recipe: Recipe, place: int) -> StudyRows:
    traps = frozenset(recipe.traps)
    study = make_study(recipe.seed, recipe.first + place, recipe.size, traps)
    images = "train_images" if place < recipe.studies else "test_images"
    if traps & {"nested_names", "flat_names"}:
        images = "export"
    files = write_study(study, folder / images, traps)
    points = trap_points(list(study.points()), traps, recipe.seed, study.study_id)
    return rows_of(study, points, files)
