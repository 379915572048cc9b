"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A faster engine's graph is exported once a bundle, seconds each; tests make many bundles. What the
# engines do is tests/grading/test_engine.py's.
os.environ.setdefault("LUMBAR_ENGINE", "torch")

# How long an example takes says what else the machine is doing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def lumbar_data() -> Path:
    """Folder of the real images and labels; skips where LUMBAR_DATA names none."""
    folder = os.environ.get("LUMBAR_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LUMBAR_DATA names no folder of real images (see tests/README.md)")
    return Path(folder)
