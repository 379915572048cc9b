"""The networks' heavy parts on this machine's engines against eager torch.

python -m benchmarks.engine [--full]

Random weights (speed does not depend on them), one thread, fp32 unless the case says bf16. The
yardstick is the same trunk in eager torch as one would run it: channels last, inference mode, the
whole batch at once. Ours is what Grader calls, with its batches of eight. The bar stands at the
engine that `auto` takes; the others' rows are there to choose by. Before any time is taken the
engine's answer is held to 1e-4 of a probability (bf16: its difference is printed).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import TypeVar

import torch

from benchmarks.pairs import Row, compare, print_rows
from benchmarks.results import wants_full
from lumbar.grading.engine import engine_of, engine_versions
from lumbar.grading.engine_networks import PARITY, EngineGrader, EngineLocator
from lumbar.grading.networks import GraderNet, LocatorNet, standardise

BAR = 1.5
CPU = torch.device("cpu")
GRADER_PX, LOCATOR_PX = 64, 128
"""Of the demo's recipe."""
DIGEST = "random weights of seed 0"

Network = TypeVar("Network", GraderNet, LocatorNet)


def main(*, full: bool = False) -> list[Row]:
    """A row an engine, network and batch; AssertionError where fp32 differs from torch's."""
    torch.set_num_threads(1)
    times, pairs = (4, 5) if full else (1, 3)
    rows = []
    for name, bf16 in _engines():
        build = partial(engine_of, wish=name, device=CPU, bf16=bf16)
        grader = EngineGrader(_seeded(GraderNet), GRADER_PX, DIGEST, build)
        print(f"engine: {grader.engine.words}, probabilities within {grader.difference:.1g}")
        assert bf16 or (grader.engine.name == name and grader.difference <= PARITY)
        for batch in (1, 32):
            rows.append(_row(grader, "grader", GRADER_PX, batch, times, pairs))
        if full:
            locator = EngineLocator(_seeded(LocatorNet), LOCATOR_PX, DIGEST, build)
            rows += [_row(locator, "locator", LOCATOR_PX, 16, times, pairs)]
    return rows


def _seeded(network: type[Network]) -> Network:
    torch.manual_seed(0)
    return network().eval()


def _engines() -> Iterator[tuple[str, bool]]:
    """Engines that are installed, with and without bf16."""
    there = [name for name, version in engine_versions().items() if version and name != "torch"]
    yield from ((name, False) for name in there)
    if "openvino" in there and torch.cpu.get_capabilities().get("avx512_bf16", False):
        yield "openvino", True


def _row(
    network: EngineGrader | EngineLocator, part: str, size: int, batch: int, times: int, pairs: int
) -> Row:
    pictures = standardise(torch.rand(batch, 3, size, size))
    wide = pictures.contiguous(memory_format=torch.channels_last)
    module = network.network.to(memory_format=torch.channels_last)
    eager = module.pooled if isinstance(module, GraderNet) else module.maps
    repeats = max(1, times * 32 // batch)

    def ours() -> None:
        for _ in range(repeats):
            network.engine(pictures)

    def yardstick() -> None:
        with torch.inference_mode():
            for _ in range(repeats):
                eager(wide)

    engine = network.engine
    case = f"{part} {size} px, batch {batch}, {engine.name} {engine.precision}, 1 thread"
    bar = BAR if engine.name == "onnxruntime" else 0.0
    return compare("engine.py", case, ours, yardstick, pieces=repeats * batch, pairs=pairs, bar=bar)


if __name__ == "__main__":
    logging.basicConfig()
    print_rows(main(full=wants_full()))
