"""Engines give torch's grades, in fp32 to 1e-4 of a probability, or say what keeps them from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lumbar.domain import Family
from lumbar.errors import ConfigError
from lumbar.grading.bundle import Bundle
from lumbar.grading.calibration import Calibration, calibrated
from lumbar.grading.crops import cut_crops
from lumbar.grading.engine import engine_of, engine_versions, engine_wish
from lumbar.grading.engine_file import Part, cache_folder, onnx_bytes
from lumbar.grading.grader import Grader
from lumbar.grading.infer import read_crops
from lumbar.grading.landmarks import Landmark, Landmarks
from lumbar.imaging.study import Study

CPU = torch.device("cpu")
INSTALLED = [name for name, version in engine_versions().items() if version]
FASTER = [name for name in INSTALLED if name != "torch"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache of this module's own."""
    home = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.delenv("LUMBAR_ENGINE", raising=False)
        yield home


@pytest.fixture(scope="module")
def crops_500(bundle: Bundle, located: tuple[Study, Landmarks]) -> dict[str, torch.Tensor]:
    """500 crops of a phantom: its cells at points moved at random."""
    study, landmarks = located
    rng = np.random.default_rng(0)
    parts = []
    while sum(len(part.cells) for part in parts) < 500:
        moved = {
            cell: Landmark.at(
                cell, mark.series, mark.index, np.add(mark.point_px, rng.uniform(-8, 8, 2))
            )
            for cell, mark in landmarks.points.items()
        }
        parts.append(cut_crops(study, Landmarks(moved), bundle.config.crops))
    starts = np.cumsum([0, *(len(part.cells) for part in parts)])
    cells = [cell for part in parts for cell in part.cells]
    rows = [part.rows + start for part, start in zip(parts, starts, strict=False)]
    return {
        "pictures": torch.from_numpy(np.concatenate([part.pictures for part in parts])),
        "rows": torch.from_numpy(np.concatenate(rows)),
        "views": torch.from_numpy(np.concatenate([part.views for part in parts])),
        "family": torch.tensor([list(Family).index(c.condition.family) for c in cells]),
        "level": torch.tensor([cell.level.ordinal for cell in cells]),
    }


def probabilities(
    bundle: Bundle, crops: dict[str, torch.Tensor], engine: str
) -> NDArray[np.float64]:
    """Of a network with sharp readings: a trained one tells crops apart, random weights do not."""
    grader = Grader(bundle, engine=engine)._grader
    grader.network.reading.data *= 100
    logits = read_crops(grader, **crops, settings=bundle.config.crops).logits
    return calibrated(logits, torch.zeros(len(logits), dtype=torch.long), [Calibration()])


@pytest.fixture(scope="module")
def of_torch(bundle: Bundle, crops_500: dict[str, torch.Tensor]) -> NDArray[np.float64]:
    return probabilities(bundle, crops_500, "torch")


@pytest.mark.slow
@pytest.mark.parametrize("engine", FASTER)
def test_500_crops_have_torchs_grades_in_fp32(
    bundle: Bundle,
    crops_500: dict[str, torch.Tensor],
    of_torch: NDArray[np.float64],
    engine: str,
) -> None:
    found = probabilities(bundle, crops_500, engine)
    assert len(found) >= 500
    assert len(set(of_torch.argmax(1))) > 1
    assert np.abs(found - of_torch).max() <= 1e-4
    assert (found.argmax(1) == of_torch.argmax(1)).all()


@pytest.mark.skipif("openvino" not in INSTALLED, reason="openvino is an extra")
def test_bf16_states_its_own_difference(bundle: Bundle) -> None:
    grader = Grader(bundle, engine="openvino", precision="bf16")
    assert "openvino" in grader.engine
    assert "bf16" in grader.engine
    assert 0 < grader._grader.difference < 0.02
    assert f"{grader._grader.difference:.1g}" in grader.engine


@pytest.mark.parametrize("engine", FASTER)
def test_a_located_study_has_the_same_25_findings(
    bundle: Bundle, located: tuple[Study, Landmarks], engine: str
) -> None:
    fast, plain = Grader(bundle, engine=engine), Grader(bundle, engine="torch")
    there, here = fast.locate(located[0]), plain.locate(located[0])
    assert there.reasons == here.reasons
    for cell, mark in here.points.items():
        assert there.points[cell].point_px == pytest.approx(mark.point_px, abs=0.05)
    for one, other in zip(
        fast.grade(located[0]).findings, plain.grade(located[0]).findings, strict=True
    ):
        assert (one.cell, one.status, one.severity) == (other.cell, other.status, other.severity)


def test_a_grader_says_which_engine_it_is_and_how_near_to_torch(bundle: Bundle) -> None:
    grader = Grader(bundle)
    assert grader.engine.startswith(f"{FASTER[0]} ")
    assert f"fp32, {torch.get_num_threads()} thread" in grader.engine
    assert grader._grader.difference <= 1e-4


def test_what_was_exported_is_kept_and_taken_again(bundle: Bundle, cache: Path) -> None:
    Grader(bundle)
    kept = sorted((cache / "lumbar" / "engines").iterdir())
    assert {path.name.split("-")[0] for path in kept} == {"grader", "locator"}
    before = [(path.name, path.stat().st_mtime_ns) for path in kept]
    Grader(bundle)
    assert [(p.name, p.stat().st_mtime_ns) for p in sorted(cache_folder().iterdir())] == before


def test_other_weights_are_another_file(bundle: Bundle) -> None:
    module = torch.nn.Conv2d(3, 2, 1)
    first, second = (Part("tiny", module, 8, digest) for digest in ("a", "b"))
    assert onnx_bytes(first)
    assert onnx_bytes(second)
    assert len(list(cache_folder().glob("tiny-*"))) == 2


def test_a_damaged_file_in_the_cache_is_not_computed_with(bundle: Bundle) -> None:
    Grader(bundle)
    for path in cache_folder().glob("grader-*"):
        path.write_bytes(b"damaged")
    grader = Grader(bundle)
    assert grader.engine.startswith("torch ")
    assert "onnxruntime does not work here" in grader.engine
    for path in cache_folder().glob("grader-*"):
        path.unlink()


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lumbar").write_text("a file where the folder would be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    part = Part("tiny", torch.nn.Conv2d(3, 2, 1), 8, "c")
    engine = engine_of(part, FASTER[0], CPU, bf16=False)
    pictures = torch.rand(19, 3, 8, 8)
    assert engine(pictures).shape == (19, 2, 8, 8)
    assert engine(pictures) == pytest.approx(part.module(pictures).detach(), abs=1e-5)
    assert engine(pictures[:0]).shape == (0, 2, 8, 8)


def test_an_engine_that_cannot_be_had_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part("tiny", torch.nn.Conv2d(3, 2, 1), 8, "d")
    with pytest.raises(ConfigError, match="there are auto, onnxruntime, openvino, torch"):
        engine_of(part, "tensorrt", CPU, bf16=False)
    with pytest.raises(ConfigError, match="no bf16"):
        engine_of(part, "onnxruntime", CPU, bf16=True)
    monkeypatch.setenv("LUMBAR_ENGINE", "torch")
    assert engine_wish("auto") == "torch"
    assert engine_wish("openvino") == "openvino"
