"""The challenge's score, against scikit-learn, by hand, and over the challenge's own labels."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lumbar.domain import CELLS, SEVERITY_WEIGHTS, Family, Severity
from lumbar.errors import FormatError, InputError
from lumbar.grading.metrics import challenge_score, weighted_log_loss, weighted_prior

UNIFORM = np.full(3, 1 / 3)
COLUMNS = {
    family: np.array([cell.condition.family is family for cell in CELLS]) for family in Family
}


@pytest.fixture
def study_ids() -> NDArray[np.int64]:
    return np.array([10728036, 11340341, 11943292, 13317052, 22191399, 26342422, 29931867])


@pytest.fixture
def labels() -> NDArray[np.int64]:
    """Seven made-up studies: mostly mild, blanks among them, one without any canal label."""
    generator = np.random.default_rng(2024)
    made = generator.choice([-1, 0, 1, 2], p=[0.1, 0.6, 0.2, 0.1], size=(7, 25))
    made[3, COLUMNS[Family.CANAL]] = -1
    return made


def modular(study_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """r_j = ((study_id % 997) * (k + 3) * (j + 7)) % 101 + 1, not normalised: `[n, 25, 3]`."""
    k, j = np.arange(25)[None, :, None], np.arange(3)[None, None, :]
    return ((study_ids[:, None, None] % 997) * (k + 3) * (j + 7)) % 101 + 1.0


def by_scikit_learn(shares: NDArray[np.float64], labels: NDArray[np.int64]) -> list[float]:
    """The four terms as the challenge's own notebook makes them, with scikit-learn."""
    from sklearn.metrics import log_loss

    weights = np.array(SEVERITY_WEIGHTS)
    shares = shares / shares.sum(axis=2, keepdims=True)
    terms = []
    for columns in COLUMNS.values():
        truth, rows = labels[:, columns].ravel(), shares[:, columns].reshape(-1, 3)
        known = truth >= 0
        weight = weights[truth[known]]
        terms.append(log_loss(truth[known], rows[known], sample_weight=weight, labels=[0, 1, 2]))
    severe: list[tuple[bool, float, float]] = []
    for truth, rows in zip(labels[:, :5], shares[:, :5], strict=True):
        if (truth >= 0).any():
            known = truth >= 0
            severe.append((truth.max() == 2, rows[known, 2].max(), weights[truth.max()]))
    label, share, weight = (np.array(column) for column in zip(*severe, strict=True))
    return [*terms, log_loss(label, share, sample_weight=weight, labels=[False, True])]


def test_every_term_is_scikit_learns_log_loss(
    study_ids: NDArray[np.int64], labels: NDArray[np.int64]
) -> None:
    shares = modular(study_ids)
    ours = list(challenge_score(shares, labels).terms.values())
    assert ours == pytest.approx(by_scikit_learn(shares, labels), abs=1e-12)


def test_the_score_is_the_plain_mean_of_the_four_terms(
    study_ids: NDArray[np.int64], labels: NDArray[np.int64]
) -> None:
    result = challenge_score(modular(study_ids), labels)
    assert result.score == pytest.approx(np.mean(list(result.terms.values())), abs=1e-12)


def test_a_third_everywhere_costs_ln_3(labels: NDArray[np.int64]) -> None:
    result = challenge_score(np.broadcast_to(UNIFORM, (7, 25, 3)), labels)
    assert (result.canal, result.foraminal, result.subarticular) == pytest.approx(
        (math.log(3),) * 3, abs=1e-12
    )


def test_any_severe_by_hand() -> None:
    """One study with a Severe canal (weight 4), one with a Moderate one (weight 2)."""
    labels = np.full((2, 25), -1)
    labels[:, :2] = [[0, 2], [0, 1]]
    shares = np.zeros((2, 25, 3))
    shares[:, :2] = [[[8, 1, 1], [2, 2, 6]], [[9, 1, 0], [4, 4, 2]]]
    with pytest.warns(UserWarning, match="foraminal, subarticular"):
        result = challenge_score(shares, labels)
    expected = (4 * -math.log(0.6) + 2 * -math.log(0.8)) / 6
    assert result.any_severe_canal == pytest.approx(expected, abs=1e-12)


def test_a_severe_label_weighs_four_mild_ones() -> None:
    shares = [[0.5, 0.3, 0.2], [0.7, 0.1, 0.2]]
    expected = (1 * -math.log(0.5) + 4 * -math.log(0.2)) / 5
    assert weighted_log_loss(shares, [0, 2]) == pytest.approx(expected, abs=1e-12)


