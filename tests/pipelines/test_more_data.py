"""A recipe with further roots: what of each is trained on, and what its basis is."""

from pathlib import Path

import numpy as np
import pytest

from lumbar.config import DataSettings, MoreData, Recipe, load_recipe
from lumbar.domain import Basis, Family, View
from lumbar.errors import ConfigError
from lumbar.grading.learn import Predictions
from lumbar.pipelines.cache_stream import _read, caches_of
from lumbar.pipelines.grid import Trial
from lumbar.pipelines.results import _card, held_out_figures
from lumbar.pipelines.train import with_absolute_paths
from lumbar.pipelines.tune import run_grid

RECIPES = Path(__file__).parents[2] / "jobs" / "configs"


def test_a_family_has_the_basis_of_the_root_that_it_is_graded_from() -> None:
    data = DataSettings(
        basis=Basis.REAL,
        more=(MoreData(cache="x", families=(Family.CANAL, Family.SUBARTICULAR)),),
    )
    assert {family: data.basis_of(family) for family in Family} == {
        Family.CANAL: Basis.SYNTHETIC,
        Family.FORAMINAL: Basis.REAL,
        Family.SUBARTICULAR: Basis.SYNTHETIC,
    }


def test_a_family_is_graded_from_one_root_alone(tmp_path: Path) -> None:
    more = MoreData(cache=str(tmp_path), families=(Family.FORAMINAL,), basis=Basis.REAL)
    recipe = Recipe(name="x", data=DataSettings(more=(more,)))
    own, other = (families for _, families in caches_of(recipe))
    assert own == (Family.CANAL, Family.SUBARTICULAR)
    assert other == (Family.FORAMINAL,)
    assert recipe.data.root_of(Family.FORAMINAL) is recipe.data.more[0]
    assert recipe.data.root_of(Family.CANAL) is recipe.data
    with pytest.raises(ValueError, match="foraminal is named twice"):
        DataSettings(more=(more, more))


def test_a_card_of_several_roots_does_without_anybody_held_out() -> None:
    nobody = Predictions((), (), np.zeros((0, 3)), np.zeros(0, np.int64))
    recipe = load_recipe(RECIPES / "starter.yaml", {"data.held_out": "-1"})
    card = _card(recipe, tuple(Family), held_out_figures(nobody))
    assert card["figures"]["held_out"] == {"points": "given", "families": {}}


def test_a_grid_of_several_roots_is_refused(tmp_path: Path) -> None:
    recipe = load_recipe(RECIPES / "starter.yaml")
    with pytest.raises(ConfigError, match=r"data\.more: trials learn from data\.input alone"):
        run_grid([Trial("0", {}, recipe)], tmp_path)


def test_workers_get_absolute_paths_of_every_cache() -> None:
    recipe = with_absolute_paths(load_recipe(RECIPES / "starter.yaml"))
    caches = [one.cache for one in (recipe.data, *recipe.data.more)]
    assert len(caches) == 3
    assert all(Path(cache).is_absolute() for cache in caches)


@pytest.mark.parametrize(("value", "views"), [("true", tuple(View)), ("false", ())])
def test_neighbours_of_all_views_or_none(value: str, views: tuple[View, ...]) -> None:
    recipe = load_recipe(RECIPES / "demo.yaml", {"crops.neighbours": value})
    assert recipe.crops.neighbours == views


def test_only_the_wanted_families_of_a_cache_are_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    conditions = ["spinal_canal_stenosis", "left_neural_foraminal_narrowing"]
    path = tmp_path / "part.parquet"
    pq.write_table(pa.table({"condition": conditions}), path)
    kept = _read({"file": [str(path)], "families": ["canal,subarticular"]})
    assert kept["condition"].to_pylist() == conditions[:1]
    assert not len(_read({"file": [str(path)], "families": [""]}))
