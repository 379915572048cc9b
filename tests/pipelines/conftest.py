"""A small phantom cohort, and one Ray for every test of this folder that needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bundles import smallest_recipe, untrained

from lumbar.grading.bundle import write_bundle
from lumbar.phantom.cohort import write_cohort
from lumbar.pipelines.session import ray_session


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small phantoms in the challenge's layout."""
    folder = tmp_path_factory.mktemp("phantoms") / "cohort"
    write_cohort(folder, 3, seed=7)
    return folder


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the smallest recipe whose grader has learned nothing."""
    folder = tmp_path_factory.mktemp("model") / "bundle"
    write_bundle(folder, smallest_recipe(), untrained(), {})
    return folder


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """A local Ray of two cores; the jobs' own sessions inside it start no other."""
    with ray_session(num_cpus=2, object_store_mb=150, dashboard=False, worker_output=False):
        yield
