"""A job's Ray starts with a token of its own, knows our packages, and ends."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, os, sys
from pathlib import Path
import ray  # before the session: the mode it read then must not last
from ray._raylet import AuthenticationMode, get_authentication_mode
from lumbar.pipelines.session import ray_session

with ray_session(num_cpus=1, object_store_mb=100, worker_output=False):
    with ray_session():  # inside another: nothing to do
        cells = ray.get(ray.remote(lambda: __import__("lumbar.domain").domain.CELLS).remote())
    token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
    report = {
        "cells": len(cells),
        "cores": ray.cluster_resources()["CPU"],
        "token_mode": get_authentication_mode() == AuthenticationMode.TOKEN,
        "token_file": str(token),
        "token_rights": token.stat().st_mode & 0o777,
        "folder": ray.get_runtime_context().get_temp_dir(),
    }
report["ended"] = not ray.is_initialized()
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a program saw in a session, in a process of its own and away from the repository."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {**json.loads(done.stdout.splitlines()[-1]), "stderr": done.stderr}


def test_workers_import_lumbar(report: dict[str, object]) -> None:
    assert report["cells"] == 25


def test_the_session_has_the_cores_that_were_asked_for(report: dict[str, object]) -> None:
    assert report["cores"] == 1


def test_token_authentication_is_on_even_where_ray_was_imported_before(
    report: dict[str, object],
) -> None:
    assert report["token_mode"] is True


def test_the_token_is_a_private_file_that_goes_with_the_process(report: dict[str, object]) -> None:
    assert report["token_rights"] == stat.S_IRUSR | stat.S_IWUSR
    assert not Path(str(report["token_file"])).exists()


def test_ray_ends_and_takes_its_folder_along(report: dict[str, object]) -> None:
    assert report["ended"] is True
    assert not Path(str(report["folder"])).exists()


def test_ray_does_not_chatter(report: dict[str, object]) -> None:
    assert report["stderr"] == ""
