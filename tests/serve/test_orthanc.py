"""The loop with Debian's Orthanc: a study arrives there, and its report is found beside it.

Orthanc runs with the files that docs/dicom.md hands out (docs/orthanc).
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pydicom
import pytest
import uvicorn
from ports import free_port
from programs import program

from lumbar.domain import CELLS
from lumbar.reports.provenance import NOTICE
from serve.api import make_api
from serve.board import Board
from serve.grading import GradingService
from serve.identity import Callers
from serve.settings import DicomwebSettings, KeepSettings, Limits

ROOT = Path(__file__).resolve().parents[2]
KEY = "a-key-of-this-test"
PATIENCE_S = 150.0
STABLE_S, PAUSE_S, QUIET_S = 10, 6.0, 4.0
"""A study pauses for longer than lumbar waits for more of it: Orthanc has to wait for all of it."""
Found = TypeVar("Found")


def awaited(look: Callable[[], Found | None]) -> Found:
    """What `look` finds, once it finds something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"nothing was found in {PATIENCE_S:g} s")


@dataclass(frozen=True, slots=True)
class Loop:
    """An Orthanc that forwards to a lumbar that answers to it."""

    client: httpx.Client
    lumbar: str

    def jobs(self) -> list[dict[str, Any]]:
        """What lumbar has been sent so far."""
        head = {"Authorization": f"Bearer {KEY}"}
        answer = httpx.get(f"{self.lumbar}/api/v1/jobs", headers=head, trust_env=False)
        return list(answer.json()["jobs"])

    def send(self, data: bytes) -> None:
        assert self.client.post("/instances", content=data).status_code == 200

    def reports(self, study: str) -> list[dict[str, Any]]:
        """QIDO: the report instances of a study."""
        path = f"/dicom-web/studies/{study}/instances"
        answer = self.client.get(path, params={"Modality": "SR"})
        return list(answer.json()) if answer.status_code == 200 and answer.content else []

    def fetch(self, found: Mapping[str, Any]) -> pydicom.Dataset:
        """WADO: a report that QIDO has found."""
        study, series, sop = (
            found[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")
        )
        told = self.client.post("/tools/lookup", content=sop).json()
        assert study
        assert series
        return pydicom.dcmread(
            io.BytesIO(self.client.get(f"/instances/{told[0]['ID']}/file").content)
        )


def orthanc_files(folder: Path, port: int, lumbar: str) -> Path:
    """The configuration of docs/orthanc with this test's folders, ports and key."""
    docs = ROOT / "docs" / "orthanc"
    settings = json.loads((docs / "orthanc.json").read_text(encoding="utf-8"))
    (folder / "db").mkdir()
    settings |= {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "LuaScripts": [str(docs / "forward.lua")],
        "HttpPort": port,
        "DicomServerEnabled": False,
        "StableAge": STABLE_S,
        "HttpTimeout": 60,
    }
    server = settings["DicomWeb"]["Servers"]["lumbar"]
    server["Url"] = server["Url"].replace("http://127.0.0.1:8000", lumbar)
    server["HttpHeaders"] = {"Authorization": f"Bearer {KEY}"}
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings))
    return path


@pytest.fixture(scope="module")
def loop(service: GradingService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    orthanc = program("Orthanc", "orthanc orthanc-dicomweb")
    folder = tmp_path_factory.mktemp("orthanc")
    orthanc_port, port = free_port(), free_port()
    api = make_api(
        service,
        Limits(),
        Board(KeepSettings(folder=folder / "jobs"), Limits()),
        callers=Callers({"orthanc": hashlib.sha256(KEY.encode()).hexdigest()}),
        dicomweb=DicomwebSettings(
            quiet_s=QUIET_S, send_to=f"http://127.0.0.1:{orthanc_port}/dicom-web", first_wait_s=0.5
        ),
    )
    server = uvicorn.Server(uvicorn.Config(api, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    address = f"http://127.0.0.1:{port}"
    configuration = orthanc_files(folder, orthanc_port, address)
    log = (folder / "orthanc.log").open("wb")
    process = subprocess.Popen([orthanc, configuration], stdout=log, stderr=log)
    client = httpx.Client(base_url=f"http://127.0.0.1:{orthanc_port}", timeout=30, trust_env=False)
    try:
        awaited(lambda: process.poll() is None and answers(client))
        yield Loop(client, address)
    finally:
        client.close()
        process.terminate()
        process.wait(30)
        log.close()
        server.should_exit = True
        thread.join(30)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/system").status_code == 200
    except httpx.TransportError:
        return False


def notices(report: pydicom.Dataset) -> list[str]:
    return [
        item.TextValue
        for part in report.ContentSequence
        for item in part.get("ContentSequence", [])
        if item.ValueType == "TEXT" and item.ConceptNameCodeSequence[0].CodeValue == "NOTICE"
    ]


def test_a_study_that_reaches_orthanc_has_its_report_beside_it(
    loop: Loop, study_files: Mapping[str, bytes]
) -> None:
    pictures = [data for name, data in study_files.items() if name.endswith(".dcm")]
    for number, data in enumerate(pictures):
        loop.send(data)
        if number in (len(pictures) // 3, 2 * len(pictures) // 3):
            time.sleep(PAUSE_S)  # as a scanner between its series
    source = pydicom.dcmread(io.BytesIO(pictures[0]), stop_before_pixels=True)
    (found,) = awaited(lambda: loop.reports(source.StudyInstanceUID))
    report = loop.fetch(found)
    assert report.StudyInstanceUID == source.StudyInstanceUID
    assert report.PatientID == source.PatientID
    assert notices(report) == [NOTICE]
    measured = next(
        part
        for part in report.ContentSequence
        if part.ConceptNameCodeSequence[0].CodeMeaning == "Imaging Measurements"
    )
    assert len(measured.ContentSequence) == len(CELLS)
    # With its report it is stable once more by now, and nothing of it has been forwarded again.
    time.sleep(STABLE_S + QUIET_S + 2)
    assert len(loop.reports(source.StudyInstanceUID)) == 1
    (job,) = loop.jobs()
    assert (job["state"], job["files"]) == ("done", len(pictures))


def test_the_files_that_are_handed_out_wait_for_a_minute() -> None:
    settings = json.loads((ROOT / "docs" / "orthanc" / "orthanc.json").read_text(encoding="utf-8"))
    assert settings["StableAge"] >= 60


@pytest.mark.real
def test_orthanc_takes_the_real_studys_report_and_gives_it_back(
    loop: Loop, lumbar_data: Path
) -> None:
    folder = lumbar_data / "rsna_full" / "test_images" / "44036939"
    for path in sorted(folder.rglob("*.dcm")):
        loop.send(path.read_bytes())
    (found,) = awaited(lambda: loop.reports("44036939"))
    report = loop.fetch(found)
    assert report.StudyInstanceUID == report.PatientID == "44036939"
