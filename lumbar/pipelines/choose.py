"""choose: labelled studies -> a bundle's choice among the slices of a foramen.

Which slice a reader marked is in the labels; which one is graded, a bundle must find by itself. An
actor takes a study through read, decode and locate, and gives the grader's features of every
candidate slice; the driver fits the choice on them, and the calibration of the foraminal grades
that come of it, and puts both into the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch

from lumbar.config import DataSettings, Recipe
from lumbar.domain import Cell, Family, Severity, View
from lumbar.errors import BundleError, FormatError, LumbarError
from lumbar.grading.bundle import Bundle
from lumbar.grading.bundle_changes import add_choice
from lumbar.grading.choice import Candidates, Choice, fit_choice, fit_located
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.grading.recognise import recognise
from lumbar.grading.store import Part, part_of
from lumbar.imaging.read import read_study
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.imaging.tables import LabelPoint, read_label_points, read_labels
from lumbar.pipelines.failures import Failure
from lumbar.pipelines.manifest import list_studies
from lumbar.pipelines.selftest import make_selftest
from lumbar.pipelines.stream import stream_actors

__all__ = ["choose", "choose_if_missing"]

Grades = Mapping[Cell, Severity | None]
Labelled = tuple[StudyFiles, tuple[LabelPoint, ...], Grades]


def choose(bundle: Path, source: str | Path, labels: Path, *, trusted: bool) -> dict[str, Any]:
    """Fit the choice on the patients whom the bundle kept apart; the job's last line.

    Those are the calibration patients of its own recipe, never its held-out fold. Needs a running
    Ray. Raises BundleError for a bundle that has no slice to choose, FormatError where no such
    patient has a foramen with a label point on one of several candidate slices.
    """
    loaded = Bundle.load(bundle)
    if not _able(loaded):
        raise BundleError(
            f"{bundle}: has no slice to choose: it finds no foramina, grades none, or grades them "
            "on another view than sagittal T1"
        )
    studies = _kept_apart(loaded, source, labels, trusted=trusted)
    answers = list(
        stream_actors(
            studies,
            Chooser,
            (bundle.absolute(), trusted),
            actors=max(1, min(len(studies), int(ray.cluster_resources().get("CPU", 1)))),
            cpus=1.0,
            gpus=0.0,
            label="choose",
        )
        if studies
        else ()
    )
    failures = [answer for answer in answers if isinstance(answer, Failure)]
    found = sorted((a for a in answers if not isinstance(a, Failure)), key=lambda a: a[0])
    foramina = [one for _, candidates in found for one in candidates]
    choice = fit_choice(foramina)
    if choice is None:
        raise FormatError(
            f"{source}: none of the {len(studies)} patients whom {bundle} kept apart has a foramen "
            "with a label point on one of several slices"
        )
    calibration = fit_located(choice, foramina)
    facts = {
        "studies": len(found),
        "foramina": len(foramina),
        "marked_slice_by_the_locator": _share([(one, None) for one in foramina]),
        "marked_slice": _across_halves([candidates for _, candidates in found]),
        "calibration": calibration._asdict(),
    }
    changed = add_choice(loaded, choice, calibration, facts, _selftest)
    return {"bundle": changed.name, **facts, "failed": len(failures)}


def _selftest(bundle: Path) -> dict[str, Any]:
    return make_selftest(bundle, given_points=False)


def choose_if_missing(recipe: Recipe) -> dict[str, Any]:
    """What `choose` says of a bundle just trained; empty where it cannot or need not be done.

    It needs the recipe's `data.input`, whose cache may be all that is there; a line says so then.
    """
    path = recipe.folder / "bundle"
    bundle = Bundle.load(path)
    root = recipe.data.root_of(Family.FORAMINAL)
    source, labels = root.input, root.labels or root.input
    if not source or not _able(bundle) or bundle.choice() is not None:
        return {}
    try:
        return {"choice": choose(path, source, Path(labels), trusted=recipe.data.trusted)}
    except (LumbarError, OSError) as error:  # the bundle is whole, and its training took hours
        print(
            f"choose: {error}; until jobs/choose.py is run, {path} grades a foramen on the slices "
            "that its locator names",
            flush=True,
        )
        return {}


def _able(bundle: Bundle) -> bool:
    """Whether the bundle locates foramina and grades them, on sagittal T1 alone."""
    config = bundle.config
    on = config.crops.views[Family.FORAMINAL]
    graded = Family.FORAMINAL in config.basis and on == (View.SAGITTAL_T1,)
    return config.locator is not None and graded


def _kept_apart(
    bundle: Bundle, source: str | Path, labels: Path, *, trusted: bool
) -> list[Labelled]:
    told = bundle.card["recipe"]["data"]
    data = DataSettings(
        folds=told["folds"],
        held_out=told["held_out"],
        calibration_share=told["calibration_share"],
    )
    points: dict[str, list[LabelPoint]] = {}
    for point in read_label_points(labels / "train_label_coordinates.csv"):
        points.setdefault(point.study_id, []).append(point)
    grades = read_labels(labels / "train.csv")
    return [
        (files, tuple(points[files.study_id]), grades.get(files.study_id, {}))
        for files in list_studies(source, trusted=trusted)
        if files.study_id in points and part_of(files.study_id, data) is Part.CALIBRATION
    ]


class Chooser:
    """What an actor holds: the bundle's networks, loaded once."""

    def __init__(self, bundle: Path, trusted: bool) -> None:
        torch.set_num_threads(1)
        self.grader, self.trusted = Grader.from_bundle(bundle, device="cpu"), trusted

    def __call__(self, labelled: Labelled) -> tuple[str, list[Candidates]] | Failure:
        """A study's foramina with the slices that may show them; no error ends the run."""
        files, points, grades = labelled
        try:
            study = read_study(files, recognise=recognise, trusted=self.trusted)
            crops, features, logits = self.grader.candidates(study)
        except (LumbarError, OSError) as error:
            return Failure(files.study_id, files.uri, str(error))
        given = Landmarks.of_labels(study, points).points
        foramina = []
        for row, cell in enumerate(crops.cells):
            if cell.condition.family is not Family.FORAMINAL:
                continue
            mine = np.flatnonzero(crops.rows == row)
            marks = [crops.marks[k] for k in mine]
            worth = np.array([mark.worth for mark in marks])
            grade = grades.get(cell)
            label = -1 if grade is None else int(grade)
            marked = _marked(marks, given.get(cell))
            foramina.append(Candidates(features[mine], logits[mine], worth, marked, label))
        return files.study_id, foramina


def _marked(candidates: Sequence[Landmark], given: Landmark | None) -> int | None:
    slices = [(one.series.series_id, one.index) for one in candidates]
    reader = None if given is None else (given.series.series_id, given.index)
    return slices.index(reader) if reader in slices else None


def _across_halves(studies: Sequence[Sequence[Candidates]]) -> float | None:
    """Share of foramina whose marked slice is the surest, each half's by a fit on the other."""
    halves = [[one for sets in studies[k::2] for one in sets] for k in (0, 1)]
    fits = [fit_choice(half) for half in halves]
    return _share([(one, fits[1 - k]) for k in (0, 1) for one in halves[k]])


def _share(pairs: Sequence[tuple[Candidates, Choice | None]]) -> float | None:
    hits = [
        _surest(one, choice) == one.marked
        for one, choice in pairs
        if len(one.worth) > 1 and one.marked is not None
    ]
    return round(float(np.mean(hits)), 3) if hits else None


def _surest(one: Candidates, choice: Choice | None) -> int:
    if choice is None:
        return int(one.worth.argmax())
    return int(choice.scores(torch.from_numpy(one.pooled), torch.from_numpy(one.worth)).argmax())
