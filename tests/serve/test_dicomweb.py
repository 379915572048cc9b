"""STOW-RS: what is taken, what is refused, when a study is complete, how a report goes out."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pydicom
import pytest
from jobs_of import changed
from starlette.testclient import TestClient

from lumbar.errors import ConfigError
from serve.api import make_api
from serve.app import Ingress
from serve.board import Board, Ordered
from serve.desk import Desk
from serve.dicomweb import ANONYMOUS, CANNOT_UNDERSTAND, OTHER_STUDY
from serve.gather import Gathering, StoreError
from serve.grading import GradingService
from serve.instances import recognised
from serve.job import State, new_job_id
from serve.problems import Refused
from serve.settings import DicomwebSettings, KeepSettings, Limits, ServeArguments
from serve.stow import Stow
from serve.troubles import took_too_long

STUDIES = "/api/v1/dicomweb/studies"
TYPE = 'multipart/related; type="application/dicom"; boundary=here'


def body(*parts: bytes) -> bytes:
    head = b"--here\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(head + part + b"\r\n" for part in parts) + b"--here--\r\n"


def files_of(study_files: Mapping[str, bytes], many: int) -> list[bytes]:
    return [data for name, data in sorted(study_files.items()) if name.endswith(".dcm")][:many]


def study_of(data: bytes) -> str:
    return str(pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True).StudyInstanceUID)


@pytest.fixture
def patient_server(service: GradingService, tmp_path: Path) -> Iterator[TestClient]:
    """A server whose studies never become quiet, so that only receiving is seen."""
    board = Board(KeepSettings(folder=tmp_path), Limits(request_bytes=50_000_000, files=30))
    api = make_api(
        service,
        Limits(request_bytes=50_000_000, files=30),
        board,
        dicomweb=DicomwebSettings(quiet_s=3600, waiting_bytes=600_000),
    )
    with TestClient(api, base_url="http://127.0.0.1:8000") as client:
        yield client


def post(client: TestClient, content: bytes, path: str = "", **headers: str) -> Any:
    return client.post(STUDIES + path, content=content, headers={"Content-Type": TYPE, **headers})


def test_instances_that_arrive_are_named_in_the_answer(
    patient_server: TestClient, study_files: Mapping[str, bytes]
) -> None:
    sent = files_of(study_files, 3)
    answer = post(patient_server, body(*sent))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    told = pydicom.Dataset.from_json(answer.text)
    assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == [
        pydicom.dcmread(io.BytesIO(data)).SOPInstanceUID for data in sent
    ]
    assert "FailedSOPSequence" not in told


def test_what_is_no_dicom_is_refused_and_the_rest_is_taken(
    patient_server: TestClient, study_files: Mapping[str, bytes]
) -> None:
    answer = post(patient_server, body(*files_of(study_files, 1), b"no picture at all", b""))
    assert answer.status_code == 202
    told = pydicom.Dataset.from_json(answer.text)
    assert len(told.ReferencedSOPSequence) == 1
    assert [item.FailureReason for item in told.FailedSOPSequence] == [CANNOT_UNDERSTAND] * 2
    assert post(patient_server, body(b"nothing")).status_code == 409


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("told", ["CANARY^NAME", "1." + "2" * 70, "1.2\\1.3"])
def test_an_instance_whose_uid_is_none_is_refused_and_its_value_is_told_nobody(
    patient_server: TestClient, study_files: Mapping[str, bytes], keyword: str, told: str
) -> None:
    data = files_of(study_files, 1)[0]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        bad = changed(data, **{keyword: told})
        warned.clear()
        answer = post(patient_server, body(bad, data))
    assert answer.status_code == 202
    (failed,) = pydicom.Dataset.from_json(answer.text).FailedSOPSequence
    assert failed.FailureReason == CANNOT_UNDERSTAND
    assert told not in answer.text
    assert told not in " ".join(str(one.message) for one in warned)


def test_a_class_that_is_no_uid_is_left_out_of_the_answer(
    patient_server: TestClient, study_files: Mapping[str, bytes]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bad = changed(files_of(study_files, 1)[0], SOPClassUID="CANARY")
    answer = post(patient_server, body(bad))
    assert "CANARY" not in answer.text
    assert answer.status_code == 200


@pytest.mark.parametrize("told", ["9.876.5", "1.2.003.4"])
def test_uids_with_a_root_that_is_nobodys_or_leading_zeros_are_taken(
    patient_server: TestClient, study_files: Mapping[str, bytes], told: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        odd = changed(files_of(study_files, 1)[0], StudyInstanceUID=told, SOPInstanceUID=told)
        answer = post(patient_server, body(odd), f"/{told}")
    assert answer.status_code == 200
    assert told in answer.text


def test_the_process_that_speaks_http_lets_no_library_warn() -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        Ingress(None, ServeArguments())  # type: ignore[arg-type]
        pydicom.Dataset().StudyInstanceUID = "CANARY^NAME"
    assert warned == []


def test_instances_of_another_study_than_the_addresss_are_refused(
    patient_server: TestClient, study_files: Mapping[str, bytes]
) -> None:
    sent = files_of(study_files, 1)
    answer = post(patient_server, body(*sent), "/1.2.3")
    assert answer.status_code == 409
    told = pydicom.Dataset.from_json(answer.text)
    assert told.FailedSOPSequence[0].FailureReason == OTHER_STUDY
    assert post(patient_server, body(*sent), f"/{study_of(sent[0])}").status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", TYPE, 400),
        (body(), TYPE, 400),
        (body(b"cut off")[:-10], TYPE, 400),
        (body(b"x"), "multipart/related; type=application/dicom", 415),
        (body(b"x"), 'multipart/related; type="application/dicom+xml"; boundary=here', 415),
        (body(b"x"), "multipart/form-data; boundary=here", 415),
        (body(*[b"x"] * 31), TYPE, 413),
        (body(b"x" * 50_000_001), TYPE, 413),
    ],
)
def test_requests_that_are_no_stow_are_problems(
    patient_server: TestClient, content: bytes, kind: str, status: int
) -> None:
    answer = patient_server.post(STUDIES, content=content, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["hint"]


def test_more_than_may_wait_is_sent_away_with_503(
    patient_server: TestClient, study_files: Mapping[str, bytes]
) -> None:
    many = files_of(study_files, 30)
    assert sum(map(len, many)) > 600_000
    for data in many:
        answer = post(patient_server, body(data))
        if answer.status_code == 503:
            break
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


class Elsewhere:
    """Another server that is down for some tries."""

    def __init__(self, down: int) -> None:
        self.down, self.tries, self.reports = down, 0, []

    def __call__(self, report: bytes) -> None:
        self.tries += 1
        if self.tries <= self.down:
            raise StoreError("ConnectionError")
        self.reports.append(report)


def quick(**settings: Any) -> DicomwebSettings:
    return DicomwebSettings(**{"quiet_s": 0.5, "first_wait_s": 0.01, "tries": 4, **settings})


async def gathered(
    service: GradingService,
    folder: Path,
    elsewhere: Elsewhere,
    arrive: Callable[[Gathering], Any],
    **settings: Any,
) -> list[State]:
    """What `arrive` sends, graded and told; the states of the jobs that came of it."""
    board = Board(KeepSettings(folder=folder), Limits())
    desk = Desk(service, board, Limits())
    gathering = Gathering(desk, board, quick(**settings), elsewhere)
    await arrive(gathering)
    await gathering.drain()
    jobs = await board.jobs(ANONYMOUS)
    await board.close()
    return [job.state for job in jobs]


def test_a_study_that_arrives_in_pieces_is_one_job_and_one_report(
    service: GradingService, study_files: Mapping[str, bytes], tmp_path: Path
) -> None:
    sent = recognised(files_of(study_files, 1000))

    async def arrive(gathering: Gathering) -> None:
        for one in (*sent, *sent[:3]):  # a sender that is unsure sends again
            gathering.add(ANONYMOUS, [one])
            await asyncio.sleep(0)

    elsewhere = Elsewhere(down=0)
    assert asyncio.run(gathered(service, tmp_path, elsewhere, arrive)) == [State.DONE]
    (report,) = (pydicom.dcmread(io.BytesIO(data)) for data in elsewhere.reports)
    assert report.StudyInstanceUID == sent[0].study
    assert report.Modality == "SR"


def test_a_report_is_tried_again_until_it_is_stored(
    service: GradingService,
    study_files: Mapping[str, bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = recognised(files_of(study_files, 4))

    async def arrive(gathering: Gathering) -> None:
        gathering.add(ANONYMOUS, sent)

    elsewhere = Elsewhere(down=2)
    with caplog.at_level(logging.INFO):
        asyncio.run(gathered(service, tmp_path, elsewhere, arrive))
    assert (elsewhere.tries, len(elsewhere.reports)) == (3, 1)
    assert sent[0].study not in caplog.text


def test_a_report_that_nobody_takes_is_given_up_and_said(
    service: GradingService,
    study_files: Mapping[str, bytes],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent = recognised(files_of(study_files, 4))

    async def arrive(gathering: Gathering) -> None:
        gathering.add(ANONYMOUS, sent)

    elsewhere = Elsewhere(down=99)
    with caplog.at_level(logging.ERROR, logger="ray.serve.lumbar"):
        assert asyncio.run(gathered(service, tmp_path, elsewhere, arrive)) == [State.DONE]
    assert elsewhere.tries == 4
    assert "not stored" in caplog.text


def test_a_report_that_comes_back_is_no_study(
    service: GradingService, study_files: Mapping[str, bytes], tmp_path: Path
) -> None:
    sent = recognised(files_of(study_files, 4))
    elsewhere = Elsewhere(down=0)

    async def first(gathering: Gathering) -> None:
        gathering.add(ANONYMOUS, sent)

    asyncio.run(gathered(service, tmp_path / "first", elsewhere, first))
    back = recognised(elsewhere.reports)
    assert back[0].sop
    assert not back[0].picture

    async def again(gathering: Gathering) -> None:
        gathering.add(ANONYMOUS, back)

    assert asyncio.run(gathered(service, tmp_path / "again", elsewhere, again)) == []


def test_a_complete_study_waits_for_room_and_its_bytes_are_counted(
    service: GradingService, study_files: Mapping[str, bytes], tmp_path: Path
) -> None:
    sent = recognised(files_of(study_files, 4))
    size = sum(len(one.data) for one in sent)
    limits = Limits(queue=1)

    async def asked() -> None:
        board = Board(KeepSettings(folder=tmp_path), limits)
        gathering = Gathering(
            Desk(service, board, limits), board, quick(tries=2, waiting_bytes=size), None
        )
        other = Ordered(new_job_id(), "2.25.1", 1)
        await board.order("another", "worker", [other])
        gathering.add(ANONYMOUS, sent)
        await asyncio.sleep(1)  # twice what makes the study complete
        assert await board.jobs(ANONYMOUS) == []
        assert gathering.held == size
        with pytest.raises(Refused) as refused:
            gathering.add(ANONYMOUS, sent[:1])
        assert refused.value.problem.status == 503
        await board.fail(other.id, took_too_long(limits))
        await gathering.drain()
        (job,) = await board.jobs(ANONYMOUS)
        assert (job.state, gathering.held) == (State.DONE, 0)

    asyncio.run(asked())


def test_a_studys_bytes_are_let_go_before_its_report_is_delivered(
    service: GradingService, study_files: Mapping[str, bytes], tmp_path: Path
) -> None:
    sent = recognised(files_of(study_files, 4))
    counted: list[list[int]] = []

    def references() -> list[int]:
        gc.collect()
        return [sys.getrefcount(one.data) for one in sent]

    async def asked() -> None:
        board = Board(KeepSettings(folder=tmp_path), Limits())

        def deliver(report: bytes) -> None:
            counted.append(references())

        gathering = Gathering(Desk(service, board, Limits()), board, quick(), deliver)
        gathering.add(ANONYMOUS, sent)
        await gathering.drain()

    asyncio.run(asked())
    assert counted == [references()]  # as many as once all is over


def test_nobody_listens_is_a_store_error_without_the_address() -> None:
    stow = Stow(DicomwebSettings(send_to="http://127.0.0.1:9/secret-path", send_s=5))
    held = io.BytesIO()
    report = pydicom.Dataset()
    report.SOPClassUID, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.3"
    report.file_meta = pydicom.dataset.FileMetaDataset()
    report.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    report.save_as(held, enforce_file_format=True)
    with pytest.raises(StoreError) as told:
        stow(held.getvalue())
    assert "secret-path" not in str(told.value)


@pytest.mark.parametrize("address", ["orthanc", "ftp://here", ""])
def test_an_address_that_is_none_is_said_at_start(address: str) -> None:
    with pytest.raises(ConfigError, match="send_to"):
        Stow(DicomwebSettings(send_to=address))


def test_a_password_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "user"
    file.write_text("me:secret")
    file.chmod(0o644)
    settings = DicomwebSettings(send_to="http://127.0.0.1:8042/dicom-web", user_file=file)
    with pytest.raises(ConfigError, match="chmod 600"):
        Stow(settings)
    file.chmod(0o600)
    Stow(settings)
