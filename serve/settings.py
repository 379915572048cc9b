"""What the endpoint may be told: its bundle, its limits, its address."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lumbar.config import explained
from lumbar.domain import Basis
from lumbar.errors import ConfigError
from lumbar.imaging.archives import UPLOADED, ArchiveLimits
from serve.keys import read_keys

__all__ = [
    "LOOPBACK",
    "DicomwebSettings",
    "KeepSettings",
    "Limits",
    "ServeArguments",
    "check_host",
    "is_local",
    "read_arguments",
]

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]

LOOPBACK = "127.0.0.1"


class Section(BaseModel):
    """A frozen group of settings that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(Section):
    """What one request may ask for; each limit answers with an error of its own."""

    request_bytes: Positive = 512 * 2**20
    """A study of the challenge has 18 MB; high-resolution ones stay below 300 MB."""
    files: Positive = UPLOADED.entries
    """Of an upload, those in archives among them: ten times a long study."""
    unpacked_bytes: Positive = UPLOADED.unpacked_bytes
    """What an upload's archives may unpack to, with the files beside them. No more than memory can
    hold."""
    zip_ratio: Positive = UPLOADED.ratio
    """Unpacked to packed bytes. Packed MRI stays below 10; a bomb reaches 1,000 and more."""
    uploads_at_once: Positive = 8
    """Arriving or being looked at together; each may hold `request_bytes`. One more is sent away
    with 503 at once."""
    waiting_at_once: Positive = 8
    """Callers of `POST /grade` that wait for their findings together: of one replica, the last
    waits as long as eight studies take. One more is sent away with 503 at once, which is better
    than all of them waiting beyond their time; `POST /jobs` queues. More replicas can have more."""
    receive_s: Seconds = 120.0
    """For the body to arrive: 512 MiB at 36 Mbit/s. A client that stalls is cut off."""
    study_s: Seconds = 120.0
    """For an upload's headers to be read, and then for a study, once it is its turn."""
    wait_s: Seconds = 60.0
    """That `POST /grade` waits for a result before it answers with the job instead."""
    drain_s: Annotated[float, Field(ge=0)] = 30.0
    """For what was begun to end when the server is stopped; the rest is `interrupted`."""
    queue: Positive = 64
    """Studies that wait or are graded; one more is sent away with 503."""
    held_bytes: Positive = 2 * 2**30
    """Of uploads whose studies wait or are graded, in memory: four of `request_bytes`, a hundred
    of the challenge's. One that would be more is sent away with 503; one alone is always taken."""
    model_bytes: Positive = 768 * 2**20
    """Of studies that are with the model at a time, but for one that is larger alone: they pass
    through Ray's object store, which writes to disk what it has no room for."""
    jobs_a_client: Positive = 16
    """Of those, as many as one key or cookie may have. An upload of more studies than may wait is
    refused with 413."""
    streams: Positive = 200
    """Of events, of all callers: each takes one of the 500 requests that Ray Serve lets in, and the
    others' uploads and answers need theirs."""
    streams_a_client: Positive = 16
    """Of those, as many as one key or cookie may have: one for each of `jobs_a_client`. One more is
    sent away with 503; a job can be asked for without a stream."""
    header_bytes: Positive = 16 * 2**10
    """Of a request's header fields together; a browser's stay below 2 KiB."""

    @property
    def archive(self) -> ArchiveLimits:
        """Those of the archives of an upload, together."""
        return ArchiveLimits(self.files, self.unpacked_bytes, self.zip_ratio)

    @property
    def request_s(self) -> float:
        """Ray Serve's own limit on a request: after ours, so that ours explain themselves."""
        return self.receive_s + 2 * self.study_s + 10.0

    @property
    def most_wait_s(self) -> float:
        """The longest `wait` that a caller may ask for: within Ray Serve's own limit."""
        return self.study_s


class KeepSettings(Section):
    """Where jobs and their results are kept, and for how long."""

    folder: Path = Path("runs/serve/jobs")
    """Private to this user (0700); on a cluster, a folder of the head node. It stays the same
    for as long as that Ray runs (docs/serve.md)."""
    hours: Annotated[float, Field(gt=0)] = 24.0
    """Until a job is erased with all that is kept of it. A day's work can be looked at again."""
    bytes: Positive = 20 * 2**30
    """Of all results together: some hundred studies of 200 slices. Beyond it: 507. Less than is
    kept already erases nothing."""
    remember_hours: Annotated[float, Field(gt=0)] = 168.0
    """That an erased job is still answered with 410 and not with 404."""
    silence_s: Seconds = 30.0
    """After which the jobs of an ingress that says nothing count as interrupted, and those that it
    does not have at work."""


