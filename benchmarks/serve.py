"""The grading route end to end on a whole study, against bare FastAPI and uvicorn.

python -m benchmarks.serve [--full] [ratio] [overload] [scale]

`ratio`: the same zip of a phantom study is sent over HTTP to Ray Serve (`serve.__main__.serving`:
upload checked, decoded in children, queued, graded, heat maps made, result kept for the viewer)
and to benchmarks.bare_server (the same bundle, engine, threads and answer, so heat maps are made
there too; decoded in process, nothing kept), by one client and by eight, in turn while both are
up. A route without model, what our answers say of their stages, and what the yardstick would take
without heat maps are printed beside. `overload`: requests at twice the rate
that eight clients reach; who is sent away has to know it at once, who is taken in has to be
answered nearly as soon as without the others. `scale`: eight clients, then none, and how many
replicas there are meanwhile (benchmarks.replicas).
"""

from __future__ import annotations

import os
import socket
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.bare_server import bare_serving
from benchmarks.clients import Load, at_rate, health_ms, in_turn
from benchmarks.pairs import Row, print_rows
from benchmarks.replicas import scale
from lumbar.grading.shipped import starter_path
from lumbar.phantom import make_study, zip_study
from serve.__main__ import serving
from serve.settings import KeepSettings, ServeArguments

__all__ = ["main"]

FILE = "serve.py"
SECTIONS = ("ratio", "overload", "scale")
CLIENTS = 8
AWAY_S = 1.0
BARS = {"p50": round(1 / 1.3, 3), "p95": round(1 / 1.5, 3), "a study": 0.9}
"""Time may be 1.3 and 1.5 times the yardstick's; studies a second at least 0.9 of its."""


def main(*, full: bool = False, sections: Sequence[str] = SECTIONS) -> list[Row]:
    """The rows of the sections; RuntimeError where a study that was taken in is not graded."""
    archive = zip_study(make_study(seed=2_026, index=0))
    threads = os.cpu_count() or 1
    print(f"serve: a phantom study of {len(archive) / 1e6:.1f} MB, the starter bundle, {threads=}")
    rows: list[Row] = []
    if {"ratio", "overload"} & set(sections):
        with our_serving(replicas=1, cpus=threads) as ours:
            if "ratio" in sections:
                rows += _ratio(ours, archive, threads, full=full)
            if "overload" in sections:
                rows += _overload(ours, archive, full=full)
                print_rows(rows)
    if "scale" in sections:
        with our_serving(replicas=2, cpus=max(1, threads // 2)) as ours:
            scale(ours, archive, clients=CLIENTS)
    return rows


@contextmanager
def our_serving(*, replicas: int, cpus: int) -> Iterator[str]:
    """The starter bundle on a Ray Serve of its own; yields its address."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ServeArguments(
            bundle=starter_path(),
            max_replicas=replicas,
            cpus_per_replica=cpus,
            upscale_s=5,
            downscale_s=15,
            keep=KeepSettings(folder=Path(folder)),
        )
        with serving(arguments, port=free_port()) as address:
            yield address


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _ratio(ours: str, archive: bytes, threads: int, *, full: bool) -> list[Row]:
    alone, each, pairs = (8, 2, 5) if full else (2, 1, 3)
    rows: list[Row] = []
    with bare_serving(free_port(), threads) as bare:
        print(f"route without model: ours {health_ms(ours):.1f} ms, bare {health_ms(bare):.1f} ms")
        in_turn(ours, archive, clients=1, each=1), in_turn(bare, archive, clients=1, each=1)
        for clients, many in ((1, alone), (CLIENTS, each)):
            turns = _turns(ours, bare, archive, clients=clients, each=many, pairs=pairs)
            rows += _compared(clients, turns)
            print_rows(rows)
    with bare_serving(free_port(), threads, heat=False) as bare:
        plain = in_turn(bare, archive, clients=1, each=1 + alone)
        print(f"1 client, p50 of bare without heat maps: {1000 * plain.p50:.0f} ms")
    return rows


def _turns(
    ours: str, bare: str, archive: bytes, *, clients: int, each: int, pairs: int
) -> list[tuple[Load, Load]]:
    """Ours and the yardstick's, in turn."""

    def sent(address: str) -> Load:
        load = in_turn(address, archive, clients=clients, each=each)
        if set(load.statuses) != {200}:
            raise RuntimeError(f"not all of {clients} clients were answered: {load.statuses}")
        return load

    turns = [(sent(ours), sent(bare)) for _ in range(pairs)]
    stages = ", ".join(f"{name} {s:.3f}" for name, s in turns[-1][0].stages().items())
    print(f"{_clients(clients)}, seconds a stage of ours: {stages}")
    return turns


def _compared(clients: int, turns: Sequence[tuple[Load, Load]]) -> list[Row]:
    figures: dict[str, Callable[[Load], float]] = {"p50": lambda load: load.p50}
    figures["p95"] = lambda load: load.p95
    if clients > 1:
        figures["a study"] = lambda load: load.a_study
    return [
        _row(
            f"{_clients(clients)}, {name}",
            [(figure(ours), figure(bare)) for ours, bare in turns],
            BARS[name],
        )
        for name, figure in figures.items()
    ]


def _row(case: str, pairs: Sequence[tuple[float, float]], bar: float) -> Row:
    return Row(
        FILE,
        case,
        1000 * median(mine for mine, _ in pairs),
        1000 * median(theirs for _, theirs in pairs),
        median(theirs / mine for mine, theirs in pairs),
        bar,
        len(pairs),
    )


def _overload(ours: str, archive: bytes, *, full: bool) -> list[Row]:
    each, requests, pairs = (3, 8 * CLIENTS, 3) if full else (1, 3 * CLIENTS, 1)
    accepted, away = [], []
    for _ in range(pairs):
        usual = in_turn(ours, archive, clients=CLIENTS, each=each)
        rate = 2 / usual.a_study
        load = at_rate(ours, archive, a_second=rate, requests=requests)
        print(f"overload: {requests} studies, {rate:.2f} a second: {_told(load)}", flush=True)
        accepted.append((load.p95, usual.p95))
        away += load.took(503)
    rows = [_row("twice capacity, p95 of who is taken in", accepted, 0.5)]
    if away:
        rows.append(_row("twice capacity, slowest 503 (bar: 1 s)", [(max(away), AWAY_S)], 1.0))
    return rows


def _told(load: Load) -> str:
    away = [one.response for one in load.answers if one.status == 503]
    kinds = {(r.headers["content-type"], r.headers.get("retry-after")) for r in away}
    if set(load.statuses) - {200, 503}:
        raise RuntimeError(f"answers that are neither findings nor 503: {load.statuses}")
    return f"{load.statuses}, the 503 with {', '.join(map(str, kinds)) or 'none sent away'}"


def _clients(many: int) -> str:
    return "1 client" if many == 1 else f"{many} clients"


if __name__ == "__main__":
    parser = ArgumentParser(description="Compare with the yardstick.")
    parser.add_argument("--full", action="store_true", help="full sizes, five pairs; else quick")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    chosen = parser.parse_args()
    if unknown := set(chosen.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    print_rows(main(full=chosen.full, sections=chosen.sections or SECTIONS))
