"""One Ray for a job: the cluster that it was submitted to, or a local one on loopback.

Token authentication is always on. A local Ray gets a token of its own, in a file that only this
user can read and that goes when the process ends; on a cluster the token comes with the
environment (RAY_AUTH_TOKEN_PATH) or from Ray's own place for it.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["ray_session"]

OBJECT_STORE_MB = 256
"""Of a local Ray. Rows and crop batches pass through it, never volumes; Ray's own default takes
30 % of the machine's memory."""

LONGEST_FOLDER = 40
"""A Unix socket's name has at most 107 characters, and Ray adds about 65 to its folder."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else `uv run` job.py rebuilds the venv for each worker
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the default to come; unset, Ray warns of it
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",  # a job prints lines of its own
    # Batches differ in their number of pictures; torch's default of 1,024 kernels is fewer than
    # DenseNet-121 needs for ten sizes, and building them anew each step costs a third of the time.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "16384",
    # A thread that waits spins a little and then gives its core away. Beside other busy processes
    # libgomp's default, thirty times as long, took up to 5.5 s a step where no spinning took 0.7 s;
    # no spinning at all made the demo's epochs on a quiet machine longer by a quarter and more.
    "GOMP_SPINCOUNT": "10000",
}
"""What Ray and torch read when their processes start. What is set already stays."""


@contextmanager
def ray_session(
    *,
    num_cpus: int | None = None,
    object_store_mb: int = OBJECT_STORE_MB,
    dashboard: bool = True,
    worker_output: bool = True,
) -> Iterator[None]:
    """Connect to a running Ray or start a local one, and end what was started.

    The cluster is the one of RAY_ADDRESS (`ray job submit` sets it); without it a local Ray of
    `num_cpus` cores (default: all) and an object store of `object_store_mb` MiB is started on
    loopback. Inside a session that is open already this does nothing. `dashboard` stays on by
    default because Ray Train's controller reports its state there and complains where it cannot.
    `worker_output` false keeps what workers print in Ray's logs. Raises ConnectionError where the
    cluster of RAY_ADDRESS does not answer.
    """
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    import ray

    if ray.is_initialized():
        yield
    elif os.environ.get("RAY_ADDRESS"):
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        with _connected(log_to_driver=worker_output):
            yield
    else:
        _require_token()
        with (
            _folder() as folder,
            _importable(),
            _connected(
                address="local",  # without it, Ray joins whatever another program has started
                num_cpus=num_cpus,
                object_store_memory=object_store_mb * 2**20,
                include_dashboard=dashboard,
                dashboard_host="127.0.0.1",
                _temp_dir=str(folder),
                log_to_driver=worker_output,
            ),
        ):
            yield


@contextmanager
def _connected(**options: Any) -> Iterator[None]:
    import ray
    from ray._raylet import Config  # type: ignore[attr-defined]

    Config.initialize("")  # Ray reads RAY_AUTH_MODE once, perhaps before we could set it
    ray.init(logging_level=logging.WARNING, **options)
    try:
        _hush_ray_data()
        yield
    finally:
        ray.shutdown()


def _hush_ray_data() -> None:
    import ray.data  # noqa: F401 - its import sets the levels that are set here

    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)  # "bars disabled"


def _require_token() -> None:
    """Token authentication with the user's token, else with one of this process."""
    os.environ["RAY_AUTH_MODE"] = "token"
    if not (os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")):
        os.environ["RAY_AUTH_TOKEN_PATH"] = str(_own_token())
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if path and not Path(path).exists():
        _write_token(Path(path))


@cache
def _own_token() -> Path:
    """The file of this process's token: one for all its sessions, because Ray keeps the first."""
    folder = Path(tempfile.mkdtemp(prefix="lumbar-token-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "token"


def _write_token(path: Path) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_hex(32))


@contextmanager
def _folder() -> Iterator[Path]:
    """A private folder for Ray's sockets and logs, short enough for them."""
    place = tempfile.gettempdir()
    name = tempfile.mkdtemp(prefix="lumbar-", dir=place if len(place) < LONGEST_FOLDER else "/tmp")
    try:
        yield Path(name)
    finally:
        shutil.rmtree(name, ignore_errors=True)


@contextmanager
def _importable() -> Iterator[None]:
    """Workers of a local Ray find `lumbar` and `jobs` where this process has them."""
    before = os.environ.get("PYTHONPATH")
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join([root, *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
