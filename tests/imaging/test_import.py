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
    """Seconds of the processor, which a busy machine hardly changes: about .06 of them."""
    code = (
        "import time, pydicom, pydicom.pixels; start = time.process_time(); import lumbar.imaging;"
        "print(time.process_time() - start)"
    )
    assert min(float(python(code)) for _ in range(3)) < 0.15
