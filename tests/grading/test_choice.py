"""A bundle may choose among a foramen's slices: fitted on marks, counted in grades, shown so."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lumbar.domain import Cell, Condition, Family, Level
from lumbar.errors import BundleError
from lumbar.grading.bundle import Bundle
from lumbar.grading.bundle_changes import add_choice
from lumbar.grading.bundle_files import CHOICE, seal
from lumbar.grading.calibration import Calibration
from lumbar.grading.choice import Candidates, Choice, fit_choice, fit_located
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.imaging.study import Study

CELL = Cell(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Level.L4_L5)
FORAMINAL, CANAL = (list(Family).index(f) for f in (Family.FORAMINAL, Family.CANAL))
NOTHING = Choice(torch.zeros(1024))
OTHER = Calibration(1.0, (0.0, 0.5, -0.5))


def sets(count: int, seed: int) -> list[Candidates]:
    """Candidates whose marked one is told by one feature of a few, not by the locator's word."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        pooled = np.zeros((4, 1024), np.float32)
        pooled[:, :20] = rng.random((4, 20))
        marked = int(rng.integers(4))
        pooled[marked, 7] += 1
        worth = 0.5 + rng.random(4) / 2
        made.append(Candidates(pooled, np.zeros((4, 3)), worth, marked, -1))
    return made


def test_it_learns_what_tells_the_marked_slice() -> None:
    choice = fit_choice(sets(300, seed=0))
    assert choice is not None
    assert int(choice.weight.abs().argmax()) == 7
    fresh = sets(100, seed=1)
    found = [
        int(choice.scores(torch.from_numpy(s.pooled), torch.from_numpy(s.worth)).argmax())
        for s in fresh
    ]
    assert np.mean([one == s.marked for one, s in zip(found, fresh, strict=True)]) > 0.8
    by_the_locator = np.mean([s.worth.argmax() == s.marked for s in fresh])
    assert by_the_locator < 0.4


def test_without_several_slices_there_is_nothing_to_learn() -> None:
    assert fit_choice([]) is None
    alone = Candidates(np.zeros((1, 1024), np.float32), np.zeros((1, 3)), np.ones(1), 0, 0)
    assert fit_choice([alone]) is None
    assert fit_choice([replace(one, marked=None) for one in sets(3, seed=0)]) is None


def test_the_calibration_is_that_of_grades_as_they_are_given() -> None:
    """Logits that are twice as sure as the labels are halved, and no label changes nothing."""
    rng = np.random.default_rng(0)
    foramina = []
    for one in sets(1000, seed=2):
        logits = np.tile(rng.random(3) * 8, (4, 1))
        odds = np.exp(logits[0] / 2)
        label = int(rng.choice(3, p=odds / odds.sum()))
        foramina.append(replace(one, logits=logits, label=label))
    found = fit_located(NOTHING, foramina)
    assert found.temperature == pytest.approx(2, abs=0.3)
    assert np.abs(found.offsets).max() < 0.2
    assert fit_located(NOTHING, sets(3, seed=0)) == Calibration()


def test_a_study_on_which_nothing_was_found_has_no_candidate(bundle: Bundle) -> None:
    crops, features, logits = Grader(bundle).candidates(Study("nothing", ()))
    assert not crops.cells
    assert features.shape == (0, 1024)
    assert logits.shape == (0, 3)


def test_shares_are_of_a_findings_own_pictures_and_even_where_there_is_no_choice_to_make() -> None:
    rows, family = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([CANAL, FORAMINAL])
    worth = torch.tensor([1.0, 0.1, 0.2, 0.4, 0.2])
    shares = NOTHING.shares(torch.rand(5, 1024), rows, family, worth)
    assert shares.tolist() == pytest.approx([0.5, 0.5, 0.25, 0.5, 0.25])


def test_odds_far_apart_stay_finite() -> None:
    pooled = torch.zeros(4, 1024)
    pooled[:, 0] = torch.tensor([0.0, 60.0, -200.0, -190.0])
    rows, family = torch.tensor([0, 0, 1, 1]), torch.tensor([FORAMINAL, FORAMINAL])
    shares = Choice(torch.eye(1024)[0]).shares(pooled, rows, family, torch.ones(4))
    assert shares.tolist() == pytest.approx([0, 1, 0, 1], abs=1e-4)