class DicomwebSettings(Section):
    """Studies that a PACS or gateway sends by STOW-RS, and where their reports go."""

    quiet_s: Seconds = 10.0
    """After which a study of which nothing more has come counts as complete. Gateways send a
    study without pauses of seconds; one that pauses for longer needs more."""
    waiting_bytes: Positive = 2 * 2**30
    """Of all studies that are arriving or wait for room in the queue, in memory; beyond it: 503."""
    send_to: str | None = None
    """Root of the DICOMweb server that reports are stored at, e.g.
    http://127.0.0.1:8042/dicom-web. None: none is sent,
    senders with a key read them by `result.dcm`."""
    user_file: Path | None = None
    """File of one line `user:password` for that server, readable by its owner alone."""
    send_s: Seconds = 30.0
    """For that server to answer."""
    tries: Positive = 8
    """To store a report, in all four minutes: a PACS that restarts is back by then."""
    first_wait_s: Seconds = 2.0
    """Between the first two tries; each next wait is twice as long. So are the waits of a study
    for which there is no room, which end at 30 s and are not counted."""

    def waits_s(self) -> tuple[float, ...]:
        """Seconds between the tries."""
        return tuple(self.first_wait_s * 2**n for n in range(self.tries - 1))


class ServeArguments(Section):
    """Arguments of `serve.app:build`, on the command line and in `serve.yaml`."""

    bundle: Path = Path("runs/demo/bundle")
    """The model's folder; on a cluster, a path that every node has."""
    basis: Literal["any", "real"] = "any"
    """`real` leaves findings of a model that was never tested on patients not assessed."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bfloat16 on a GPU that has it, else fp32. bf16 must pass the self-test too."""
    max_replicas: Positive = 1
    """Copies of the model that Ray may start under load; each takes `cpus_per_replica`."""
    upscale_s: Annotated[float, Field(ge=0)] = 10.0
    """Of load before a copy is added: a study takes seconds, three at once for so long are load."""
    downscale_s: Annotated[float, Field(ge=0)] = 300.0
    """Of idleness before one is taken away: a model takes half a minute to load and to test."""
    cpus_per_replica: Positive = 1
    """Cores reserved for a copy, which are its torch threads too."""
    keys: Path | None = None
    """File of API keys (`name:sha256` lines); without it LUMBAR_API_KEYS. On a cluster, a path
    that every node has. Without any key only loopback is served."""
    limits: Limits = Limits()
    keep: KeepSettings = KeepSettings()
    dicomweb: DicomwebSettings = DicomwebSettings()

    def read_keys(self) -> dict[str, str]:
        """SHA-256 digests of the keys by name; ConfigError where the file cannot be used."""
        return read_keys(self.keys)

    @property
    def graded_basis(self) -> Basis | None:
        """What `Grader` is told: a basis to keep to, or None for any."""
        return Basis.REAL if self.basis == "real" else None


def read_arguments(given: ServeArguments | Mapping[str, Any]) -> ServeArguments:
    """Arguments as `serve run` and deploy files hand them over: words, or values of YAML.

    Raises ConfigError naming each key that is unknown, with the nearest one, or has no such value.
    """
    try:
        return ServeArguments.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"arguments: {explained(error, ServeArguments)}") from None


def is_local(host: str | None) -> bool:
    """Whether a name or address is this machine's own, which may be asked without a key."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def check_host(host: str | None, *, keyed: bool = False) -> str:
    """The address to listen on if it is a loopback one or there are API keys; else ConfigError.

    Without keys whoever can reach the port can use it, and read what is sent. `None` means that
    Ray Serve listens nowhere, which is safe.
    """
    if host in (None, "localhost"):
        return LOOPBACK
    if not is_local(host) and not keyed:
        raise ConfigError(
            f"host {host}: without API keys only loopback ({LOOPBACK}) is served: anybody who "
            f"reaches the port could use it; name a file of keys (docs/serve.md), or set the host "
            f"to {LOOPBACK} and reach it by `ssh -L 8000:{LOOPBACK}:8000 <this machine>`"
        )
    return str(host)
