"""The endpoint as people start it, and 20 models swapped under load, on a Ray Serve of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
import pytest
import yaml
from ports import free_port

from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.imaging import read_uploaded
from serve.answer import answer_of
from serve.example import Example
from serve.keys import main as make_key

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PATIENCE_S = 150.0
SWAPS = 20

pytestmark = [pytest.mark.nightly, pytest.mark.ray]


def awaited(look: Callable[[], Any]) -> Any:
    """What `look` finds, once it finds something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            if found := look():
                return found
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"nothing was found in {PATIENCE_S:g} s")


@contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program, ended with all that it has started."""
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    try:
        yield process
    finally:
        started = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        for one in psutil.wait_procs(started, timeout=20)[1]:
            one.kill()


class Head:
    """A Ray head of one's own, with a token, as a cluster has it."""

    def __init__(self, folder: Path) -> None:
        self.gcs, self.dashboard = free_port(), free_port()
        token = folder / "token"
        token.write_text("0123456789abcdef" * 4)
        token.chmod(0o600)
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "PYTHONPATH": str(ROOT),
        }

    def command(self, temporary: str) -> tuple[str, ...]:
        given = {
            "port": self.gcs,
            "dashboard-host": "127.0.0.1",
            "dashboard-port": self.dashboard,
            "dashboard-agent-listen-port": free_port(),
            "ray-client-server-port": free_port(),
            "node-ip-address": "127.0.0.1",
            "num-cpus": 2,
            "object-store-memory": 150 * 2**20,
            "temp-dir": temporary,
        }
        options = (f"--{name}={value}" for name, value in given.items())
        return (
            str(BIN / "ray"),
            "start",
            "--head",
            "--block",
            "--include-dashboard=true",
            *options,
        )

    def serve(self, *words: str) -> tuple[str, ...]:
        return (str(BIN / "serve"), *words)

    def deploy(self, file: Path) -> None:
        """`serve deploy FILE`."""
        address = f"--address=http://127.0.0.1:{self.dashboard}"
        subprocess.run(
            self.serve("deploy", str(file), address),
            cwd=ROOT,
            env=os.environ | self.environment,
            check=True,
            timeout=PATIENCE_S,
        )

    def told(self) -> dict[str, Any]:
        """What `serve status` says of the application; nothing while Serve itself starts."""
        address = f"--address=http://127.0.0.1:{self.dashboard}"
        said = subprocess.run(
            self.serve("status", address),
            env=os.environ | self.environment,
            capture_output=True,
            check=False,
        )
        if said.returncode:
            return {}
        applications: dict[str, Any] = yaml.safe_load(said.stdout)["applications"]
        return applications.get("lumbar", {})


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    head = Head(tmp_path)
    with (
        TemporaryDirectory(prefix="lumbar-", dir="/tmp", ignore_cleanup_errors=True) as short,
        running(*head.command(short), **head.environment),
    ):
        address = f"http://127.0.0.1:{head.dashboard}"
        awaited(lambda: httpx.get(address, trust_env=False).status_code)
        yield head


def deploy_file(path: Path, bundle: Path, host: str, port: int, now: Path | None = None) -> Path:
    """serve/serve.yaml with another bundle, host and port; `now` is the bundle to swap in."""
    file = yaml.safe_load((ROOT / "serve" / "serve.yaml").read_text(encoding="utf-8"))
    file["http_options"] |= {"host": host, "port": port}
    (application,) = file["applications"]
    application["args"] |= {"bundle": str(bundle), "max_replicas": 1, "cpus_per_replica": 1}
    application["args"]["keep"]["folder"] = str(path.parent / "jobs")
    if now:
        application["deployments"] = [{"name": "Grader", "user_config": {"bundle": str(now)}}]
    path.write_text(yaml.safe_dump(file), encoding="utf-8")
    return path


def listening_on(port: int) -> set[str]:
    """The addresses at which some process of this machine listens on the port."""
    return {
        connection.laddr.ip
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
    }


