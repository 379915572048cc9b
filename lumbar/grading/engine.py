"""What computes: the heavy part of each network by the fastest engine there is, heads in torch.

On a CPU that is ONNX Runtime or OpenVINO on a graph exported from the bundle's weights, on a GPU
torch, compiled, with channels last and autocast. fp32 is the default and gives torch's grades to
1e-4 of a probability; bf16 is a setting of its own. Where an engine is not there or does not work,
torch computes, and the engine's note says why.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from lumbar.errors import ConfigError
from lumbar.grading.engine_file import Part, onnx_bytes
from lumbar.grading.fit import autocast
from lumbar.version import version_of

__all__ = [
    "ENGINES",
    "Engine",
    "EngineName",
    "engine_of",
    "engine_versions",
    "engine_wish",
    "torch_engine",
]

EngineName = Literal["auto", "onnxruntime", "openvino", "torch"]
ENGINES: tuple[str, ...] = get_args(EngineName)[1:]
"""In the order in which `auto` tries them: what is installed with lumbar before what is extra."""

SETTING = "LUMBAR_ENGINE"
"""Environment variable that says which engine `auto` means."""

BATCH = 8
"""Pictures computed at once: more do not fit the cache of a core, and take longer each."""

Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """One network's heavy part, ready: call it with standardised pictures `[n, 3, s, s]`.

    `note` says why it is this engine, where another would have been tried first.
    """

    name: str
    version: str
    precision: str
    threads: int
    note: str
    run: Run

    def __call__(self, pictures: Tensor) -> Tensor:
        """The part's output `[n, ...]`, float32."""
        if not len(pictures):
            return self.run(pictures.new_zeros(1, *pictures.shape[1:]))[:0]
        return torch.cat([self.run(few) for few in pictures.split(BATCH)])

    @property
    def words(self) -> str:
        """The engine as a person would say it."""
        note = f" ({self.note})" if self.note else ""
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        return f"{self.name} {self.version}, {self.precision}, {threads}{note}"


def engine_versions() -> dict[str, str]:
    """The engines of this machine and their versions; "" where one is not installed."""
    return {name: version_of(name) for name in ENGINES}


def engine_wish(wish: str) -> EngineName:
    """The setting as given, `auto` as `LUMBAR_ENGINE` says; ConfigError for an unknown one."""
    chosen = os.environ.get(SETTING) or wish if wish == "auto" else wish
    if chosen not in get_args(EngineName):
        known = ", ".join(get_args(EngineName))
        raise ConfigError(f"engine {chosen!r}: not known; there are {known}")
    return cast(EngineName, chosen)


def engine_of(part: Part, wish: str, device: torch.device, bf16: bool) -> Engine:
    """The engine of a part. ConfigError where one that was asked for by name cannot be had."""
    chosen = engine_wish(wish)
    if device.type != "cpu":
        if chosen not in ("auto", "torch"):
            raise ConfigError(f"engine {chosen}: computes on CPUs; on {device.type} it is torch")
        return torch_engine(part, device, bf16, "")
    if chosen != "auto":
        return _build(chosen, part, bf16, "")
    failed: list[str] = []
    for name in ENGINES[:-1]:
        if not version_of(name) or (bf16 and name == "onnxruntime"):
            continue
        try:
            return _build(name, part, bf16, "; ".join(failed))
        except Exception as error:  # an engine may fail in any way; torch does not
            failed.append(f"{name} does not work here: {type(error).__name__}: {str(error)[:200]}")
            logging.getLogger(__name__).warning("%s: %s", part.name, failed[-1])
    note = "; ".join(failed) or "no faster engine is installed"
    return torch_engine(part, device, bf16, note)


def _build(name: str, part: Part, bf16: bool, note: str) -> Engine:
    if name == "torch":
        return torch_engine(part, torch.device("cpu"), bf16, note)
    if not version_of(name):
        raise ConfigError(f"engine {name}: not installed; {_INSTALL[name]}, or engine auto")
    if bf16 and name == "onnxruntime":
        raise ConfigError("engine onnxruntime: has no bf16 on CPUs; take openvino, torch or fp32")
    run = _openvino(part, bf16) if name == "openvino" else _onnxruntime(part)
    precision = "bf16" if bf16 else "fp32"
    return Engine(name, version_of(name), precision, torch.get_num_threads(), note, run)


def _onnxruntime(part: Part) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        onnx_bytes(part), options, providers=["CPUExecutionProvider"]
    )

    def run(pictures: Tensor) -> Tensor:
        (out,) = session.run(None, {"pictures": pictures.contiguous().numpy()})
        return torch.from_numpy(out)

    return run


def _openvino(part: Part, bf16: bool) -> Run:
    import openvino

    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32",
        "ENABLE_CPU_PINNING": False,  # several processes would all sit on the same first cores
    }
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(onnx_bytes(part), b""), "CPU", settings)

    def run(pictures: Tensor) -> Tensor:
        return torch.from_numpy(np.array(compiled([pictures.contiguous().numpy()])[0]))

    return run


def torch_engine(part: Part, device: torch.device, bf16: bool, note: str) -> Engine:
    """torch as the engine of a part, compiled where `device` is a GPU."""
    module: nn.Module = part.module.to(device).to(memory_format=torch.channels_last).eval()
    compute: Callable[[Tensor], Tensor] = module
    if device.type == "cuda":
        compute = torch.compile(module, dynamic=True)

    def run(pictures: Tensor) -> Tensor:
        shown = pictures.to(device).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), autocast(device, bf16):
            return compute(shown).float()

    precision = "bf16" if bf16 else "fp32"
    return Engine("torch", torch.__version__, precision, torch.get_num_threads(), note, run)


_INSTALL: Mapping[str, str] = {
    "onnxruntime": "pip install onnxruntime",
    "openvino": "pip install 'lumbar[openvino]'",
}