def test_a_term_without_a_label_is_left_out_with_a_warning(
    study_ids: NDArray[np.int64], labels: NDArray[np.int64]
) -> None:
    labels[:, COLUMNS[Family.CANAL]] = -1
    with pytest.warns(UserWarning, match="no labelled row for canal, any_severe_canal"):
        result = challenge_score(modular(study_ids), labels)
    assert (result.canal, result.any_severe_canal) == (None, None)
    assert result.foraminal is not None
    assert result.subarticular is not None
    assert result.score == pytest.approx((result.foraminal + result.subarticular) / 2)


def test_nothing_labelled_has_no_score() -> None:
    with pytest.warns(UserWarning, match="no labelled row"):
        assert challenge_score(np.ones((1, 25, 3)), np.full((1, 25), -1)).score is None


def test_a_certain_and_wrong_answer_costs_the_floats_epsilon() -> None:
    loss = weighted_log_loss([[1.0, 0.0, 0.0]], [Severity.SEVERE])
    assert loss == pytest.approx(-math.log(np.finfo(np.float64).eps), abs=1e-9)


@pytest.mark.parametrize("share", [math.nan, math.inf, -0.1])
def test_an_impossible_share_is_refused_with_its_row(
    study_ids: NDArray[np.int64], labels: NDArray[np.int64], share: float
) -> None:
    labels[2, 13] = 1
    shares = modular(study_ids)
    shares[2, 13, 1] = share
    with pytest.raises(FormatError, match="11943292_right_neural_foraminal_narrowing_l4_l5"):
        challenge_score(shares, labels, [str(study) for study in study_ids])


def test_a_row_of_zeros_is_refused(labels: NDArray[np.int64]) -> None:
    with pytest.raises(InputError, match="not all 0"):
        challenge_score(np.zeros((7, 25, 3)), labels)


def test_a_blank_cell_is_never_read(
    study_ids: NDArray[np.int64], labels: NDArray[np.int64]
) -> None:
    shares = modular(study_ids)
    told = challenge_score(shares, labels)
    shares[labels < 0] = np.nan
    assert challenge_score(shares, labels) == told


def test_the_prior_counts_labels_by_their_weights() -> None:
    labels = np.full((4, 25), -1)
    labels[:, 0] = [0, 0, 1, 2]
    assert weighted_prior(labels)[0] == pytest.approx([2 / 8, 2 / 8, 4 / 8])


def test_a_column_without_a_label_takes_its_familys_prior_and_else_a_third() -> None:
    labels = np.full((2, 25), -1)
    labels[:, 5] = [0, 1]  # left foramen L1/L2 alone
    prior = weighted_prior(labels)
    assert prior[14] == pytest.approx([1 / 3, 2 / 3, 0])  # right foramen L5/S1
    assert prior[0] == pytest.approx(UNIFORM)


GOLDEN = {
    "a third": (1.0986122887, 1.0986122887, 1.0986122887, 0.7082964006, 1.0010333166),
    "shares": (0.8516584044, 0.9982802407, 1.3102999083, 1.2360787284, 1.0990793204),
    "by family": (0.7936934793, 0.9229084871, 1.0539364153, 0.8978769965, 0.9171038446),
    "by column": (0.7150254355, 0.8070880729, 0.9540396901, 0.7014050662, 0.7943895662),
    "modular": (1.2951305563, 1.2943774234, 1.2933307509, 0.7365312579, 1.1548424971),
}


@pytest.fixture(scope="module")
def real(lumbar_data: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Study ids `[1651]` and labels `[1651, 25]` of the challenge's own train.csv."""
    words = {"": -1} | {severity.label: int(severity) for severity in Severity}
    with (lumbar_data / "rsna" / "train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [[words[row[cell.column]] for cell in CELLS] for row in rows]
    return np.array([int(row["study_id"]) for row in rows]), np.array(labels)


def golden_prediction(
    name: str, study_ids: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    if name == "modular":
        return modular(study_ids)
    if name == "by column":
        constant = weighted_prior(labels)
    elif name == "by family":
        constant = np.empty((25, 3))
        for columns in COLUMNS.values():
            counts = np.bincount(labels[:, columns][labels[:, columns] >= 0], minlength=3)
            constant[columns] = counts * SEVERITY_WEIGHTS
    elif name == "shares":
        constant = np.tile(np.bincount(labels[labels >= 0]).astype(float), (25, 1))
    else:
        constant = np.tile(UNIFORM, (25, 1))
    return np.broadcast_to(constant, (len(labels), 25, 3))


@pytest.mark.real
@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values_over_the_real_labels(
    real: tuple[NDArray[np.int64], NDArray[np.int64]], name: str
) -> None:
    study_ids, labels = real
    result = challenge_score(golden_prediction(name, study_ids, labels), labels)
    # The table has ten decimals, so its own rounding takes half of the last one.
    assert (*result.terms.values(), result.score) == pytest.approx(GOLDEN[name], abs=1e-9)
