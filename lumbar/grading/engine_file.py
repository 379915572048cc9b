"""The heavy part of a network as an ONNX file: exported once a machine, kept in the user's cache.

Files lie below `$XDG_CACHE_HOME/lumbar/engines` (`~/.cache` where that is not set). A name is the
sha256 over the weights' own sha256, the part, the size of its pictures and all versions involved,
so that nothing in the cache is ever out of date; what is no longer wanted may be deleted.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import os
import tempfile
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from torch import nn

__all__ = ["Part", "cache_folder", "onnx_bytes"]

FORMAT = 1
"""Counted up when the way of exporting changes."""
OPSET = 17


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What an engine runs: a module of pictures `[n, 3, size_px, size_px]`, and its weights' name.

    `name` is what it is of (grader, locator), `digest` the sha256 of the file of its weights.
    """

    name: str
    module: nn.Module
    size_px: int
    digest: str


def cache_folder() -> Path:
    """Where exported files are kept: freedesktop.org's Base Directory Specification."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(given) if os.path.isabs(given) else Path("~/.cache").expanduser()
    return home / "lumbar" / "engines"


def onnx_bytes(part: Part) -> bytes:
    """The part as an ONNX model with a batch of any size, from the cache or else exported now.

    A cache that cannot be written is done without. Raises whatever torch's exporter raises.
    """
    path = cache_folder() / f"{part.name}-{_key(part)}.onnx"
    try:
        return path.read_bytes()
    except OSError:
        content = _export(part)
    with contextlib.suppress(OSError):  # then the next process exports again
        _write(path, content)
    return content


def _key(part: Part) -> str:
    versions = [metadata.version(name) for name in ("torch", "torchvision", "onnx")]
    told = [str(FORMAT), part.name, part.digest, str(part.size_px), *versions]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: written beside, renamed last, so that several may export at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as draft:
        draft.write(content)
    os.replace(draft.name, path)


def _export(part: Part) -> bytes:
    module = _pooling_first(copy.deepcopy(part.module).cpu().float().eval())
    written = io.BytesIO()
    example = torch.zeros(2, 3, part.size_px, part.size_px)
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        # torch prefers its newer exporter, which takes seven times as long for the same graph
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (example,),
            written,  # type: ignore[arg-type]  # a stream is taken too
            dynamo=False,
            opset_version=OPSET,
            input_names=["pictures"],
            output_names=["out"],
            dynamic_axes={"pictures": {0: "n"}, "out": {0: "n"}},
        )
    return written.getvalue()


def _pooling_first(module: nn.Module) -> nn.Module:
    """The same function with a DenseNet's transitions pooled before their 1 x 1 convolution.

    Both are linear and neither looks beyond its place, so they may change places: a quarter of the
    convolution's work, 8 % of all. `module` is changed.
    """
    for child in module.modules():
        named = dict(child.named_children())
        if list(named) == ["norm", "relu", "conv", "pool"]:
            order = ("norm", "relu", "pool", "conv")
            child._modules = OrderedDict((name, named[name]) for name in order)
    return module