@pytest.fixture
def spread(located: tuple[Study, Landmarks]) -> Landmarks:
    """The phantom's points; of one foramen the locator thinks more of the slice before it."""
    landmarks = located[1]
    mark = landmarks.points[CELL]
    before, behind = (
        Landmark.at(CELL, mark.series, mark.index + step, mark.point_px, 0.9, worth)
        for step, worth in ((-1, 0.8), (1, 0.01))
    )
    points = {**landmarks.points, CELL: replace(mark, worth=0.19)}
    return replace(landmarks, points=points, beside={CELL: (before, behind)})


@pytest.fixture(scope="module")
def choosing(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The bundle with a choice that adds nothing to the locator's word."""
    folder = tmp_path_factory.mktemp("choosing") / "bundle"
    shutil.copytree(bundle.path, folder)
    (folder / "LICENCE.txt").write_text("of the weights")
    loaded = Bundle.load(folder)
    return add_choice(loaded, NOTHING, OTHER, {"studies": 1}, lambda path: {"rows": []})


def test_the_grade_counts_each_slice_by_its_share(
    choosing: Bundle, located: tuple[Study, Landmarks], spread: Landmarks
) -> None:
    study, grader = located[0], Grader(choosing)
    marks = (spread.points[CELL], *spread.beside[CELL])
    alone = [
        grader.grade_at(study, replace(spread, points={CELL: mark}, beside={}))[CELL]
        for mark in marks
    ]
    logits = np.log([one.probabilities for one in alone])
    expected = np.exp(np.average(logits, axis=0, weights=[mark.worth for mark in marks]))
    found = grader.grade_at(study, spread)[CELL].probabilities
    assert found == pytest.approx(expected / expected.sum(), abs=1e-5)


def test_what_is_shown_is_the_surest_slice_and_those_that_counted(
    choosing: Bundle, located: tuple[Study, Landmarks], spread: Landmarks
) -> None:
    grades, heat = Grader(choosing).explain_at(located[0], spread)
    surest = spread.beside[CELL][0].instance.instance_id
    assert grades[CELL].evidence is not None
    assert grades[CELL].evidence.instance == surest == heat[CELL].instance
    assert "2 slices of Sagittal T1" in grades[CELL].reason
    assert len(heat) == 25


def test_without_a_choice_the_same_points_are_kept(
    bundle: Bundle, located: tuple[Study, Landmarks], spread: Landmarks
) -> None:
    grades = Grader(bundle).grade_at(located[0], spread)
    evidence = grades[CELL].evidence
    assert evidence is not None
    assert evidence.instance == spread.points[CELL].instance.instance_id
    assert "3 slices of Sagittal T1" in grades[CELL].reason


def test_located_foramina_have_every_candidate_beside(
    trained_bundle: Bundle, located: tuple[Study, Landmarks]
) -> None:
    assert trained_bundle.choice() is not None
    choosing, plain = Grader(trained_bundle), Grader(trained_bundle)
    plain._choice = None
    more, few = (one.locate(located[0]).beside for one in (choosing, plain))
    assert sum(map(len, more.values())) > sum(map(len, few.values()))


def test_the_bundle_keeps_its_files_and_gets_another_name(choosing: Bundle, bundle: Bundle) -> None:
    assert choosing.name != bundle.name
    assert choosing.card["choice"] == {"studies": 1}
    assert choosing.calibrations[FORAMINAL] == OTHER
    assert choosing.calibrations[CANAL] == bundle.calibrations[CANAL]
    assert (choosing.path / "LICENCE.txt").read_text() == "of the weights"
    kept = choosing.choice()
    assert kept is not None
    assert torch.equal(kept.weight, NOTHING.weight)
    assert bundle.choice() is None


@pytest.mark.parametrize(
    "tensors",
    [
        {"weight": torch.zeros(3)},
        {"other": torch.zeros(1024)},
        {"weight": torch.full((1024,), torch.nan)},
    ],
    ids=["short", "unnamed", "nan"],
)
def test_a_choice_that_cannot_be_used_is_refused(
    choosing: Bundle, tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(choosing.path, folder)
    save_file(tensors, folder / CHOICE)
    seal(folder, choosing.card)
    with pytest.raises(BundleError, match="fit it again"):
        Grader(Bundle.load(folder))
