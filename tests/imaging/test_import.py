"""What importing the package costs and brings along."""

from __future__ import annotations

import subprocess
import sys


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_imaging_brings_neither_torch_nor_ray_nor_pandas() -> None:
    heavy = "{'torch', 'ray', 'pandas', 'scipy', 'matplotlib', 'sklearn'}"
    assert python(f"import sys, lumbar.imaging; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_importing_imaging_adds_little_to_importing_pydicom() -> None:
    code = (
        "import time, pydicom, pydicom.pixels; start = time.perf_counter(); import lumbar.imaging;"
        "print(time.perf_counter() - start)"
    )
    assert min(float(python(code)) for _ in range(3)) < 0.15
