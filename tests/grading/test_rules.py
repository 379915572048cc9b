"""How three probabilities become one grade."""

from __future__ import annotations

import numpy as np
import pytest

from lumbar.grading.rules import Rule, apply, tilt, untilt


def test_the_tilted_rule_calls_severe_at_half_the_moderate_share() -> None:
    assert apply(Rule.TILTED, [[0.6, 0.1, 0.3], [0.6, 0.25, 0.15], [0.4, 0.4, 0.2]]).tolist() == [
        2,
        0,
        1,
    ]


def test_the_untilted_rule_takes_the_likeliest() -> None:
    assert apply(Rule.UNTILTED, [[0.6, 0.1, 0.3], [0.2, 0.5, 0.3]]).tolist() == [0, 1]


def test_a_row_without_probabilities_has_no_grade() -> None:
    assert apply(Rule.TILTED, [[np.nan] * 3, [0.1, 0.1, 0.8]]).tolist() == [-1, 2]


def test_tilting_multiplies_by_one_two_four_and_sums_to_one() -> None:
    assert tilt([0.5, 0.25, 0.25]) == pytest.approx([0.25, 0.25, 0.5])


def test_untilting_undoes_tilting() -> None:
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], size=(5, 25))
    assert untilt(tilt(shares)) == pytest.approx(shares)
