"""How right the view classifier is: every patient by the run whose fold held them out.

Real slices are judged by the run that did not see their patient, pictures of packages by every
run; whole studies get their roles with every description taken away.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydicom import dcmread

from lumbar.domain import View
from lumbar.errors import ConfigError
from lumbar.grading.recognise import Recogniser
from lumbar.grading.store import fold_of
from lumbar.grading.view_net import ANSWERS, OTHER
from lumbar.grading.view_task import ViewStore
from lumbar.imaging.files import Files, open_files
from lumbar.imaging.find import find_studies
from lumbar.imaging.look import NO_LUMBAR_MR, Look, role_by_look
from lumbar.imaging.read import describe_study, read_study
from lumbar.imaging.roles import Role
from lumbar.pipelines.output import read_json
from lumbar.pipelines.package_pictures import TESTED_ON, package_pictures
from lumbar.pipelines.train import RUN

__all__ = ["Judge", "Tally", "judge_of", "judge_packages", "judge_real", "judge_roles"]

REAL = ("rsna_t1", "spider_t1", "spider_t2", "spider_space")
"""Sources of real slices; those of whole studies are named `full_<view>`, a study each."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A classifier and the fold of patients that it never saw (-1: it saw all)."""

    run: str
    recogniser: Recogniser
    fold: int
    folds: int

    @classmethod
    def of(cls, folder: Path) -> Judge:
        """The classifier of a run's folder; ConfigError where it is no such run."""
        recipe = read_json(folder / RUN)
        if recipe is None or not recipe.get("views"):
            raise ConfigError(f"{folder}: no run of jobs/train.py with a `views` recipe")
        data = recipe["data"]
        return cls(folder.name, Recogniser.load(folder), data["held_out"], data["folds"])


@dataclass(slots=True)
class Tally:
    """Pictures of one source: how many, how many right, refused, and what they were taken for.

    `undecided` are those that a lone picture's grade is withheld of, since no view is likely
    enough; `wrongly_sure` those that would be graded as another view than theirs.
    """

    pictures: int = 0
    right: int = 0
    refused: int = 0
    undecided: int = 0
    wrongly_sure: int = 0
    taken_for: Counter[str] = field(default_factory=Counter)

    def add(self, answer: int, look: Look) -> None:
        """Count one picture by its answer (index of `ANSWERS`) and the look at it."""
        view = answer_of(look)
        self.pictures += 1
        self.right += view is ANSWERS[answer]
        self.refused += look.other >= NO_LUMBAR_MR
        alone = role_by_look(Role(None, "a lone picture", tuple(View)), look)
        self.undecided += alone.view is None and not alone.refused
        self.wrongly_sure += alone.view is not None and alone.view is not ANSWERS[answer]
        self.taken_for["other" if view is None else view.value] += 1

    def row(self) -> dict[str, Any]:
        """The counts and shares as plain values."""
        return {
            "pictures": self.pictures,
            "right": self.right,
            "refused": self.refused,
            "undecided": self.undecided,
            "wrongly_sure": self.wrongly_sure,
            "share_right": round(self.right / max(self.pictures, 1), 4),
            "share_refused": round(self.refused / max(self.pictures, 1), 4),
            "taken_for": dict(self.taken_for.most_common()),
        }


def answer_of(look: Look) -> View | None:
    """The likeliest answer of a look; None for no lumbar MRI."""
    if look.other >= NO_LUMBAR_MR:
        return None
    return max(look.views, key=lambda view: look.views[view])


def judge_of(judges: Sequence[Judge], patient: str) -> Judge | None:
    """The judge that held a patient out; None where each of them saw the patient."""
    for judge in judges:
        if fold_of(patient, judge.folds) == judge.fold:
            return judge
    return None


def judge_real(judges: Sequence[Judge], store: ViewStore) -> dict[str, Tally]:
    """A tally a source (a study and view of whole studies) over all held-out real slices."""
    tallies: dict[str, Tally] = {}
    for judge in judges:
        for name, answer, look in _looks(judge, judges, store):
            tallies.setdefault(name, Tally()).add(answer, look)
    return dict(sorted(tallies.items()))


def _looks(
    judge: Judge, judges: Sequence[Judge], store: ViewStore
) -> Iterator[tuple[str, int, Look]]:
    rows, names = [], []
    for row, (source, patient) in enumerate(zip(store.sources, store.patients, strict=True)):
        if source.startswith("full_"):
            source = f"{source.removeprefix('full_')} of {patient.removeprefix('rsna:')}"
        elif source not in REAL:
            continue
        if judge_of(judges, patient) is judge:
            rows.append(row)
            names.append(source)
    looks = judge.recogniser.looks(np.asarray(store.pictures[rows]))
    yield from zip(names, store.answers[rows].tolist(), looks, strict=True)


def judge_packages(judge: Judge, folder: Path) -> dict[str, Tally]:
    """A tally a package of `TESTED_ON`, its wheels in `folder`."""
    tallies = {}
    for package in TESTED_ON:
        tally = tallies[package.name] = Tally()
        for _, pixels in package_pictures(folder, package):
            tally.add(OTHER, judge.recogniser(pixels))
    return tallies


def judge_roles(judges: Sequence[Judge], root: Path) -> dict[str, tuple[str, ...]]:
    """For each whole study below `root`, a line a series: its role by orientation and picture.

    Every description, in tables and headers, is taken away; the truth is what the table said.
    Without such a root there is nothing to judge.
    """
    outcomes: dict[str, tuple[str, ...]] = {}
    if not root.is_dir():
        return outcomes
    for files in find_studies(root):
        judge = judge_of(judges, f"rsna:{files.study_id}")
        if judge is None:
            continue
        truth = {s.series_id: s.role for s in describe_study(files).series}
        bare = replace(files, series=tuple(replace(s, description="") for s in files.series))
        opened = _WithoutDescriptions(open_files(files.uri))
        found = read_study(bare, recognise=judge.recogniser, files=opened, all_series=True)
        outcomes[files.study_id] = tuple(
            f"{'right' if series.view is truth[series.series_id] else 'WRONG'}: {series.reason}"
            for series in found.series
        )
    return outcomes


class _WithoutDescriptions:
    """Files whose headers say nothing of what the series is."""

    def __init__(self, files: Files) -> None:
        self.uri, self._files = files.uri, files

    def names(self) -> list[str]:
        return self._files.names()

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self.read(name))

    def read(self, name: str) -> bytes:
        dataset = dcmread(io.BytesIO(self._files.read(name)))
        for keyword in ("SeriesDescription", "ProtocolName", "SequenceName"):
            if keyword in dataset:
                delattr(dataset, keyword)
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        return buffer.getvalue()
