"""What this machine can and cannot do for lumbar, and what to install where it cannot.

python -m lumbar.doctor [--json]

Nothing is started that stays, no network is needed, and no cluster is joined. Exit code 0 where
lumbar can work, 1 where something needed is missing.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lumbar.errors import InputError, LumbarError
from lumbar.version import version_of

__all__ = ["examine", "main"]

SCHEMA_VERSION = 1
CONNECT_S = 1.0
"""For a cluster to accept a connection; one that is there does so within milliseconds."""

Part = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Print the report, as text or with `--json` as one object; 0 where lumbar can work, else 1."""
    parser = ArgumentParser(prog="python -m lumbar.doctor", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object in place of text")
    wants_json = parser.parse_args(argv).json
    found = examine()
    from lumbar.reports.machine import text_of

    print(json.dumps(found, indent=2) if wants_json else text_of(found))
    return 0 if found["ok"] else 1


def examine() -> Part:
    """Everything that is looked at, in plain values; `missing` says what keeps lumbar from working.

    Keys: schema_version, ok, missing, system, packages, devices, transfer_syntaxes,
    decoding_process, weights, ray, disk, memory.
    """
    packages = _packages()
    syntaxes = _transfer_syntaxes(packages)
    process = _decoding_process(packages)
    missing = [f"{name}: {one['install']}" for name, one in packages.items() if one["install"]]
    missing += [f"{one['name']}: {one['install']}" for one in syntaxes if one["install"]]
    missing += [process["problem"]] if process["problem"] else []
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": not missing,
        "missing": missing,
        "system": _system(),
        "packages": packages,
        "devices": _devices(packages),
        "transfer_syntaxes": syntaxes,
        "decoding_process": process,
        "weights": _weights(packages),
        "ray": _ray(packages),
        "disk": _disk(),
        "memory": _memory(packages),
    }


def _system() -> Part:
    return {
        "lumbar": version_of("lumbar") or "run from source",
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _packages() -> dict[str, Part]:
    """Every distribution that lumbar requires: its version, or the line that installs it."""
    try:
        lines = metadata.requires("lumbar") or []
    except metadata.PackageNotFoundError:
        lines = ["lumbar"]
    needed = [line.partition(";")[0] for line in lines if "extra ==" not in line]
    found: dict[str, Part] = {}
    for line in sorted(needed, key=str.lower):
        name = re.split(r"[^A-Za-z0-9._-]", line)[0]
        version = version_of(name)
        wanted = re.sub(r"\s|\[.*?\]", "", line)
        found[name] = {"version": version, "install": "" if version else f"pip install '{wanted}'"}
    return found


def _lacks(packages: Mapping[str, Part], *names: str) -> bool:
    return any(packages.get(name, {}).get("install") for name in names)


def _transfer_syntaxes(packages: Mapping[str, Part]) -> list[Part]:
    """Each one that lumbar reads: what decodes it, or the line that installs what would."""
    if _lacks(packages, "pydicom", "numpy"):
        return []
    from lumbar.imaging.codecs import CODECS, UNCOMPRESSED

    own = [_syntax(syntax, "lumbar", version_of("lumbar"), "") for syntax in UNCOMPRESSED]
    return own + [
        _syntax(syntax, codec.package, version_of(codec.package), _why_not(codec))
        for syntax, codec in CODECS.items()
    ]


def _syntax(syntax: Any, decoder: str, version: str, install: str) -> Part:
    return {
        "name": syntax.name,
        "uid": str(syntax),
        "decoder": decoder,
        "version": version,
        "install": install,
    }


def _why_not(codec: Any) -> str:
    """ "" where a codec's library loads, else what to do."""
    try:
        import_module(codec.module)
    except ImportError:
        return str(codec.install)
    except Exception as error:  # a library built for another machine raises what it likes
        return f"{codec.install} --force-reinstall ({type(error).__name__} when it is loaded)"
    return ""


def _decoding_process(packages: Mapping[str, Part]) -> Part:
    """Whether files that are not trusted can be decoded: in a child process that may die."""
    found: Part = {"works": False, "seconds": None, "problem": ""}
    if _lacks(packages, "pebble", "pydicom", "numpy"):
        return found
    from lumbar.imaging.files import MemoryFiles
    from lumbar.imaging.isolate import isolated_headers

    began = time.monotonic()
    try:
        ((_, answer),) = isolated_headers(MemoryFiles({"nothing": b""}), ["nothing"])
    except (LumbarError, OSError) as error:
        return found | {"problem": f"decoding process: {error}"}
    if not isinstance(answer, InputError) or "an empty file" not in str(answer):
        return found | {"problem": f"decoding process: {answer}"}
    return found | {"works": True, "seconds": round(time.monotonic() - began, 2)}


def _devices(packages: Mapping[str, Part]) -> Part:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpu: Part = {"name": _cpu_name(), "cores": cores, "bf16": False}
    engines = {name: version_of(name) for name in ("onnxruntime", "openvino", "torch")}
    if _lacks(packages, "torch"):
        return {"cpu": cpu, "gpus": [], "engines": engines}
    import torch

    cpu["bf16"] = bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    there = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    shown = [torch.cuda.get_device_properties(n) for n in there]
    gpus = [{"name": g.name, "memory": g.total_memory} for g in shown]
    return {"cpu": cpu, "gpus": gpus, "engines": engines}


def _cpu_name() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else platform.machine()


def _weights(packages: Mapping[str, Part]) -> Part:
    """Whether DenseNet-121's ImageNet weights lie in torch's cache; nothing is fetched."""
    if _lacks(packages, "torch", "torchvision"):
        return {"found": False, "file": ""}
    import torch
    from torchvision.models import DenseNet121_Weights

    name = DenseNet121_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[-1]
    file = Path(torch.hub.get_dir()) / "checkpoints" / name
    return {"found": file.is_file(), "file": str(file)}


def _ray(packages: Mapping[str, Part]) -> Part:
    """Whether the cluster of RAY_ADDRESS accepts a connection; none is joined or started."""
    address = os.environ.get("RAY_ADDRESS", "")
    found: Part = {"version": "", "address": address, "reachable": None}
    found["version"] = "" if _lacks(packages, "ray") else version_of("ray")
    try:
        place = urlsplit(address if "//" in address else f"//{address}")
        host, port = place.hostname, place.port
    except ValueError:
        return found | {"reachable": False}
    if not host or port is None:  # none named, or `auto` and `local`, which name no place
        return found
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S):
            return found | {"reachable": True}
    except OSError:
        return found | {"reachable": False}


def _disk() -> dict[str, Part]:
    """Free bytes where runs are written and where temporary files go."""
    places = {"here": Path.cwd(), "temporary": Path(tempfile.gettempdir())}
    return {
        name: {"path": str(path), "free": shutil.disk_usage(path).free}
        for name, path in places.items()
    }


def _memory(packages: Mapping[str, Part]) -> Part:
    if _lacks(packages, "psutil"):
        return {"total": None, "available": None}
    import psutil

    memory = psutil.virtual_memory()
    return {"total": memory.total, "available": memory.available}


if __name__ == "__main__":
    sys.exit(main())
