"""Each trap of the phantom: the trapped study has the grades of its clean twin.

Landmarks within 2 mm, at least 24 of 25 severities equal, probabilities within .05. Traps that
take the scale, the place or pictures away are stated apart, with what holds for them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from lumbar.domain import CELLS, Cell, Family, Status, StudyGrades
from lumbar.errors import InputError
from lumbar.grading.bundle import Bundle
from lumbar.grading.crops import place_on
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.grading.recognise import recognise
from lumbar.imaging import Instance, Study, neighbours, read_uploaded
from lumbar.phantom import TRAPS, PhantomStudy, make_study
from lumbar.phantom.trap_series import TURN, trap_study
from lumbar.phantom.write import study_files

pytestmark = pytest.mark.nightly

SEED, INDEX = 99, 1
NEAR_MM, ALIKE, CLOSE = 2.0, 24, 0.05

RENDERED_ANEW = {"single_block_axial", "extra_localizer"}
VIEWS_GONE = {"missing_t1": Family.FORAMINAL, "missing_axial": Family.SUBARTICULAR}
REFUSED = {"two_patients"}
APART = {*VIEWS_GONE, *REFUSED, "missing_slices", "single_block_axial", "no_spacing"} | {
    "no_geometry",
    "no_orientation",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one upload gave."""

    study: Study
    landmarks: Landmarks
    grades: StudyGrades

    def graded(self) -> set[Cell]:
        return {finding.cell for finding in self.grades.graded()}


class Twins:
    """A clean phantom, its answer, and those of its trapped twins."""

    def __init__(self, grader: Grader) -> None:
        self.grader = grader
        self.phantom = make_study(SEED, INDEX)
        self.clean = self.answer(frozenset(), self.phantom)
        self.outcomes: dict[str, str] = {}

    def trapped_by(self, trap: str) -> Answer:
        """The answer to the phantom in one trap; what came of it is noted."""
        try:
            found = self.answer(frozenset({trap}), self.trapped(trap))
        except InputError as error:
            self.outcomes[trap] = f"refused: {error}"
            raise
        self.outcomes[trap] = f"{len(found.graded())} of {len(CELLS)} findings graded"
        return found

    def answer(self, traps: frozenset[str], phantom: PhantomStudy) -> Answer:
        """The one study that a phantom's files are read as, located and graded."""
        files = study_files(phantom, traps)
        sent = {file.path.as_posix(): file.content for file in files}
        (study,) = read_uploaded(sent, recognise=recognise, trusted=True)
        landmarks = self.grader.locate(study)
        return Answer(study, landmarks, self.grader.grade_at(study, landmarks))

    def slices_of(self, cell: Cell) -> Iterator[tuple[float, ...]]:
        """The places of the clean study's slices that a cell's grade is read off."""
        landmarks = self.clean.landmarks
        for mark in (landmarks.points[cell], *landmarks.beside.get(cell, ())):
            for view in self.grader.bundle.config.crops.views[cell.condition.family]:
                place = place_on(self.clean.study, mark, view)
                for instance in neighbours(place.series, place.index, 1) if place else ():
                    yield place_of(instance)

    def trapped(self, trap: str) -> PhantomStudy:
        if trap in RENDERED_ANEW:
            return make_study(SEED, INDEX, traps=[trap])
        return trap_study(self.phantom, frozenset({trap}), SEED)


@pytest.fixture(scope="module")
def twins(trained_bundle: Bundle) -> Twins:
    return Twins(Grader(trained_bundle))


def place_of(instance: Instance) -> tuple[float, ...]:
    assert instance.plane is not None
    return (*np.round(instance.plane.origin_mm, 3), *np.round(instance.plane.normal, 3))


def distances(twins: Twins, found: Answer, turn: np.ndarray) -> dict[Cell, float]:
    """Millimetres from each of the clean twin's points to the trapped one's."""
    return {
        cell: float(np.linalg.norm(turn @ mark.point_mm - found.landmarks.points[cell].point_mm))
        for cell, mark in twins.clean.landmarks.points.items()
        if cell in found.landmarks.points
    }


def differences(twins: Twins, found: Answer, cells: Iterable[Cell]) -> dict[Cell, float]:
    """The largest difference of a probability of each cell."""
    return {
        cell: float(
            np.abs(
                np.subtract(
                    twins.clean.grades[cell].probabilities, found.grades[cell].probabilities
                )
            ).max()
        )
        for cell in cells
    }


def alike(twins: Twins, found: Answer, cells: Iterable[Cell] = CELLS) -> int:
    return sum(twins.clean.grades[c].severity == found.grades[c].severity for c in cells)


def test_the_clean_twin_is_graded_whole(twins: Twins) -> None:
    assert twins.clean.graded() == set(CELLS)
    truth = twins.phantom.landmarks
    errors = [
        np.linalg.norm(np.subtract(mark.point_mm, truth[cell]))
        for cell, mark in twins.clean.landmarks.points.items()
    ]
    assert np.median(errors) < 10, "the bundle finds no levels: no twin can be judged with it"


