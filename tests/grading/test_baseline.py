"""Logistic regression on intensity statistics: it sees brightness, and only that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lumbar.errors import InputError
from lumbar.grading.baseline import CropSet, baseline_balanced_accuracy, baseline_probabilities


def crop_set(seed: int, n: int = 240, brightness: float = 40.0) -> CropSet:
    """Noise crops whose brightness rises with the grade in the one view that is there."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n)
    noise = generator.normal(90, 15, (n, 3, 12, 12))
    pictures = noise + brightness * labels[:, None, None, None]
    return CropSet(
        pictures=pictures.clip(0, 255).astype(np.uint8),
        rows=np.arange(n),
        views=np.zeros(n, dtype=np.int64),
        families=np.arange(n) % 3,
        levels=np.arange(n) % 5,
        labels=labels,
    )


def test_it_grades_what_brightness_tells() -> None:
    assert baseline_balanced_accuracy(crop_set(1), crop_set(2)) == pytest.approx(1.0, abs=0.02)


def test_it_is_at_chance_where_brightness_tells_nothing() -> None:
    told = baseline_balanced_accuracy(crop_set(1, brightness=0), crop_set(2, brightness=0))
    assert told == pytest.approx(1 / 3, abs=0.1)


def test_two_runs_are_the_same() -> None:
    first, second = (baseline_probabilities(crop_set(1), crop_set(2)) for _ in range(2))
    assert np.array_equal(first, second)


def test_the_order_of_the_pictures_does_not_matter() -> None:
    train, test = crop_set(1), crop_set(2)
    turned = replace(test, pictures=test.pictures[::-1], rows=test.rows[::-1])
    shares = baseline_probabilities(train, test)
    assert np.array_equal(baseline_probabilities(train, turned), shares)


def test_a_view_that_says_nothing_does_not_hide_one_that_does() -> None:
    train, test = (
        replace(
            crops,
            pictures=np.concatenate([crops.pictures, np.full_like(crops.pictures, 77)]),
            rows=np.tile(crops.rows, 2),
            views=np.repeat([0, 2], len(crops)),
        )
        for crops in (crop_set(1), crop_set(2))
    )
    assert baseline_balanced_accuracy(train, test) == pytest.approx(1.0, abs=0.02)


def test_a_family_that_was_never_labelled_is_not_assessed() -> None:
    train, test = crop_set(1), crop_set(2)
    train = replace(train, labels=np.where(train.families == 2, -1, train.labels))
    shares = baseline_probabilities(train, test)
    assert np.isnan(shares).all(axis=1).tolist() == (test.families == 2).tolist()


def test_a_grade_that_was_never_seen_has_no_share() -> None:
    train = crop_set(1)
    train = replace(train, labels=np.minimum(train.labels, 1))
    assert baseline_probabilities(train, crop_set(2))[:, 2].max() == 0


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(InputError, match="one is empty"):
        baseline_probabilities(crop_set(1, n=0), crop_set(2))
