"""The whole endpoint: Ray, Serve on loopback, HTTP. What it answers is what the grader says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from jobs_of import done, ended, send
from ports import free_port

from lumbar.errors import BundleError, ConfigError
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.imaging import read_uploaded
from lumbar.pipelines.session import ray_session
from serve.__main__ import serving
from serve.answer import answer_of
from serve.app import build
from serve.example import Example
from serve.settings import KeepSettings, ServeArguments

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    with ray_session(num_cpus=2, object_store_mb=150, dashboard=False, worker_output=False):
        yield


@pytest.fixture(scope="module")
def arguments(served_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> ServeArguments:
    keep = KeepSettings(folder=tmp_path_factory.mktemp("jobs"))
    return ServeArguments(bundle=served_bundle.path, precision="fp32", keep=keep)


@pytest.fixture(scope="module")
def client(local_ray: None, arguments: ServeArguments) -> Iterator[httpx.Client]:
    with (
        serving(arguments, port=free_port()) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=60) as client,
    ):
        yield client


def upload(client: httpx.Client, path: Path, query: str = "") -> httpx.Response:
    return client.post(f"/api/v1/grade{query}", files={"file": (path.name, path.read_bytes())})


def without_numbers(finding: dict[str, Any]) -> dict[str, Any]:
    evidence = {k: v for k, v in (finding["evidence"] or {}).items() if isinstance(v, str)}
    return {**finding, "evidence": evidence, "probabilities": None}


def numbers(finding: dict[str, Any]) -> list[float]:
    """All that is computed: equal up to rounding, which depends on the number of threads."""
    evidence = finding["evidence"] or {"point_px": [], "point_mm": [], "confidence": 0}
    shares = (finding["probabilities"] or {}).values()
    return [*shares, *evidence["point_px"], *evidence["point_mm"], evidence["confidence"]]


def test_bar_46_a_serve_that_others_can_reach_is_refused(
    local_ray: None, arguments: ServeArguments
) -> None:
    from ray import serve
    from ray.serve.config import HTTPOptions

    serve.start(proxy_location="Disabled", http_options=HTTPOptions(host="0.0.0.0"))
    with pytest.raises(ConfigError, match="without API keys"):
        build(arguments)
    serve.shutdown()


@pytest.mark.nightly
def test_a_bundle_that_fails_its_selftest_is_one_clear_error(
    local_ray: None, arguments: ServeArguments, tmp_path: Path
) -> None:
    folder = shutil.copytree(arguments.bundle, tmp_path / "changed")
    expected = json.loads((folder / "selftest.json").read_text())
    graded = next(row for row in expected["rows"] if row["status"] == "graded")
    graded["p_severe"] += 0.3
    (folder / "selftest.json").write_text(json.dumps(expected))
    card = json.loads((folder / "card.json").read_text())
    digest = hashlib.sha256((folder / "selftest.json").read_bytes()).hexdigest()
    card["sha256"]["selftest.json"] = digest
    (folder / "card.json").write_text(json.dumps(card))
    changed = arguments.model_copy(update={"bundle": folder})
    with (
        pytest.raises(BundleError, match=f"^{folder}/selftest.json: {graded['condition']}.*0.3"),
        serving(changed, port=free_port()),
    ):
        pytest.fail("the model was served")


def test_a_zip_has_the_25_rows_that_the_grader_gives(
    client: httpx.Client, served_bundle: Bundle, example: Example
) -> None:
    study = read_uploaded({"example.zip": example.archive.read_bytes()})[0]
    direct = answer_of(study, Grader(served_bundle).grade(study), {}, {}).model_dump(mode="json")
    response = upload(client, example.archive)
    assert response.status_code == 200, response.text
    found = response.json()
    assert len(found["findings"]) == 25
    for one, other in zip(found["findings"], direct["findings"], strict=True):
        assert without_numbers(one) == without_numbers(other)
        assert numbers(one) == pytest.approx(numbers(other), rel=1e-4, abs=1e-3)
    assert found["bundle"] == served_bundle.name


def test_a_dicom_a_png_and_a_text_file_are_answered(client: httpx.Client, example: Example) -> None:
    dicom, png = upload(client, example.dicom), upload(client, example.png, "?view=sagittal_t2")
    for response in (dicom, png):
        graded = [f for f in response.json()["findings"] if f["status"] == "graded"]
        assert {f["condition"] for f in graded} == {"spinal_canal_stenosis"}
    text = client.post("/api/v1/grade", files={"file": ("notes.txt", b"hello")})
    assert (text.status_code, text.json()["title"]) == (415, "Wrong format")
    assert text.headers["content-type"] == "application/problem+json"


def test_readiness_is_told_while_studies_are_graded(client: httpx.Client, example: Example) -> None:
    with ThreadPoolExecutor(4) as clients:
        uploads = [clients.submit(upload, client, example.archive) for _ in range(4)]
        ready = client.get("/readyz")
        answers = [one.result() for one in uploads]
    assert ready.json()["status"] == "ready"
    assert [answer.status_code for answer in answers] == [200] * 4
    assert len({str(answer.json()["findings"]) for answer in answers}) == 1


def test_every_command_of_docs_api_md_works(
    client: httpx.Client, example: Example, tmp_path: Path
) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
    known = {"SERVER": str(client.base_url).rstrip("/"), "STUDY": str(example.archive)}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=os.environ | known | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(json.loads((tmp_path / "answer.json").read_text())["findings"]) == 25
    assert (tmp_path / "events.txt").read_text().rpartition("event: ")[2].startswith("done")
    assert (tmp_path / "result.dcm").read_bytes()[128:132] == b"DICM"
    for picture in ("slice.png", "heatmap.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def kill(actor: str) -> None:
    """End the process of an actor of this test's Ray with SIGKILL, and see that it was there."""
    (process,) = [
        process
        for process in psutil.Process().children(recursive=True)
        if process.is_running() and actor in " ".join(process.cmdline())
    ]
    process.send_signal(signal.SIGKILL)
    process.wait(20)


