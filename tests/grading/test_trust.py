"""Intervals by patient, calibration error and the all-clear, on cases that can be counted."""

import numpy as np
import pytest

from lumbar.grading.trust import accuracy_interval, all_clear, calibration_error, wilson


def cells(*studies: list[int]) -> np.ndarray:
    table = np.full((len(studies), 25), -1)
    for row, study in zip(table, studies, strict=True):
        row[: len(study)] = study
    return table


def test_wilson_interval_of_a_known_case() -> None:
    assert wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(0, 5)[0] == 0


def test_the_all_clear_is_wrong_where_a_reader_saw_something_in_any_cell() -> None:
    labels = cells([0, 0], [0, 2], [1, 0], [-1, -1], [0, 0])
    grades = cells([0, 0], [0, -1], [1, 0], [0, 0], [-1, -1])
    clear = all_clear(labels, grades)
    assert (clear.studies, clear.said, clear.wrong) == (3, 2, 1)
    assert clear.share_said == pytest.approx(2 / 3)
    assert clear.share_wrong_interval == pytest.approx(wilson(1, 2))


def test_an_all_clear_that_was_never_said_has_no_share() -> None:
    assert all_clear(cells([1]), cells([1])).share_wrong is None


def test_patients_are_drawn_whole() -> None:
    """Ten patients all right and ten all wrong: the interval is that of twenty draws, not 500."""
    labels = np.zeros((20, 25), int)
    grades = np.repeat([0, 1], 10)[:, None] * np.ones((1, 25), int)
    interval = accuracy_interval(labels, grades)
    assert interval is not None
    low, high = interval
    assert low == pytest.approx(0.3, abs=0.06)
    assert high == pytest.approx(0.7, abs=0.06)


def test_calibration_error_is_the_distance_from_confidence_to_accuracy() -> None:
    labels = cells([0] * 25, [1] * 5 + [0] * 20)
    shares = np.broadcast_to([0.9, 0.05, 0.05], (2, 25, 3))
    assert calibration_error(shares, labels) == pytest.approx(0.0, abs=1e-12)
    shares = np.broadcast_to([0.6, 0.3, 0.1], (2, 25, 3))
    assert calibration_error(shares, labels) == pytest.approx(0.3)


def test_cells_without_label_or_probability_do_not_count() -> None:
    shares = np.full((1, 25, 3), np.nan)
    assert calibration_error(shares, cells([0])) is None
    assert accuracy_interval(cells([]), cells([0])) is None
