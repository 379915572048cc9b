"""The statistics that phantoms take from train.csv."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lumbar.domain import CELLS
from lumbar.errors import FormatError
from lumbar.phantom import copula
from lumbar.phantom.gaussian import cdf, cdf2, nearest_correlation, quantile


def test_two_normals_below_zero_agree_with_sheppards_formula() -> None:
    for correlation in (-0.9, -0.3, 0.0, 0.5, 0.95):
        expected = 0.25 + np.arcsin(correlation) / (2 * np.pi)
        assert cdf2(0.0, 0.0, correlation) == pytest.approx(expected, abs=1e-7)


def test_the_quantile_undoes_the_distribution() -> None:
    for x in (-3.0, -0.5, 0.0, 1.7):
        assert quantile(float(cdf(x))) == pytest.approx(x, abs=1e-9)


def test_an_impossible_correlation_matrix_is_made_possible() -> None:
    impossible = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    nearest = nearest_correlation(impossible)
    assert np.linalg.eigvalsh(nearest)[0] > 0.01
    assert np.allclose(np.diag(nearest), 1.0)


def test_polychoric_finds_the_correlation_behind_cut_normals() -> None:
    rng = np.random.default_rng(5)
    first = rng.standard_normal(60_000)
    second = 0.6 * first + 0.8 * rng.standard_normal(60_000)
    grades = [np.digitize(x, (0.5, 1.2)) for x in (first, second)]
    table = np.zeros((3, 3))
    np.add.at(table, tuple(grades), 1)
    rows, columns = table.sum(axis=1) / table.sum(), table.sum(axis=0) / table.sum()
    assert copula.polychoric(table, rows, columns) == pytest.approx(0.6, abs=0.015)


def test_the_packages_statistics_are_a_distribution() -> None:
    statistics = copula.load_statistics()
    assert np.allclose(statistics.frequencies.sum(axis=1), 1.0)
    assert np.linalg.eigvalsh(statistics.correlations)[0] > 0
    assert statistics.studies == 1651


def test_statistics_survive_their_file() -> None:
    statistics = copula.load_statistics()
    again = copula.Statistics.from_json(statistics.to_json())
    assert np.allclose(again.correlations, statistics.correlations)
    assert np.allclose(again.frequencies, statistics.frequencies, atol=6e-4)


def test_a_file_that_is_no_train_csv_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("study_id,grade\n1,Severe\n", encoding="utf-8")
    with pytest.raises(FormatError, match=r"other\.csv.*spinal_canal_stenosis_l1_l2"):
        copula.read_grades(path)


@pytest.mark.real
def test_the_packages_statistics_are_those_of_the_real_labels(
    lumbar_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "statistics.json"
    labels = lumbar_data / "rsna" / "train.csv"
    assert copula.main(["--labels", str(labels), "--output", str(output)]) == 0
    assert json.loads(capsys.readouterr().out)["studies"] == 1651
    fitted = copula.Statistics.from_json(output.read_text(encoding="utf-8"))
    assert np.abs(fitted.correlations - copula.load_statistics().correlations).max() < 2e-3
    assert len(fitted.frequencies) == len(CELLS)
