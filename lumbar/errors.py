"""The one exception tree. A message says what is wrong, with which file or key, and what to do."""

from __future__ import annotations

__all__ = [
    "BundleError",
    "ConfigError",
    "DecodeError",
    "FormatError",
    "GeometryError",
    "InputError",
    "LumbarError",
    "ViewError",
]


class LumbarError(Exception):
    """Anything that lumbar raises on purpose."""


class InputError(LumbarError):
    """The images, labels or predictions given cannot be used."""


class DecodeError(InputError):
    """A file is of a known format but its pixels cannot be read."""


class FormatError(InputError):
    """A file, folder or table is not of the format that was expected."""


class GeometryError(InputError):
    """Positions or orientations are missing or contradict each other."""


class ViewError(InputError):
    """A view was told and cannot be meant of exactly one series."""


class BundleError(LumbarError):
    """A model bundle is missing, damaged, of another version, or holds what it must not."""


class ConfigError(LumbarError):
    """A recipe or command line has an unknown key or a value out of range."""
