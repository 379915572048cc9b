"""What a PACS and who runs it are told of instances and studies that come to nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from jobs_of import changed
from pydicom import Dataset
from starlette.testclient import TestClient

from serve.api import make_api
from serve.board import Board
from serve.desk import Desk
from serve.dicomweb import OTHER_INSTANCE
from serve.gather import Gathering
from serve.grading import GradingService
from serve.instances import recognised
from serve.job import Job, State
from serve.settings import DicomwebSettings, KeepSettings, Limits

STUDIES = "/api/v1/dicomweb/studies"
HEAD = b"--here\r\nContent-Type: application/dicom\r\n\r\n"
TYPE = 'multipart/related; type="application/dicom"; boundary=here'


@pytest.fixture
def instances(study_files: Mapping[str, bytes]) -> list[bytes]:
    return [data for name, data in sorted(study_files.items()) if name.endswith(".dcm")]


@pytest.fixture
def receiver(service: GradingService, tmp_path: Path, instances: list[bytes]) -> Iterator[Any]:
    """A server whose studies never become quiet and which has room for four instances."""
    board = Board(KeepSettings(folder=tmp_path), Limits())
    room = sum(map(len, instances[:4]))
    told = DicomwebSettings(quiet_s=3600, waiting_bytes=room)
    api = make_api(service, Limits(), board, dicomweb=told)
    with TestClient(api, base_url="http://127.0.0.1:8000") as client:
        yield client


def stored(client: TestClient, *parts: bytes) -> tuple[int, int, list[int]]:
    """The status, how many were taken, and the failure reasons."""
    body = b"".join(HEAD + part + b"\r\n" for part in parts) + b"--here--\r\n"
    answer = client.post(STUDIES, content=body, headers={"Content-Type": TYPE})
    told = Dataset.from_json(answer.text)
    failed = [item.FailureReason for item in told.get("FailedSOPSequence", [])]
    return answer.status_code, len(told.ReferencedSOPSequence), failed


def test_the_same_instance_again_is_taken_and_needs_no_room(
    receiver: TestClient, instances: list[bytes]
) -> None:
    for _ in range(3):
        assert stored(receiver, *instances[:4], instances[0]) == (200, 5, [])


@pytest.mark.parametrize("at_once", [True, False])
def test_other_bytes_under_its_uids_are_refused_and_named_nowhere(
    receiver: TestClient,
    instances: list[bytes],
    caplog: pytest.LogCaptureFixture,
    at_once: bool,
) -> None:
    first, second, _, _ = instances[:4]
    other = changed(first, SeriesDescription="CANARY")
    with caplog.at_level(logging.DEBUG):
        if at_once:
            assert stored(receiver, first, other, second) == (202, 2, [OTHER_INSTANCE])
        else:
            assert stored(receiver, first) == (200, 1, [])
            assert stored(receiver, second, other) == (202, 1, [OTHER_INSTANCE])
        assert stored(receiver, other) == (409, 0, [OTHER_INSTANCE])
    assert stored(receiver, first) == (200, 1, []), "the first one stays"
    assert "instances refused: 1 under the UIDs of others" in caplog.text
    assert "CANARY" not in caplog.text


class Counts:
    """What became of studies, as a meter is told it."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def graded(self, seconds: Mapping[str, float], findings: int) -> None:
        self.ended("graded")

    def ended(self, outcome: str) -> None:
        self.outcomes.append(outcome)


def gathered(
    service: GradingService, folder: Path, instances: Sequence[bytes], **limits: Any
) -> tuple[Job, list[str], int]:
    """The sender's one job, the outcomes that were counted, and how many reports went out."""
    counts, reports = Counts(), list[bytes]()

    async def asked() -> Job:
        board = Board(KeepSettings(folder=folder), Limits())
        desk = Desk(service, board, Limits(**limits), meter=counts)
        gathering = Gathering(desk, board, DicomwebSettings(quiet_s=0.2), reports.append)
        gathering.add("pacs", recognised(instances))
        await gathering.drain()
        (job,) = await board.jobs("pacs")
        await board.close()
        return job

    return asyncio.run(asked()), counts.outcomes, len(reports)


def test_a_study_that_cannot_be_graded_leaves_a_failed_job_a_count_and_a_line(
    service: GradingService,
    instances: list[bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    twins = [instances[0], changed(instances[1], PatientID="CANARY", PatientName="CANARY")]
    with caplog.at_level(logging.DEBUG):
        job, outcomes, reports = gathered(service, tmp_path, twins)
    assert job.state is State.FAILED
    assert job.problem is not None
    assert (job.problem.status, job.problem.name) == (422, "unusable-input")
    assert (outcomes, reports) == (["unusable-input"], 0)
    assert "dicomweb study not graded: 422 unusable-input" in caplog.text
    assert "CANARY" not in caplog.text
    assert str(job.study_id) not in caplog.text


def test_so_does_one_that_is_refused_before_it_is_a_job(
    service: GradingService,
    instances: list[bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        job, outcomes, _ = gathered(service, tmp_path, instances[:2], study_s=1e-6)
    (sent, _) = recognised(instances[:2])
    assert (job.state, job.study_id, job.files) == (State.FAILED, sent.study, 2)
    assert job.problem is not None
    assert (job.problem.status, job.problem.name) == (504, "took-too-long")
    assert outcomes == ["took-too-long"]
    assert "dicomweb study not graded: 504 took-too-long" in caplog.text
    assert sent.study not in caplog.text
