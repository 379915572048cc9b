"""What Prometheus reads: seconds a stage, studies by outcome, findings graded in one go.

Ray collects and exports them on a port of its own, together with Serve's; `/metrics` passes that
on. Labels are stages and outcomes, never an id: a label with many values harms every collector.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping

import ray
from ray.util.metrics import Counter, Histogram

__all__ = ["Meter", "scrape"]

SECONDS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120]
SCRAPE_S = 5.0


class Meter:
    """Where the ingress's desk notes what became of studies."""

    def __init__(self) -> None:
        self._seconds = Histogram(
            "lumbar_stage_seconds", "Seconds of a study by stage", SECONDS, ("stage",)
        )
        self._studies = Counter("lumbar_studies", "Studies by outcome", ("outcome",))
        self._batch = Histogram(
            "lumbar_batch_findings", "Findings graded in one go", [1, 5, 10, 15, 20, 25]
        )

    def graded(self, seconds: Mapping[str, float], findings: int) -> None:
        """A study was graded: where the time went, and how many findings have a grade."""
        self.ended("graded")
        for stage, spent in seconds.items():
            self._seconds.observe(spent, {"stage": stage})
        if findings:
            self._batch.observe(findings)

    def ended(self, outcome: str) -> None:
        """A study came to an end: `graded`, `stopped`, or a problem's name."""
        self._studies.inc(1, {"outcome": outcome})


def scrape() -> str:
    """What Ray exports on each of its nodes, one after the other."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    told = []
    for node in ray.nodes():
        if not node["Alive"] or not node.get("MetricsExportPort"):
            continue
        address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        try:
            with direct.open(address, timeout=SCRAPE_S) as response:
                told.append(response.read().decode())
        except OSError:  # a node that is starting or leaving exports nothing
            continue
    return "".join(told)
