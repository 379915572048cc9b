"""The answer of a bundle that knows nothing of a cell."""

from __future__ import annotations

import numpy as np

from lumbar.grading.metrics import weighted_prior
from lumbar.pipelines.prior import smoothed_prior


def test_a_grade_that_training_lacks_keeps_a_share() -> None:
    labels = np.zeros((10, 25), dtype=np.int64)
    prior = smoothed_prior(labels)
    assert np.allclose(prior[0], np.array([11, 2, 4]) / 17)
    assert (weighted_prior(labels)[0] == [1, 0, 0]).all()


def test_with_many_labels_it_is_the_plain_share() -> None:
    labels = np.random.default_rng(0).integers(0, 3, (20_000, 25))
    assert np.allclose(smoothed_prior(labels), weighted_prior(labels), atol=1e-3)
