"""`ray job submit` to a cluster with token authentication: the jobs run, strangers do not."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ports import free_ports

from lumbar.phantom.cohort import write_cohort

pytestmark = [pytest.mark.ray, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
RAY = str(Path(sys.executable).with_name("ray"))
START_SECONDS = 90
JOB_SECONDS = 480


@dataclass(frozen=True)
class Cluster:
    """A Ray of this test's own: where its dashboard answers, and the file with its token."""

    address: str
    token: Path

    def submit(
        self, *command: str, token: Path | None, folder: Path = ROOT
    ) -> subprocess.CompletedProcess[str]:
        """`ray job submit` with the token of a file, or as somebody who has none."""
        submit = [RAY, "job", "submit", "--address", self.address, "--working-dir", str(folder)]
        return subprocess.run(
            [*submit, "--", *command],
            env=environment(token),
            capture_output=True,
            text=True,
            timeout=JOB_SECONDS,
            check=False,
        )


def environment(token: Path | None) -> dict[str, str]:
    """This process's environment with nothing of another Ray in it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    plain |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    plain["HOME"] = tempfile.gettempdir()  # Ray would find a token of the user's in ~/.ray
    if token:
        plain |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    return plain


def write_token(path: Path) -> Path:
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32), encoding="ascii")
    return path


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="lt-", dir="/tmp"))  # sockets need a short name
    token = write_token(folder / "token")
    gcs, dashboard, agent, client = free_ports(4)
    command = [RAY, "start", "--head", "--block", "--node-ip-address=127.0.0.1", "--num-cpus=2"]
    command += [f"--port={gcs}", "--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
    command += [f"--dashboard-agent-listen-port={agent}", f"--ray-client-server-port={client}"]
    command += [f"--object-store-memory={150 * 2**20}", f"--temp-dir={folder / 'ray'}"]
    log = folder / "start.log"
    with log.open("w") as output:
        head = subprocess.Popen(
            command,
            env=environment(token),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for(dashboard, head, log)
        yield Cluster(f"http://127.0.0.1:{dashboard}", token)
    finally:
        end(head, folder)


def wait_for(port: int, head: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the dashboard takes connections."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and head.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.5)
    pytest.fail(f"ray start did not come up: {log.read_text()[-2000:]}")


def end(head: subprocess.Popen[bytes], folder: Path) -> None:
    """End this Ray and no other: by the process group that was made for it."""
    head.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        head.wait(timeout=8)
    with suppress(ProcessLookupError):
        os.killpg(head.pid, signal.SIGKILL)
    head.wait()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_submit_without_the_token_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    refused = cluster.submit("touch", str(witness), token=None, folder=tmp_path)
    assert refused.returncode != 0
    assert "401" in refused.stdout + refused.stderr or "Unauthorized" in refused.stderr
    assert not witness.exists()


@pytest.mark.parametrize("token", ["", "0" * 64], ids=["no token", "another token"])
def test_the_jobs_api_answers_nobody_without_the_token(cluster: Cluster, token: str) -> None:
    request = urllib.request.Request(
        f"{cluster.address}/api/jobs/",
        data=json.dumps({"entrypoint": "true"}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=30)
    refusal.value.close()
    assert refusal.value.code in (401, 403)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight phantom studies as files: enough for every fold of the smallest recipe."""
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder, studies=8, seed=7, size="small")
    return folder


def test_a_submitted_job_works_with_the_code_of_its_folder(
    cluster: Cluster, cohort: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.parquet"
    command = ["jobs/index.py", "--input", str(cohort), "--output", str(manifest)]
    done = cluster.submit(sys.executable, *command, token=cluster.token)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert pq.read_table(manifest).num_rows == 8


@pytest.mark.nightly
def test_a_submitted_train_job_writes_a_bundle(
    cluster: Cluster, cohort: Path, tmp_path: Path
) -> None:
    recipe = ["jobs/configs/ci.yaml", "--data.input", str(cohort), "--runs", str(tmp_path)]
    recipe += ["--locator", "null"]
    done = cluster.submit(sys.executable, "jobs/train.py", *recipe, token=cluster.token)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert (tmp_path / "ci" / "bundle" / "grader.safetensors").is_file()
    assert (tmp_path / "ci" / "history.jsonl").is_file()


@pytest.mark.nightly
def test_a_submitted_score_job_grades_every_study_with_the_bundle_that_ships(
    cluster: Cluster, cohort: Path, tmp_path: Path
) -> None:
    output = tmp_path / "graded"
    command = ["jobs/score.py", "--input", str(cohort), "--output", str(output)]
    done = cluster.submit(sys.executable, *command, token=cluster.token)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    table = pq.read_table(output / "grades.parquet")
    assert table.num_rows == 8 * 25
    assert table.column("severity").null_count < table.num_rows / 2
