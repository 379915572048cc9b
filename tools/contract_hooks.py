"""What schemathesis has to be told to send studies: files of a phantom, and the body of STOW-RS.

CONTRIBUTING.md has the command. The files are those that `python -m serve` writes (`--examples`).
"""

from pathlib import Path

import schemathesis
from hypothesis import strategies as st

FOLDER = Path("runs/serve")
STOW = 'multipart/related; type="application/dicom"'
BOUNDARY = "instances"

FILES = [(FOLDER / f"example.{form}").read_bytes() for form in ("dcm", "png", "zip")]


def stow_body(instances: list[bytes]) -> bytes:
    """A body of multipart/related (PS3.18 section 8.6.1.2)."""
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = b"".join(head + instance + b"\r\n" for instance in instances)
    return parts + f"--{BOUNDARY}--\r\n".encode()


schemathesis.openapi.format("binary", st.sampled_from(FILES))
schemathesis.openapi.media_type(
    STOW, st.lists(st.sampled_from(FILES[:2]), min_size=1, max_size=3).map(stow_body)
)


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """Say what parts the body of STOW-RS."""
    if (case.media_type or "").startswith("multipart/related"):
        case.headers["Content-Type"] = f"{STOW}; boundary={BOUNDARY}"
