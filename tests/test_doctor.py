"""The doctor says what this machine can do, and the exact line that mends what it cannot."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from lumbar.doctor import examine
from lumbar.imaging.codecs import CODECS, UNCOMPRESSED
from lumbar.reports.machine import text_of

BY_IMAGECODECS = [codec for codec in CODECS.values() if codec.package == "imagecodecs"]
ROOT = Path(__file__).resolve().parents[1]


def doctor(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command as a person gives it."""
    command = [sys.executable, *options.pop("flags", ()), "-m", "lumbar.doctor", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, **options
    )


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return examine()


def test_the_json_has_these_keys_the_exit_code_is_that_of_ok_and_no_ray_is_loaded() -> None:
    code = (
        "import sys; from lumbar.doctor import main; code = main(['--json']); "
        "print('ray' in sys.modules); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    *lines, loaded = done.stdout.splitlines()
    assert loaded == "False"
    said = json.loads("\n".join(lines))
    assert list(said) == [
        *("schema_version", "ok", "missing", "system", "packages", "devices"),
        *("transfer_syntaxes", "decoding_process", "weights", "ray", "disk", "memory"),
    ]
    assert set(said["transfer_syntaxes"][0]) == {"name", "uid", "decoder", "version", "install"}
    assert (said["schema_version"], said["ok"], done.returncode) == (1, True, 0), said["missing"]
    assert done.stderr == ""


def test_every_transfer_syntax_is_named_with_what_decodes_it(found: dict[str, Any]) -> None:
    decoders = {one["uid"]: one["decoder"] for one in found["transfer_syntaxes"]}
    own = {str(syntax): "lumbar" for syntax in UNCOMPRESSED}
    assert decoders == own | {str(syntax): codec.package for syntax, codec in CODECS.items()}


def test_the_text_fits_a_terminal_and_says_all(found: dict[str, Any]) -> None:
    lines = text_of(found).splitlines()
    assert max(map(len, lines)) <= 100
    subjects = [line.split()[1] for line in lines if line.startswith(("  ok ", "  note "))]
    assert subjects == ["packages", "devices", "decoding", "weights", "ray", "disk", "memory"]
    assert sum(" imagecodecs " in line for line in lines) == len(BY_IMAGECODECS)
    assert lines[-1] == "lumbar can work here."


def test_what_is_not_installed_is_listed_with_the_line_that_installs_it(tmp_path: Path) -> None:
    """In an environment that is this one without two of its packages."""
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("imagecodecs", "torch-", "torch.", "__editable__")):
            (tmp_path / entry.name).symlink_to(entry)
    (tmp_path / "torch").unlink()
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = doctor(flags=["-S"], env=environment)
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    assert "imagecodecs: pip install 'imagecodecs>=" in done.stdout
    assert "torch: pip install 'torch>=" in done.stdout
    assert re.search(r"^ +JPEG Baseline +pip install imagecodecs$", done.stdout, re.MULTILINE)
    every = len(CODECS) + len(UNCOMPRESSED)
    assert f"{every - len(BY_IMAGECODECS)} of {every} transfer syntaxes" in done.stdout


@pytest.mark.parametrize("listens", [True, False])
def test_a_cluster_is_reachable_where_something_listens_at_its_address(
    listens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        found = examine()
    assert found["ray"]["address"] == address
    assert found["ray"]["reachable"] is listens
    assert ("answers" if listens else "nothing answers") in text_of(found)


@pytest.mark.parametrize(
    ("address", "reachable"),
    [("", None), ("auto", None), ("local", None), ("nonsense://[", False), ("host:0x", False)],
)
def test_an_address_that_names_no_place_is_not_waited_for(
    address: str, reachable: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr("socket.create_connection", None)  # so that nothing can be asked
    assert examine()["ray"]["reachable"] is reachable


def test_the_doctor_can_be_asked_where_nothing_is_installed() -> None:
    """Nothing beyond the standard library is loaded before it is known to be there."""
    code = "import sys, lumbar.doctor; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(ran.stdout.split()) & {"numpy", "pydicom", "torch", "ray", "psutil", "pydantic"}


def test_the_engines_of_this_machine_are_listed(found: dict[str, Any]) -> None:
    from lumbar.grading.engine import engine_versions

    assert found["devices"]["engines"] == engine_versions()
    assert f"onnxruntime {engine_versions()['onnxruntime']}" in " ".join(text_of(found).split())
