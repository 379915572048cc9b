"""The bar's lines on the model: what is wrong with a bundle or a picture is said, never graded."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bundles import reseal
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from jobs import score
from jobs._command import run
from lumbar.errors import BundleError
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.imaging.study import Study
from serve import __main__ as endpoint

Damage = Callable[[Path], None]


@pytest.fixture
def copied(bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle.path, tmp_path / "copy"))


def no_bundle(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def no_weights(folder: Path) -> None:
    (folder / "locator.safetensors").unlink()


def another_digest(folder: Path) -> None:
    with (folder / "locator.safetensors").open("ab") as stream:
        stream.write(b"x")


def another_version(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"schema_version": 99}))
    reseal(folder)


def another_shape(folder: Path) -> None:
    tensors = load_file(folder / "grader.safetensors")
    tensors["reading"] = torch.zeros(1, 2, 3, 4)
    save_file(tensors, folder / "grader.safetensors")
    reseal(folder)


def nan_weights(folder: Path) -> None:
    tensors = load_file(folder / "locator.safetensors")
    tensors["read.bias"][:] = float("nan")
    save_file(tensors, folder / "locator.safetensors")
    reseal(folder)


class Trap:
    """What a pickle can do: here it writes a file when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self.mark, "a pickle was read")


def a_pickle(folder: Path) -> None:
    content = pickle.dumps(Trap(folder.parent / "mark"))
    (folder / "grader.safetensors").write_bytes(content)
    reseal(folder)


DAMAGES: dict[Damage, str] = {
    no_bundle: "card.json: missing",
    no_weights: "locator.safetensors: the card names it, but it is missing",
    another_digest: "locator.safetensors: sha256 is",
    another_version: "schema_version 99, this release reads 1",
    another_shape: "grader.safetensors: does not fit the network",
    nan_weights: "locator.safetensors: read.bias holds values that are not finite",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_bar_25_score_ends_at_its_start_with_one_clear_error(
    copied: Path,
    tmp_path: Path,
    damage: Damage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(copied)
    command = ["--input", str(tmp_path), "--bundle", str(copied), "--output", str(tmp_path / "o")]
    monkeypatch.setattr("sys.argv", ["score", *command])
    with pytest.raises(SystemExit) as ended:
        run(score.main, score.parser())
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert DAMAGES[damage] in said.err
    assert "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_bar_25_the_endpoint_ends_at_its_start_with_one_clear_error(
    copied: Path, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(copied)
    assert endpoint.main(["--bundle", str(copied), "--port", "0"]) == 2
    said = capsys.readouterr().err
    assert DAMAGES[damage] in said
    assert len(said.strip().splitlines()) == 1


def test_bar_26_a_pickle_offered_as_weights_is_refused_unread(copied: Path) -> None:
    a_pickle(copied)
    with pytest.raises(BundleError, match=r"grader\.safetensors: does not fit the network"):
        Grader.from_bundle(copied)
    assert not (copied.parent / "mark").exists()


@pytest.fixture(scope="module")
def grader(bundle: Bundle) -> Grader:
    return Grader(bundle)


def nothing(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.full_like(pixels, np.nan)


def holed(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    holed = pixels.copy()
    holed[::4] = np.nan
    return holed


def constant(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.full_like(pixels, 7)


@pytest.mark.parametrize("made", [nothing, holed, constant], ids=lambda made: made.__name__)
def test_bar_28_a_nan_or_constant_picture_is_not_assessed(
    grader: Grader,
    located: tuple[Study, Landmarks],
    made: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> None:
    study, landmarks = located
    series = tuple(
        replace(one, instances=tuple(replace(i, pixels=made(i.pixels)) for i in one.instances))
        for one in study.series
    )
    spoilt = replace(study, series=series)
    by_id = {one.series_id: one for one in series}
    given = Landmarks(
        {c: replace(m, series=by_id[m.series.series_id]) for c, m in landmarks.points.items()}
    )
    for grades in (grader.grade(spoilt), grader.grade_at(spoilt, given)):
        assert not list(grades.graded())
        assert all(finding.reason for finding in grades.findings)
