"""Files and folders that are there whole or not at all: written beside, renamed last."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lumbar.errors import ConfigError

__all__ = ["read_json", "whole_file", "whole_folder", "write_json"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it takes `path`'s place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A new folder beside `path` to fill; it takes `path`'s place when the block ends well.

    Raises ConfigError where `path` holds something and may not be replaced.
    """
    if not replace:
        _refuse_filled(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        if not replace:
            _refuse_filled(path)  # by another run meanwhile
        if path.exists():
            shutil.rmtree(path)
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_filled(path: Path) -> None:
    if path.exists() and (path.is_file() or any(path.iterdir())):
        raise ConfigError(f"{path}: is not empty; name a new folder or remove this one")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """A JSON object as a file for people: indented, whole or not at all."""
    with whole_file(path) as draft:
        draft.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is none that can be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