@pytest.mark.nightly
def test_bar_29_a_replica_killed_under_load_costs_no_answer(
    client: httpx.Client, example: Example
) -> None:
    before = upload(client, example.archive).json()["findings"]
    with ThreadPoolExecutor(4) as clients:
        uploads = [clients.submit(upload, client, example.archive, "?wait=110") for _ in range(8)]
        while not any(one.done() for one in uploads):
            time.sleep(0.05)
        kill("ServeReplica:lumbar:Grader")
        answers = [one.result() for one in uploads]
    assert {answer.status_code for answer in answers} <= {200, 503}
    graded = [answer.json()["findings"] for answer in answers if answer.status_code == 200]
    for found in graded:
        assert list(map(without_numbers, found)) == list(map(without_numbers, before))
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"]
    # One that was lost is sent to the next replica, and the others wait for it.
    assert len(graded) == 8
    assert upload(client, example.archive).status_code == 200


@pytest.mark.nightly
@pytest.mark.parametrize("actor", ["ServeReplica:lumbar:Ingress", "Board"])
def test_a_result_outlives_the_process_that_answered_for_it(
    client: httpx.Client, example: Example, actor: str
) -> None:
    job = done(client, ("study.zip", example.archive.read_bytes()))
    answer = client.get(f"{job['address']}/result.json").json()
    kill(actor)
    until = time.monotonic() + 60
    while (status := answered(client, job["address"])) != 200 and time.monotonic() < until:
        assert status in (None, 500, 503)
        time.sleep(0.2)
    assert client.get(f"{job['address']}/result.json").json() == answer
    (another,) = send(client, ("slice.dcm", example.dicom.read_bytes()))
    assert ended(client, another)["state"] == "done"


def answered(client: httpx.Client, address: str) -> int | None:
    """The status of an answer, None where nobody listens."""
    try:
        return client.get(address).status_code
    except httpx.TransportError:
        return None
