"""A bundle of a random grader that passes its self-test, and a phantom study to send."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from bundles import small_recipe, untrained
from starlette.testclient import TestClient

from lumbar.grading.bundle import Bundle, write_bundle
from lumbar.pipelines.selftest import make_selftest
from serve.api import make_api
from serve.board import Board
from serve.example import Example, write_example
from serve.graded import Graded
from serve.grading import GradingService
from serve.sent import studies_sent
from serve.settings import KeepSettings, Limits
from serve.upload import name_files

ADDRESS = "http://127.0.0.1:8000"


def random_bundle(folder: Path, seed: int = 0) -> Bundle:
    """A bundle of a random grader with a self-test that it passes."""
    return write_bundle(
        folder,
        small_recipe("random"),
        untrained(seed),
        {"trained_on": "nothing"},
        lambda draft: make_selftest(draft, given_points=False),
    )


@pytest.fixture(scope="session")
def served_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return random_bundle(tmp_path_factory.mktemp("served") / "bundle")


@pytest.fixture(scope="session")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return random_bundle(tmp_path_factory.mktemp("other") / "bundle", seed=1)


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return write_example(tmp_path_factory.mktemp("example"))


@pytest.fixture(scope="session")
def study_files(example: Example) -> Mapping[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(example.archive.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="session")
def service(served_bundle: Bundle) -> GradingService:
    return GradingService(served_bundle, Limits(), precision="fp32")


@pytest.fixture(scope="session")
def result(service: GradingService, example: Example) -> Graded:
    """What comes of one slice."""
    upload = name_files([("slice.dcm", example.dicom.read_bytes())])

    async def asked() -> Graded:
        (sent,) = studies_sent(upload, Limits())
        *_, outcome = [one async for one in service.grade(sent)]
        assert isinstance(outcome, Graded)
        return outcome

    return asyncio.run(asked())


@pytest.fixture(scope="session")
def client(
    service: GradingService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    board = Board(KeepSettings(folder=tmp_path_factory.mktemp("jobs")), Limits())
    with TestClient(make_api(service, Limits(), board), base_url=ADDRESS) as client:
        yield client
