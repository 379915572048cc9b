"""A bundle's folder: names, digests, JSON, and how one is put in its place whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from lumbar.errors import BundleError

__all__ = [
    "CARD",
    "CHOICE",
    "CONFIG",
    "GRADER",
    "HOG",
    "LOCATOR",
    "SELFTEST",
    "Precision",
    "check_file",
    "draft_of",
    "put_in_place",
    "read_json",
    "seal",
    "sha256_of",
    "stored",
    "write_json",
]

CONFIG, CARD, SELFTEST = "config.json", "card.json", "selftest.json"
LOCATOR, GRADER = "locator.safetensors", "grader.safetensors"
CHOICE, HOG = "choice.safetensors", "hog.safetensors"

Precision = Literal["fp32", "fp16"]


def draft_of(folder: Path) -> Path:
    """A new, empty folder beside `folder`, to be filled and then put in its place."""
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    return draft


def put_in_place(draft: Path, folder: Path) -> None:
    """Rename a complete draft to `folder`; what was there goes last, and comes back if that fails.

    So whenever the process is killed, a whole bundle is there or lies beside under a hidden name.
    """
    before = folder.with_name(f".{folder.name}.{os.getpid()}.before")
    shutil.rmtree(before, ignore_errors=True)
    replaced = folder.exists()
    if replaced:
        folder.rename(before)
    try:
        draft.rename(folder)
    except OSError:
        if replaced:
            before.rename(folder)
        raise
    shutil.rmtree(before, ignore_errors=True)


def seal(folder: Path, card: Mapping[str, Any]) -> None:
    """Write the card with the digest of every file that is a bundle's."""
    names = sorted(p.name for p in folder.iterdir() if p.suffix in _SUFFIXES and p.name != CARD)
    write_json(folder / CARD, {**card, "sha256": {n: sha256_of(folder / n) for n in names}})


def stored(tensors: Mapping[str, Tensor], precision: Precision) -> dict[str, Tensor]:
    """Tensors as they are written; vectors (norms, biases) stay fp32: few, and wide in range."""
    narrow = torch.float16 if precision == "fp16" else torch.float32
    return {
        name: value.detach()
        .cpu()
        .to(narrow if value.is_floating_point() and value.dim() > 1 else value.dtype)
        .contiguous()
        for name, value in tensors.items()
    }


def check_file(folder: Path, name: str, expected: str) -> None:
    """BundleError where a file that the card names is no bundle's, is missing, or differs."""
    path = folder / name
    if Path(name).name != name or path.suffix not in _SUFFIXES:
        raise BundleError(f"{folder}: the card names {name!r}; only .json, .safetensors and .onnx")
    if not path.is_file():
        raise BundleError(f"{path}: the card names it, but it is missing; copy the whole bundle")
    found = sha256_of(path)
    if found != expected:
        raise BundleError(f"{path}: sha256 is {found[:12]}..., the card says {expected[:12]}...")


def sha256_of(path: Path) -> str:
    """Digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a bundle; BundleError where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise BundleError(f"{path}: missing; a bundle is the folder that training wrote") from None
    except ValueError as error:
        raise BundleError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BundleError(f"{path}: not a JSON object")
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object, its keys sorted."""
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


_SUFFIXES = (".json", ".safetensors", ".onnx")