def ready(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200


def test_bar_46_serve_deploy_listens_on_loopback_only(
    head: Head, served_bundle: Bundle, tmp_path: Path
) -> None:
    port = free_port()
    head.deploy(deploy_file(tmp_path / "serve.yaml", served_bundle.path, "127.0.0.1", port))
    awaited(lambda: ready(port))
    assert listening_on(port) == {"127.0.0.1"}


def refused(head: Head, port: int) -> None:
    """The application is not there, and its status says why."""
    told = awaited(lambda: told if (told := head.told()).get("status") == "DEPLOY_FAILED" else None)
    assert "without API keys only loopback" in told["message"]
    assert httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 404


def test_bar_46_serve_deploy_on_all_addresses_is_refused_without_keys(
    head: Head, served_bundle: Bundle, tmp_path: Path
) -> None:
    port = free_port()
    head.deploy(deploy_file(tmp_path / "serve.yaml", served_bundle.path, "0.0.0.0", port))
    refused(head, port)


@pytest.mark.parametrize("way", ["file", "import path"])
def test_bar_46_serve_run_listens_on_loopback_only(
    head: Head, served_bundle: Bundle, tmp_path: Path, way: str
) -> None:
    port = free_port() if way == "file" else 8000
    file = deploy_file(tmp_path / "serve.yaml", served_bundle.path, "127.0.0.1", port)
    what = {
        "file": (str(file),),
        "import path": ("serve.app:build", f"bundle={served_bundle.path}"),
    }[way]
    command = head.serve("run", f"--address=127.0.0.1:{head.gcs}", *what)
    with running(*command, **head.environment):
        awaited(lambda: ready(port))
        assert listening_on(port) == {"127.0.0.1"}


def test_bar_46_serve_run_on_all_addresses_is_refused_without_keys(
    head: Head, served_bundle: Bundle, tmp_path: Path
) -> None:
    port = free_port()
    file = deploy_file(tmp_path / "serve.yaml", served_bundle.path, "0.0.0.0", port)
    command = head.serve("run", f"--address=127.0.0.1:{head.gcs}", str(file))
    with running(*command, **head.environment):
        refused(head, port)


def stored(client: httpx.Client, files: list[bytes]) -> httpx.Response:
    """The answer to STOW-RS of these files."""
    part = b"--here\r\nContent-Type: application/dicom\r\n\r\n%b\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=here'
    body = b"".join(part % data for data in files) + b"--here--\r\n"
    return client.post("/api/v1/dicomweb/studies", content=body, headers={"Content-Type": kind})


def test_bar_46_make_serve_listens_on_loopback_and_grades_what_stow_brings(
    served_bundle: Bundle,
    study_files: dict[str, bytes],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """`make serve` is `python -m serve`; with a key, so that the sender can ask for its job."""
    port = free_port()
    assert make_key(["pacs"]) == 0
    key, line = (text.split(": ")[1].strip() for text in capfd.readouterr().out.splitlines())
    keys = tmp_path / "keys"
    keys.write_text(line)
    keys.chmod(0o600)
    given = {
        "bundle": served_bundle.path,
        "port": port,
        "keys": keys,
        "jobs": tmp_path / "jobs",
        "examples": tmp_path,
    }
    options = [f"--{name}={value}" for name, value in given.items()]
    with (
        running(sys.executable, "-m", "serve", *options),
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=60,
        ) as client,
    ):
        awaited(lambda: ready(port))
        assert listening_on(port) == {"127.0.0.1"}
        pictures = [data for name, data in study_files.items() if name.endswith(".dcm")]
        assert stored(client, pictures).status_code == 200
        job = awaited(lambda: next(iter(client.get("/api/v1/jobs").json()["jobs"]), None))
        awaited(lambda: client.get(job["address"]).json()["state"] == "done")
        report = client.get(f"{job['address']}/result.dcm")
        assert (report.status_code, report.content[128:132]) == (200, b"DICM")


def graded(answer: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Severity and probabilities of the findings, rounded: threads differ between processes."""
    return [
        (f["severity"], f["probabilities"] and round(f["probabilities"]["severe"], 3))
        for f in answer["findings"]
    ]


def alike(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    return all(
        a[0] == b[0] and (a[1] == b[1] or abs(a[1] - b[1]) < 0.002)
        for a, b in zip(one, other, strict=True)
    )


def test_bar_27_20_swaps_under_load_mix_and_lose_no_answer(
    head: Head,
    served_bundle: Bundle,
    other_bundle: Bundle,
    example: Example,
    tmp_path: Path,
) -> None:
    port, file = free_port(), tmp_path / "serve.yaml"
    data = example.dicom.read_bytes()
    study = read_uploaded({"slice.dcm": data})[0]
    expected = {
        bundle.name: graded(
            answer_of(study, Grader(bundle).grade(study), {}, {}).model_dump(mode="json")
        )
        for bundle in (served_bundle, other_bundle)
    }
    first, second = expected.values()
    assert not alike(first, second)
    head.deploy(deploy_file(file, served_bundle.path, "127.0.0.1", port))
    address = f"http://127.0.0.1:{port}"
    awaited(lambda: ready(port))
    stop = threading.Event()

    def asking() -> list[httpx.Response]:
        answers = []
        with httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE_S) as client:
            while not stop.is_set():
                sent = {"file": ("slice.dcm", data)}
                answers.append(client.post("/api/v1/grade", files=sent))
        return answers

    def serves(bundle: Bundle) -> bool:
        model = httpx.get(f"{address}/api/v1/model", trust_env=False, timeout=PATIENCE_S)
        return bool(model.json()["bundle"] == bundle.name)

    with ThreadPoolExecutor(3) as clients:
        load = [clients.submit(asking) for _ in range(3)]
        try:
            for number in range(SWAPS):
                bundle = (other_bundle, served_bundle)[number % 2]
                head.deploy(
                    deploy_file(file, served_bundle.path, "127.0.0.1", port, now=bundle.path)
                )
                awaited(lambda bundle=bundle: serves(bundle))
        finally:
            stop.set()
        responses = [response for one in load for response in one.result()]
    assert {response.status_code for response in responses} == {200}
    answers = [response.json() for response in responses]
    named = [answer["bundle"] for answer in answers]
    print(f"{len(answers)} answers over {SWAPS} swaps: { {n: named.count(n) for n in expected} }")
    assert set(named) == set(expected)
    for answer in answers:
        assert answer["model"]["bundle"] == answer["bundle"]
        assert alike(graded(answer), expected[answer["bundle"]])
