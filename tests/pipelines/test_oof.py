"""Out-of-fold predictions: seeds are averaged, folds put side by side, gaps refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.oof import mean_of, write
from lumbar.domain import CELLS, Family
from lumbar.errors import FormatError
from lumbar.grading.rules import tilt, untilt
from lumbar.imaging.tables import read_labels
from lumbar.pipelines.evaluate import evaluate
from lumbar.reports.predictions import read_predictions
from lumbar.reports.submission import read_submission, write_rows

OOF = Path(__file__).resolve().parents[2] / "benchmarks" / "oof_foraminal.csv.gz"


def validation(path: Path, shares: dict[str, tuple[float, float, float]]) -> Path:
    """A validation.csv in which a study has the same probabilities in every cell."""
    rows = [
        (cell.row_id(study_id), *map(float, tilt(np.array(p))))
        for study_id, p in shares.items()
        for cell in CELLS
    ]
    write_rows(rows, path)  # type: ignore[arg-type]
    return path


def test_seeds_are_averaged_and_folds_put_side_by_side(tmp_path: Path) -> None:
    one, other = (0.8, 0.1, 0.1), (0.6, 0.3, 0.1)
    paths = [
        validation(tmp_path / "fold0_seed7.csv", {"a": one}),
        validation(tmp_path / "fold0_seed8.csv", {"a": other}),
        validation(tmp_path / "fold1_seed7.csv", {"b": one}),
        validation(tmp_path / "fold1_seed8.csv", {"b": one}),
    ]
    write(mean_of(paths), tmp_path / "oof.csv.gz")
    studies, weighted = read_submission(tmp_path / "oof.csv.gz")
    assert studies == ("a", "b")
    assert untilt(weighted[0, 3]) == pytest.approx((0.7, 0.2, 0.1), abs=1e-4)
    assert untilt(weighted[1, 3]) == pytest.approx(one, abs=1e-4)


def test_a_study_that_is_in_fewer_files_than_another_is_refused(tmp_path: Path) -> None:
    even = (0.4, 0.3, 0.3)
    paths = [
        validation(tmp_path / "one.csv", {"a": even, "b": even}),
        validation(tmp_path / "two.csv", {"a": even}),
    ]
    with pytest.raises(FormatError, match="in 1 of the files, others in 2"):
        mean_of(paths)


def test_the_same_means_are_the_same_bytes(tmp_path: Path) -> None:
    means = {"a": np.full((25, 3), 1 / 3)}
    assert write(means, tmp_path / "one.gz") == write(means, tmp_path / "two.gz")


@pytest.mark.real
def test_on_patients_kept_apart_the_starter_is_right_in_more_than_four_of_five(
    lumbar_data: Path,
) -> None:
    """What `jobs/evaluate.py` says of the committed file: fold 0, only the side given."""
    predictions = read_predictions(OOF)
    truth = read_labels(lumbar_data / "rsna" / "train.csv")
    measured = evaluate(predictions, truth, families=[Family.FORAMINAL])
    assert measured["n_studies"] == 333
    assert measured["accuracy"] > 0.80 > measured["majority"]
    assert measured["accuracy_interval"][0] > measured["majority"]
    assert measured["calibration_error"] <= 0.03
