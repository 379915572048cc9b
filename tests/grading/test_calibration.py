"""Calibration finds what was done to the logits, and leaves alone what it has no rows for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lumbar.grading.calibration import Calibration, calibrated, fit_calibration

ONE_FAMILY = torch.zeros(20_000, dtype=torch.long)


def drawn(logits: torch.Tensor) -> torch.Tensor:
    """Labels drawn with the probabilities that the logits stand for."""
    return torch.multinomial(logits.softmax(1), 1, generator=torch.Generator().manual_seed(1))[:, 0]


def test_it_undoes_a_scale_and_offsets() -> None:
    true = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0)) * 2
    labels = drawn(true)
    distorted = 1.7 * (true - torch.tensor([0.0, 0.4, 0.9]))
    found = fit_calibration(distorted, labels)
    assert found.temperature == pytest.approx(1.7, rel=0.05)
    assert found.offsets == pytest.approx((0, 0.4, 0.9), abs=0.06)
    shares = calibrated(distorted, ONE_FAMILY, [found])
    assert shares.sum(1) == pytest.approx(1)
    assert shares.mean(0) == pytest.approx(np.bincount(labels) / len(labels), abs=0.002)


def test_without_rows_nothing_is_changed() -> None:
    assert fit_calibration(torch.zeros(0, 3), torch.zeros(0).long()) == Calibration()


def test_a_few_rows_without_a_grade_do_not_rule_it_out() -> None:
    found = fit_calibration(torch.zeros(6, 3), torch.zeros(6).long())
    shares = calibrated(torch.zeros(1, 3), torch.zeros(1).long(), [found])
    assert shares.min() > 0.1


def test_each_family_has_its_own() -> None:
    logits = torch.tensor([[1.0, 0.0, 0.0]]).repeat(2, 1)
    families = torch.tensor([0, 1])
    shares = calibrated(logits, families, [Calibration(), Calibration(2.0, (0.0, 0.0, 1.0))])
    assert shares[0] == pytest.approx(torch.tensor([1.0, 0, 0]).softmax(0).numpy())
    assert shares[1] == pytest.approx(torch.tensor([0.5, 0, 1]).softmax(0).numpy())