@pytest.mark.parametrize("trap", [name for name in TRAPS if name not in APART])
def test_a_trapped_study_has_the_grades_of_its_clean_twin(twins: Twins, trap: str) -> None:
    found = twins.trapped_by(trap)
    assert found.graded() == set(CELLS), {f.reason for f in found.grades.findings}
    turn = TURN if trap == "turned_patient" else np.eye(3)
    far = distances(twins, found, turn)
    assert max(far.values()) <= NEAR_MM, max(far.items(), key=lambda pair: pair[1])
    assert alike(twins, found) >= ALIKE
    apart = differences(twins, found, CELLS)
    assert max(apart.values()) <= CLOSE, max(apart.items(), key=lambda pair: pair[1])


@pytest.mark.parametrize("trap", sorted(VIEWS_GONE))
def test_without_a_view_its_findings_are_not_assessed_and_the_others_stay(
    twins: Twins, trap: str
) -> None:
    found = twins.trapped_by(trap)
    gone = {cell for cell in CELLS if cell.condition.family is VIEWS_GONE[trap]}
    assert found.graded() == set(CELLS) - gone
    assert all("series" in found.grades[cell].reason for cell in gone)
    assert max(distances(twins, found, np.eye(3)).values()) <= NEAR_MM
    assert alike(twins, found, found.graded()) >= len(found.graded()) - 1


def test_where_slices_are_missing_the_findings_of_the_others_stay(twins: Twins) -> None:
    """A grade is read off slices of up to two views; those that lost none are the same."""
    found = twins.trapped_by("missing_slices")
    assert found.graded() == set(CELLS)
    there = {place_of(i) for series in found.study.series for i in series}
    whole = [cell for cell in CELLS if set(twins.slices_of(cell)) <= there]
    assert len(whole) >= 5
    far = distances(twins, found, np.eye(3))
    assert max(far[cell] for cell in whole) <= NEAR_MM
    assert max(differences(twins, found, whole).values()) <= CLOSE


def test_one_parallel_axial_block_leaves_the_foramina_alone_and_all_25_graded(
    twins: Twins,
) -> None:
    """Other slices were taken of the same patient: what is read off them alone may differ."""
    found = twins.trapped_by("single_block_axial")
    assert found.graded() == set(CELLS)
    sagittal = [c for c in CELLS if c.condition.family is not Family.SUBARTICULAR]
    foramina = [c for c in CELLS if c.condition.family is Family.FORAMINAL]
    far = distances(twins, found, np.eye(3))
    assert max(far[cell] for cell in sagittal) <= NEAR_MM
    assert max(differences(twins, found, foramina).values()) <= CLOSE
    assert alike(twins, found) >= ALIKE - 1


def test_without_pixel_spacing_the_canal_is_graded_and_the_rest_says_why_not(
    twins: Twins,
) -> None:
    found = twins.trapped_by("no_spacing")
    canal = [c for c in CELLS if c.condition.family is Family.CANAL]
    assert found.graded() == set(canal)
    assert alike(twins, found, canal) >= len(canal) - 1
    for cell in set(CELLS) - set(canal):
        assert found.grades[cell].status is Status.NOT_ASSESSED
        assert found.grades[cell].reason


@pytest.mark.parametrize("trap", ["no_geometry", "no_orientation"])
def test_without_places_no_finding_with_a_side_is_graded(twins: Twins, trap: str) -> None:
    """The one thing that many slices without places may still show is a canal."""
    found = twins.trapped_by(trap)
    assert {cell.condition.family for cell in found.graded()} <= {Family.CANAL}
    for finding in found.grades.findings:
        assert finding.status is Status.GRADED or finding.reason


@pytest.mark.parametrize("trap", sorted(REFUSED))
def test_two_patients_under_one_study_are_refused(twins: Twins, trap: str) -> None:
    with pytest.raises(InputError, match="2 different PatientIDs"):
        twins.trapped_by(trap)


def test_a_mirrored_patient_has_the_mirrored_findings(twins: Twins) -> None:
    found = twins.answer(frozenset(), twins.phantom.mirrored())
    mirror = np.diag([-1.0, 1.0, 1.0])
    same = 0
    for cell in CELLS:
        there = found.landmarks.points[cell.mirrored].point_mm
        here = mirror @ twins.clean.landmarks.points[cell].point_mm
        assert np.linalg.norm(here - there) <= NEAR_MM, cell
        same += twins.clean.grades[cell].severity == found.grades[cell.mirrored].severity
    assert same >= ALIKE


def test_hardly_any_trapped_study_is_refused(
    twins: Twins, capsys: pytest.CaptureFixture[str]
) -> None:
    for trap in TRAPS.keys() - twins.outcomes.keys():
        with contextlib.suppress(InputError):
            twins.trapped_by(trap)
    refused = [trap for trap, what in twins.outcomes.items() if what.startswith("refused")]
    share = len(refused) / len(TRAPS)
    with capsys.disabled():
        print(f"\nrefused: {len(refused)} of {len(TRAPS)} trapped studies ({share:.1%}):", *refused)
        for trap, what in sorted(twins.outcomes.items()):
            if what != f"{len(CELLS)} of {len(CELLS)} findings graded":
                print(f"  {trap}: {what[:90]}")
    assert set(refused) == REFUSED
    assert share <= 0.02
