"""How phantoms' grades come about, and how far readers and the oracle agree with them."""

from __future__ import annotations

import numpy as np
import pytest

from lumbar.domain import CELLS, Cell, Condition, Family, Level
from lumbar.phantom import copula, oracle, population, readers
from lumbar.phantom.morphology import RANGES, THRESHOLDS


@pytest.fixture(scope="module")
def widths() -> np.ndarray:
    return population.population().draw(20_000, np.random.default_rng(11))


@pytest.fixture(scope="module")
def grades(widths: np.ndarray) -> np.ndarray:
    return readers.read(widths, np.random.default_rng(12))


@pytest.mark.parametrize("family", Family)
def test_two_readers_agree_as_real_ones_do(family: Family) -> None:
    kappa = oracle.reader_kappas(studies=20_000, seed=3)[family]
    assert kappa == pytest.approx(readers.KAPPAS[family], abs=0.015)


@pytest.mark.parametrize("family", Family)
def test_the_readers_error_is_where_the_calibration_puts_it(family: Family) -> None:
    again = population.calibrate_noise(family, copula.load_statistics(), rounds=16)
    assert readers.NOISE_SD[family] == pytest.approx(again, rel=0.01)


def test_labels_are_as_frequent_as_in_the_real_columns(grades: np.ndarray) -> None:
    expected = copula.load_statistics().frequencies
    found = np.stack([(grades == severity).mean(axis=0) for severity in range(3)], axis=1)
    assert np.abs(found - expected).max() < 0.012


def test_labels_go_together_as_in_the_real_columns(grades: np.ndarray) -> None:
    expected = copula.load_statistics().correlations
    found = copula.fit_statistics(grades).correlations
    off = (found - expected)[np.triu_indices(len(CELLS), 1)]
    assert np.sqrt((off**2).mean()) < 0.035
    assert abs(off.mean()) < 0.015


def test_left_and_right_of_a_level_are_not_the_same(widths: np.ndarray) -> None:
    left, right = (
        CELLS.index(Cell(condition, Level.L4_L5))
        for condition in (
            Condition.LEFT_SUBARTICULAR_STENOSIS,
            Condition.RIGHT_SUBARTICULAR_STENOSIS,
        )
    )
    assert 0.5 < np.corrcoef(widths[:, left], widths[:, right])[0, 1] < 0.97


def test_widths_grow_with_the_latent_and_stay_in_range() -> None:
    latent = np.linspace(-3.5, 3.5, 701)
    for passage in population.population().passages:
        values = passage.widths(latent)
        low, high = RANGES[passage.family]
        assert (np.diff(values) > 0).all()
        assert low <= values.min()
        assert values.max() <= high


def test_a_wide_passage_is_normal_and_a_closed_one_severe() -> None:
    for family in Family:
        low, high = RANGES[family]
        assert readers.grade_probabilities(high, family)[0] > 0.99
        assert readers.grade_probabilities(low, family)[2] > 0.8


def test_at_the_threshold_a_reader_is_of_two_minds() -> None:
    for family in Family:
        moderate, severe = THRESHOLDS[family]
        assert readers.grade_probabilities(moderate, family)[0] == pytest.approx(0.5)
        assert readers.grade_probabilities(severe, family)[2] == pytest.approx(0.5)


def test_the_oracles_probabilities_are_calibrated(widths: np.ndarray, grades: np.ndarray) -> None:
    shares = oracle.oracle_probabilities(widths)
    assert np.allclose(shares.sum(axis=-1), 1.0)
    for severity in range(3):
        share = shares[..., severity]
        unsure = (share > 0.4) & (share < 0.6)
        found = (grades[unsure] == severity).mean()
        assert found == pytest.approx(share[unsure].mean(), abs=0.015)


def test_the_oracle_beats_the_majority_and_is_not_perfect(
    widths: np.ndarray, grades: np.ndarray
) -> None:
    for row in oracle.oracle_figures(grades, widths).values():
        assert row["majority"] < row["accuracy"] < 0.97
        assert 0.55 < row["balanced_accuracy"] < 0.9


def test_kappa_of_a_textbook_table() -> None:
    # Fleiss, Statistical Methods for Rates and Proportions, table 13.1 (100 subjects).
    table = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
    assert readers.cohen_kappa(table) == pytest.approx(0.676, abs=5e-4)
