"""`python -m serve`: a local Ray, Ray Serve on loopback, one model, until Ctrl-C."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lumbar.errors import BundleError, ConfigError
from lumbar.grading.shipped import starter_path
from lumbar.pipelines.session import ray_session
from serve.settings import LOOPBACK, Limits, ServeArguments, check_host

__all__ = ["main", "serving"]

APP = "lumbar"
OBJECT_STORE_MB = 1024
"""An upload passes through it on its way to the model: two of the largest at once."""
START_S = 120.0


def main(argv: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM; 0 when ended so, 2 for wrong arguments or bundle, 1 else."""
    options = _parser().parse_args(argv)
    try:
        with serving(_arguments(options), options.host, options.port) as address:
            _say(address, options.examples)
            _wait_for_signal()
            print("stopping", flush=True)
    except (ConfigError, BundleError) as error:
        print(f"serve: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    except RuntimeError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def serving(arguments: ServeArguments, host: str = LOOPBACK, port: int = 8000) -> Iterator[str]:
    """Start a local Ray and Serve with the model; yields the address once it is ready.

    What was started is ended with the block. Raises ConfigError for an address that is not free,
    or not loopback while there are no keys, BundleError for a bundle that cannot be used,
    RuntimeError where the model does not get ready.
    """
    host = check_host(host, keyed=bool(arguments.read_keys()))
    _check_port(host, port)
    _refuse_cluster()
    from serve.app import QUIET, build, load_bundle

    load_bundle(arguments.bundle).check()
    with ray_session(object_store_mb=OBJECT_STORE_MB, dashboard=False):
        from ray import serve

        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        serve.start(
            proxy_location="HeadOnly",
            http_options={
                "host": host,
                "port": port,
                "request_timeout_s": arguments.limits.request_s,
            },
            logging_config=QUIET,
        )
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        try:
            _run(build(arguments))
            _wait_until_ready(address)
            yield address
        finally:
            serve.delete(APP)  # what is being answered may end
            serve.shutdown()  # else the next one in this session would keep the old port


def _run(application: Any) -> None:
    """Deploy, and where that fails raise what the model said and not Serve's "failed to update"."""
    from ray import serve

    from serve.app import QUIET

    try:
        serve.run(application, name=APP, route_prefix="/", logging_config=QUIET)
    except RuntimeError as error:
        deployed = serve.status().applications[APP].deployments.values()
        lines = "\n".join(one.message for one in deployed).strip().splitlines()
        said = next((line for line in reversed(lines) if ": " in line), str(error))
        kind, _, text = said.partition(": ")
        if kind.endswith(BundleError.__name__):
            raise BundleError(text) from None
        raise RuntimeError(said) from None


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m serve",
        description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
        epilog="example:\n  python -m serve --bundle runs/demo/bundle --port 8000",
    )
    settings = ServeArguments()
    add = parser.add_argument
    add("--bundle", type=Path, help=f"the model's (default: as shipped, else {settings.bundle})")
    add(
        "--host", default=LOOPBACK, help="address to listen on; loopback without keys (%(default)s)"
    )
    add("--keys", type=Path, default=None, help="file of API keys; see `python -m serve.keys`")
    add("--jobs", type=Path, default=settings.keep.folder, help="where results are kept")
    add("--keep-hours", type=float, default=settings.keep.hours, help="for how long (%(default)s)")
    add("--port", type=int, default=8000, help="port to listen on (%(default)s)")
    add("--basis", default=settings.basis, help="any, or real: only what was tested on patients")
    add("--precision", default=settings.precision, help="auto, fp32 or bf16 (%(default)s)")
    add("--max-replicas", type=int, default=1, help="copies of the model under load (%(default)s)")
    add("--cpus-per-replica", type=int, default=None, help="cores of a copy (an even share)")
    add("--study-seconds", type=float, default=Limits().study_s, help="for a study (%(default)s)")
    add("--stow-to", metavar="URL", help="DICOMweb root that reports are stored at (docs/dicom.md)")
    add("--examples", type=Path, default=Path("runs/serve"), help="folder of files to try")
    return parser


def _arguments(options: Namespace) -> ServeArguments:
    cores = os.cpu_count() or 1
    values: dict[str, Any] = {
        "bundle": (options.bundle or _usual_bundle()).absolute(),
        "basis": options.basis,
        "precision": options.precision,
        "max_replicas": options.max_replicas,
        "cpus_per_replica": options.cpus_per_replica or max(1, cores // options.max_replicas),
        "limits": {"study_s": options.study_seconds},
        "dicomweb": {"send_to": options.stow_to},
        "keys": options.keys.absolute() if options.keys else None,
        "keep": {"folder": options.jobs.absolute(), "hours": options.keep_hours},
    }
    try:
        return ServeArguments.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = "-".join(str(part).replace("_", "-") for part in first["loc"])
        raise ConfigError(f"--{key}: {first['msg']} (found {first['input']!r})") from None


def _usual_bundle() -> Path:
    """The bundle that ships with lumbar; where none does, the one that `make demo` trains."""
    try:
        return starter_path()
    except BundleError:
        return ServeArguments().bundle


def _refuse_cluster() -> None:
    if os.environ.get("RAY_ADDRESS"):
        raise ConfigError(
            "RAY_ADDRESS names a cluster, and this starts a Ray of its own; unset it, or use "
            "`serve deploy serve/serve.yaml` to serve on that cluster"
        )


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"port {port} cannot be had ({error}); name another with --port"
            ) from None


def _wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + START_S
    said = "no answer"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy to loopback
    while time.monotonic() < deadline:
        try:
            with direct.open(f"{address}/readyz", timeout=10) as response:
                json.load(response)
                return
        except urllib.error.HTTPError as error:
            said = json.loads(error.read() or b"{}").get("detail", str(error))
        except OSError as error:
            said = str(error)
        time.sleep(0.5)
    raise RuntimeError(f"not ready after {START_S:g} s: {said}")


def _say(address: str, folder: Path) -> None:
    from serve.example import write_example

    print(f"ready at {address} - Research use only - not a medical device")
    example = write_example(folder)
    print(f"try it with a synthetic study: open the page and drop {example.archive} on it, or")
    for command in example.commands(address):
        print(f"  {command}")
    print("Ctrl-C stops it", flush=True)


def _wait_for_signal() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


if __name__ == "__main__":
    sys.exit(main())
