"""What tests of jobs share: sending, waiting, studies of other patients, a disk that is full."""

from __future__ import annotations

import io
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom import dcmread
from starlette.testclient import TestClient

JOBS = "/api/v1/jobs"


def send(client: Any, *files: tuple[str, bytes], query: str = "") -> list[dict[str, Any]]:
    """The jobs of an upload."""
    response = client.post(f"{JOBS}{query}", files=[("file", file) for file in files])
    assert response.status_code == 202, response.text
    return list(response.json()["jobs"])


def ended(client: Any, job: dict[str, Any], most_s: float = 60) -> dict[str, Any]:
    """The job once nothing more will happen to it."""
    until = time.monotonic() + most_s
    while time.monotonic() < until:
        found = client.get(job["address"]).json()
        if found["state"] not in ("queued", "running"):
            return dict(found)
        time.sleep(0.05)
    raise AssertionError(f"not ended after {most_s} s: {found}")


def done(client: Any, *files: tuple[str, bytes]) -> dict[str, Any]:
    """One study's job, done."""
    (job,) = send(client, *files)
    found = ended(client, job)
    assert found["state"] == "done", found
    return found


def changed(data: bytes, **values: str) -> bytes:
    """A DICOM file with other values."""
    dataset = dcmread(io.BytesIO(data))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """The system refuses to let a file grow beyond `most` bytes, as a full disk would."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def stranger(client: TestClient) -> TestClient:
    """Another browser at the same server: without the first one's cookie."""
    return TestClient(client.app, base_url=str(client.base_url))
