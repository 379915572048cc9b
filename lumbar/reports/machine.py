"""What the doctor found of a machine, as text for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from textwrap import fill
from typing import Any

__all__ = ["text_of"]

WIDTH = 100
ENOUGH = {"disk": 5 * 2**30, "memory": 4 * 2**30}
"""Below this a note is made: a run of the demo writes 1 GiB, a study with its model takes 2 GiB."""

Part = dict[str, Any]


def text_of(found: Part) -> str:
    """What `doctor.examine` found, for people: a line a subject, then the transfer syntaxes."""
    system = found["system"]
    lines = [f"lumbar {system['lumbar']} on Python {system['python']}, {system['platform']}", ""]
    lines += [_line(mark, name, text) for mark, name, text in _verdicts(found)]
    lines += ["", "  Transfer syntaxes"]
    for one in found["transfer_syntaxes"]:
        decoder = f"{one['decoder']} {one['version']}".strip()
        lines.append(f"    {_short(one['name']):<61}{one['install'] or decoder}")
    if found["ok"]:
        return "\n".join([*lines, "", "lumbar can work here."])
    todo = [f"  {line}" for line in found["missing"]]
    return "\n".join([*lines, "", "lumbar cannot work here until this is mended:", *todo])


def _verdicts(found: Part) -> Iterator[tuple[str, str, str]]:
    """(ok, note or missing; what was looked at; what was found) in the order of the report."""
    yield _packages_line(found["packages"])
    yield _devices_line(found["devices"])
    yield _decoding_line(found)
    yield _weights_line(found["weights"])
    yield _ray_line(found["ray"])
    yield from _room_lines(found["disk"], found["memory"])


def _packages_line(packages: Mapping[str, Part]) -> tuple[str, str, str]:
    there = [name for name, one in packages.items() if not one["install"]]
    shown = [name for name in ("torch", "torchvision", "ray", "pydicom") if name in there]
    versions = ", ".join(f"{name} {packages[name]['version']}" for name in shown)
    mark = "ok" if len(there) == len(packages) else "missing"
    return mark, "packages", f"{len(there)} of {len(packages)}: {versions}"


def _devices_line(devices: Part) -> tuple[str, str, str]:
    cpu = devices["cpu"]
    width = "computes in bfloat16" if cpu["bf16"] else "without bfloat16: computes in float32"
    cards = ", ".join(f"{g['name']} with {_gib(g['memory'])}" for g in devices["gpus"])
    engines = " and ".join(f"{k} {v}" for k, v in devices["engines"].items() if v)
    text = (
        f"{cpu['cores']} cores of {cpu['name']}, {width}; {cards or 'no GPU'}; grades are computed"
    )
    return "ok", "devices", f"{text} by {engines or 'nothing: no engine is installed'}"


def _decoding_line(found: Part) -> tuple[str, str, str]:
    syntaxes, process = found["transfer_syntaxes"], found["decoding_process"]
    read = sum(not one["install"] for one in syntaxes)
    where = f"in a process of its own ({process['seconds']} s to start)"
    text = f"{read} of {len(syntaxes)} transfer syntaxes, {where if process['works'] else 'but '}"
    text += process["problem"]
    whole = syntaxes and read == len(syntaxes) and process["works"]
    return "ok" if whole else "missing", "decoding", text


def _weights_line(weights: Part) -> tuple[str, str, str]:
    if weights["found"]:
        return "ok", "weights", f"ImageNet weights of DenseNet-121: {weights['file']}"
    return (
        "note",
        "weights",
        "no ImageNet weights of DenseNet-121 here: training starts from nothing, or fetches them "
        f"once with --grader.weights imagenet, or takes a copy at {weights['file'] or 'a file'}",
    )


def _ray_line(ray: Part) -> tuple[str, str, str]:
    if ray["reachable"] is None:
        named = f"RAY_ADDRESS={ray['address']} names no place" if ray["address"] else "no cluster"
        return "ok", "ray", f"{ray['version']}; {named}: each job starts a Ray of its own"
    if ray["reachable"]:
        return "ok", "ray", f"{ray['version']}; the cluster at {ray['address']} answers"
    return (
        "note",
        "ray",
        f"{ray['version']}; nothing answers at RAY_ADDRESS={ray['address']}: start the cluster, or "
        "unset it and each job starts a Ray of its own",
    )


def _room_lines(disk: Mapping[str, Part], memory: Part) -> Iterator[tuple[str, str, str]]:
    places = ", ".join(f"{_gib(one['free'])} free at {one['path']}" for one in disk.values())
    least = min(one["free"] for one in disk.values())
    yield "ok" if least >= ENOUGH["disk"] else "note", "disk", places
    if memory["total"]:
        enough = memory["available"] >= ENOUGH["memory"]
        text = f"{_gib(memory['available'])} available of {_gib(memory['total'])}"
        yield "ok" if enough else "note", "memory", text


def _line(mark: str, name: str, text: str) -> str:
    start = f"  {mark:<9}{name:<11}"
    return fill(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))


def _short(name: str) -> str:
    """A transfer syntax without the words that tell none from another."""
    return re.sub(r" \(Process.*\)$| Image Compression", "", name)


def _gib(count: int) -> str:
    return f"{count / 2**30:,.1f} GiB"
