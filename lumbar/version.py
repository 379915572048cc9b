"""Versions of what is installed."""

from __future__ import annotations

from importlib import metadata

__all__ = ["lumbar_version", "version_of"]


def version_of(package: str) -> str:
    """The version of a distribution that is installed; "" of one that is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def lumbar_version() -> str:
    """The version of lumbar; `source` for a tree that was never installed."""
    return version_of("lumbar") or "source"
