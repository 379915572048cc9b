"""The network over whole slices: what it is shown, and a training of it on phantoms."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from lumbar.config import DataSettings, Recipe, WholeSettings
from lumbar.domain import CELLS
from lumbar.errors import ConfigError, InputError
from lumbar.grading.store import fold_of
from lumbar.grading.whole_task import WholeStore
from lumbar.imaging.tables import read_labels
from lumbar.pipelines.train_whole import gathered, train_whole
from lumbar.reports.submission import read_submission


@pytest.fixture(scope="module")
def recipe(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return Recipe(
        name="whole",
        runs=str(tmp_path_factory.mktemp("runs")),
        data=DataSettings(input=str(cohort), folds=3, calibration_share=0.0),
        whole=WholeSettings(size_px=64, channels=4, epochs=1, batch_size=2),
    )


@pytest.fixture(scope="module")
def trained(recipe: Recipe) -> Path:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train_whole(recipe)
    torch.set_rng_state(state)
    torch.set_num_threads(threads)
    return recipe.folder


def test_each_held_out_study_has_25_answers(recipe: Recipe, trained: Path) -> None:
    study_ids, weighted = read_submission(trained / "validation.csv")
    known = read_labels(Path(recipe.data.input) / "train.csv")
    assert sorted(study_ids) == sorted(s for s in known if fold_of(s, 3) == 0)
    assert weighted.sum(2) == pytest.approx(np.ones((len(study_ids), 25)))


def test_a_finished_training_is_not_done_again(recipe: Recipe, trained: Path) -> None:
    before = (trained / "state.pt").stat().st_mtime_ns
    assert train_whole(recipe)["finished_before"]
    assert (trained / "state.pt").stat().st_mtime_ns == before


def test_slices_that_are_missing_are_black_and_further_ones_left_out() -> None:
    slices = torch.arange(1, 6, dtype=torch.uint8).view(5, 1, 1).expand(5, 2, 2)
    store = WholeStore(
        slices=slices,
        owner=torch.tensor([0, 1, 1, 1, 1]),
        channel=torch.tensor([0, 0, 1, 2, 3]),
        study_ids=("a", "b"),
        labels=torch.zeros(2, len(CELLS)).long(),
    )
    shown = store.studies(torch.tensor([1, 0]), channels=3)
    assert shown[:, :, 0, 0].tolist() == [[2, 3, 4], [1, 0, 0]]


def test_images_that_no_label_knows_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    labels = Path(recipe.data.input) / "train.csv"
    (tmp_path / "train.csv").write_text(labels.read_text().splitlines()[0] + "\n")
    data = recipe.data.model_copy(update={"labels": str(tmp_path), "cache": str(tmp_path / "c")})
    with pytest.raises(ConfigError, match=r"has no study that data\.labels knows"):
        train_whole(recipe.model_copy(update={"data": data, "name": "other"}))


def test_a_training_part_without_a_study_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    data = recipe.data.model_copy(update={"folds": 1, "cache": str(tmp_path)})
    with pytest.raises(InputError, match="no study with labels is in the training part"):
        train_whole(recipe.model_copy(update={"data": data, "name": "none"}))


def test_a_study_that_cannot_be_read_is_listed_and_the_others_are_learned(
    cohort: Path, recipe: Recipe, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    shutil.copytree(cohort, root)
    known = sorted(read_labels(root / "train.csv"))
    for file in (root / "train_images" / known[0]).rglob("*.dcm"):
        file.write_bytes(b"no DICOM")
    data = recipe.data.model_copy(update={"input": str(root)})
    store = gathered(recipe.model_copy(update={"data": data, "runs": str(tmp_path / "runs")}))
    assert sorted(store.study_ids) == known[1:]
    (row,) = pq.read_table(tmp_path / "runs" / "whole" / "cache" / "failures.parquet").to_pylist()
    assert row["study_id"] == known[0]


@pytest.mark.parametrize(
    ("other", "refusal"),
    [
        ({"size_px": 32}, "slices of 64 px, the recipe wants 32"),
        ({"channels": 5}, "up to 4 slices of a study, the recipe wants 5"),
    ],
)
def test_a_cache_of_other_slices_is_refused(
    recipe: Recipe, trained: Path, tmp_path: Path, other: dict[str, int], refusal: str
) -> None:
    assert recipe.whole is not None
    wanted = recipe.model_copy(
        update={
            "runs": str(tmp_path),
            "data": recipe.data.model_copy(update={"cache": str(trained / "cache")}),
            "whole": recipe.whole.model_copy(update=other),
        }
    )
    with pytest.raises(ConfigError, match=refusal):
        train_whole(wanted)
