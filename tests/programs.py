"""Programs of Debian that some tests need: skipped where missing, except where CI says they are."""

from __future__ import annotations

import os
import shutil

import pytest

INSTALL = "apt-get install -y --no-install-recommends "


def program(name: str, packages: str) -> str:
    """Path of a program; skips with the line that installs it, or fails where `CI` is true."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found:
        return found
    reason = f"{name} is missing: {INSTALL}{packages}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
