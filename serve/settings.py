"""What the endpoint may be told: its bundle, its limits, its address."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lumbar.domain import Basis
from lumbar.errors import ConfigError
from lumbar.imaging.archives import UPLOADED, ArchiveLimits

__all__ = ["LOOPBACK", "Limits", "ServeArguments", "check_host"]

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
    """Uploaded, or in an archive: ten times a long study."""
    unpacked_bytes: Positive = UPLOADED.unpacked_bytes
    """What an archive may unpack to. No more than memory can hold."""
    zip_ratio: Positive = UPLOADED.ratio
    """Unpacked to packed bytes. Packed MRI stays below 10; a bomb reaches 1,000 and more."""
    uploads_at_once: Positive = 8
    """Received, waiting or graded together; each may hold `request_bytes`. One more is sent away
    with 503 at once, which is better than all of them waiting beyond their time."""
    receive_s: Seconds = 120.0
    """For the body to arrive: 512 MiB at 36 Mbit/s. A client that stalls is cut off."""
    study_s: Seconds = 120.0
    """From the last byte to the answer, waiting for its turn included."""

    @property
    def archive(self) -> ArchiveLimits:
        """Those of an archive."""
        return ArchiveLimits(self.files, self.unpacked_bytes, self.zip_ratio)

    @property
    def request_s(self) -> float:
        """Ray Serve's own limit on a request: after ours, so that ours explain themselves."""
        return self.receive_s + self.study_s + 10.0


class ServeArguments(Section):
    """Arguments of `serve.app:build`, on the command line and in `serve.yaml`."""

    bundle: Path = Path("runs/demo/bundle")
    """The model's folder; on a cluster, a path that every node has."""
    basis: Literal["any", "real"] = "any"
    """`real` leaves findings of a model that was never tested on patients not assessed."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` takes bfloat16 where the machine is faster with it (the self-test must still pass)."""
    max_replicas: Positive = 1
    """Copies of the model that Ray may start under load; each takes `cpus_per_replica`."""
    cpus_per_replica: Positive = 1
    """Cores reserved for a copy, which are its torch threads too."""
    limits: Limits = Limits()

    @property
    def graded_basis(self) -> Basis | None:
        """What `Grader` is told: a basis to keep to, or None for any."""
        return Basis.REAL if self.basis == "real" else None


def check_host(host: str | None) -> str:
    """The address to listen on if it is a loopback one; ConfigError otherwise.

    There are no API keys in this release: whoever can reach the port can use it, and see what is
    sent. `None` means that Ray Serve listens nowhere, which is safe.
    """
    if host in (None, "localhost"):
        return LOOPBACK
    try:
        loopback = ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            f"host {host}: only loopback ({LOOPBACK}) is served, because this release has no API "
            f"keys: anybody who reaches the port could use it; set the host to {LOOPBACK} and "
            f"reach it from elsewhere by `ssh -L 8000:{LOOPBACK}:8000 <this machine>`"
        )
    return str(host)
