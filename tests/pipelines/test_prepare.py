"""index and prepare on three phantoms."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lumbar.config import Recipe, load_recipe
from lumbar.errors import ConfigError, FormatError
from lumbar.grading.store import CROP_SCHEMA, PictureStore
from lumbar.pipelines.cache import check_cache, read_crops, read_table
from lumbar.pipelines.index import index
from lumbar.pipelines.manifest import list_studies
from lumbar.pipelines.prepare import prepare

pytestmark = pytest.mark.ray

CI = Path(__file__).resolve().parents[2] / "jobs" / "configs" / "ci.yaml"


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe(CI)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, local_ray: None, cohort: Path) -> Path:
    path = tmp_path_factory.mktemp("index") / "manifest.parquet"
    report = index(cohort, path)
    assert (report.studies, report.failures) == (3, ())
    return path


@pytest.fixture(scope="module")
def cache(
    tmp_path_factory: pytest.TempPathFactory, manifest: Path, cohort: Path, recipe: Recipe
) -> Path:
    """The cache of two good phantoms and one whose files are all text."""
    root = tmp_path_factory.mktemp("prepare") / "cohort"
    shutil.copytree(cohort, root)
    for path in sorted((root / "train_images").iterdir())[1].rglob("*.dcm"):
        path.write_text("not a picture")
    report = prepare(root, root, root.parent / "cache", recipe)
    assert len(report.failures) == 1
    return root.parent / "cache"


def test_the_manifest_lists_every_study_of_the_root(manifest: Path, cohort: Path) -> None:
    assert list_studies(manifest) == list_studies(cohort)


def test_every_labelled_finding_of_a_good_study_is_in_the_cache(
    cache: Path, recipe: Recipe
) -> None:
    crops = read_crops(cache, recipe)
    assert len(set(crops.study_ids)) == 2
    assert len(crops) == len(read_table(cache, "points"))
    assert crops.pictures.shape[1:] == (3, recipe.crops.cached_px, recipe.crops.cached_px)
    assert crops.pictures.float().std() > 10


def test_the_locators_pictures_come_in_the_same_pass(cache: Path, recipe: Recipe) -> None:
    assert recipe.locator is not None
    pictures = PictureStore.of([read_table(cache, "pictures")], recipe.locator.cached_px)
    assert set(pictures.study_ids) == set(read_crops(cache, recipe).study_ids)


def test_a_study_that_cannot_be_read_is_a_failure_and_not_the_end(cache: Path) -> None:
    (failure,) = pq.read_table(cache / "failures.parquet").to_pylist()
    assert "no MRI slice" in failure["reason"]


def test_made_again_the_shards_are_the_same(
    cache: Path, cohort: Path, recipe: Recipe, tmp_path: Path
) -> None:
    root = cache.parent / "cohort"
    prepare(root, root, tmp_path / "again", recipe)
    for path in sorted(cache.glob("*/*.parquet")):
        other = tmp_path / "again" / path.relative_to(cache)
        assert other.read_bytes() == path.read_bytes(), path.name
    assert pq.read_schema(cache / "crops" / "part-00000.parquet").equals(CROP_SCHEMA)


def test_a_cache_cut_otherwise_is_refused_by_the_key_that_differs(
    cache: Path, recipe: Recipe
) -> None:
    crops = recipe.crops.model_copy(update={"size_px": 48})
    with pytest.raises(ConfigError, match="crops"):
        check_cache(cache, recipe.model_copy(update={"crops": crops}))


def test_labels_of_other_studies_are_refused(
    local_ray: None, cohort: Path, recipe: Recipe, tmp_path: Path
) -> None:
    for name in ("train.csv", "train_label_coordinates.csv"):
        lines = (cohort / name).read_text().splitlines()
        (tmp_path / name).write_text(lines[0] + "\n")
    with pytest.raises(FormatError, match="no label of any of the 3 studies"):
        prepare(cohort, tmp_path, tmp_path / "cache", recipe)
