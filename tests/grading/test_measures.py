"""Counts, accuracy, kappa and their like: by hand on small tables, against scikit-learn on one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lumbar.domain import Family, Severity
from lumbar.grading.measures import Counts, grouped, measure, measure_studies

TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2, -1, 0])
PREDICTED = np.array([0, 0, 1, 2, 1, 0, 2, 1, 2, -1])


def test_the_confusion_matrix_has_the_truth_in_its_rows() -> None:
    assert measure(TRUTH, PREDICTED).confusion.tolist() == [[2, 1, 1], [1, 1, 0], [0, 1, 1]]


def test_figures_by_hand() -> None:
    measures = measure(TRUTH, PREDICTED)
    assert measures.accuracy == pytest.approx(4 / 8)
    assert measures.majority == pytest.approx(4 / 8)
    assert measures.balanced_accuracy == pytest.approx(0.5)
    assert measures.severe_recall == pytest.approx(1 / 2)
    assert measures.kappa == pytest.approx((0.5 - 22 / 64) / (1 - 22 / 64))


def test_a_cell_not_assessed_lowers_the_coverage_and_nothing_else() -> None:
    whole, partly = measure(TRUTH[:8], PREDICTED[:8]), measure(TRUTH, PREDICTED)
    assert partly.coverage == pytest.approx(8 / 9)
    assert (partly.accuracy, partly.kappa) == (whole.accuracy, whole.kappa)


def test_degeneration_is_moderate_or_severe() -> None:
    assert measure(TRUTH, PREDICTED).degeneration == Counts(tp=3, tn=2, fp=2, fn=1)


def test_ratios_of_the_counts() -> None:
    counts = Counts(tp=3, tn=2, fp=2, fn=1)
    assert (counts.accuracy, counts.majority) == (5 / 8, 4 / 8)
    assert (counts.precision, counts.recall) == (3 / 5, 3 / 4)
    assert (counts.specificity, counts.f1) == (2 / 4, pytest.approx(2 / 3))


def test_a_ratio_without_a_case_is_none_and_not_nought() -> None:
    measures = measure([0, 0], [0, 0])
    assert (measures.severe_recall, measures.kappa) == (None, None)
    assert measures.of(Severity.SEVERE).precision is None


def test_nothing_scored_gives_no_figure() -> None:
    measures = measure([-1, 1], [0, -1])
    assert (measures.n, measures.labelled, measures.coverage) == (0, 1, 0)
    assert (measures.accuracy, measures.majority, measures.kappa) == (None, None, None)


@pytest.fixture
def severities() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Truth and prediction of 40 made-up studies `[40, 25]`, right about two times in three."""
    generator = np.random.default_rng(7)
    truth = generator.choice([0, 1, 2], p=[0.7, 0.2, 0.1], size=(40, 25))
    guess = generator.choice([0, 1, 2], size=(40, 25))
    return truth, np.where(generator.random((40, 25)) < 0.6, truth, guess)


def test_every_figure_is_scikit_learns(
    severities: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    from sklearn import metrics as sklearn_metrics

    truth, predicted = (array.ravel() for array in severities)
    ours = measure(truth, predicted)
    assert ours.kappa == pytest.approx(sklearn_metrics.cohen_kappa_score(truth, predicted))
    assert ours.balanced_accuracy == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(truth, predicted)
    )
    theirs = sklearn_metrics.precision_recall_fscore_support(truth, predicted)
    for severity in Severity:
        counts = ours.of(severity)
        figures = (counts.precision, counts.recall, counts.f1)
        assert figures == pytest.approx([column[severity] for column in theirs[:3]])


def test_the_groups_of_a_block_hold_every_cell_once(
    severities: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> None:
    pooled = measure(*severities).confusion
    for block in grouped(*severities).values():
        assert sum(part.confusion for part in block.values()).tolist() == pooled.tolist()


def test_a_wrong_canal_counts_against_the_canal_alone() -> None:
    truth, predicted = np.zeros((1, 25), dtype=np.int64), np.zeros((1, 25), dtype=np.int64)
    predicted[0, 3] = 2  # canal L4/L5
    blocks = grouped(truth, predicted)
    wrong = {
        (block, name)
        for block, parts in blocks.items()
        for name, part in parts.items()
        if part.accuracy != 1
    }
    assert wrong == {
        ("families", Family.CANAL.value),
        ("conditions", "spinal_canal_stenosis"),
        ("levels", "l4_l5"),
        ("cells", "spinal_canal_stenosis_l4_l5"),
    }


def test_a_study_has_degeneration_if_any_finding_has() -> None:
    truth, predicted = np.zeros((4, 25), dtype=np.int64), np.zeros((4, 25), dtype=np.int64)
    truth[0, 4], predicted[0, 9] = 1, 2  # both say so, of different cells
    truth[1, 0] = 2
    predicted[2, 24] = 1
    assert measure_studies(truth, predicted) == Counts(tp=1, tn=1, fp=1, fn=1)


def test_a_study_is_judged_on_its_assessed_cells_alone() -> None:
    truth, predicted = np.zeros((1, 25), dtype=np.int64), np.zeros((1, 25), dtype=np.int64)
    truth[0, 4], predicted[0, 4] = 2, -1
    assert measure_studies(truth, predicted) == Counts(tp=0, tn=1, fp=0, fn=0)
