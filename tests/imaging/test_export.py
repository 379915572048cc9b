"""DICOM to PNG files as the customer's process has it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def run(root: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """The job, run as a person runs it."""
    command = [sys.executable, "jobs/export_png.py", "--input", str(root), "--output", str(output)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def export(root: Path, output: Path) -> tuple[int, dict[str, object]]:
    """Exit code and result of the job."""
    done = run(root, output)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_every_slice_becomes_a_png_and_no_identity_is_written(
    tmp_path: Path, stack_of_files
) -> None:
    root, output = tmp_path / "in", tmp_path / "out"
    for name, data in stack_of_files(PatientID="CANARY", PatientName="CANARY").items():
        path = root / "train_images" / "77" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    code, result = export(root, output)
    assert (code, result["slices"], result["failed"]) == (0, 15, 0)
    with Image.open(output / "77" / "2" / "4.png") as picture:
        assert picture.size == (30, 20)
    assert not [p for p in output.rglob("*") if p.is_file() and b"CANARY" in p.read_bytes()]


def test_a_picture_that_cannot_be_decoded_is_listed_and_the_exit_code_says_so(
    tmp_path: Path, stack_of_files
) -> None:
    root, output = tmp_path / "in", tmp_path / "out"
    files = stack_of_files()
    files["1/2.dcm"] = files["1/2.dcm"][:-300]
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    code, result = export(root, output)
    with (output / "failures.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert (code, result["slices"], result["failed"]) == (3, 14, 1)
    assert [(row["file"], row["kind"]) for row in rows] == [("1/2.dcm", "failed")]


def test_an_input_that_is_not_there_fails_with_its_name(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    complaint = f"error: argument --input: no such file or folder: {tmp_path / 'nowhere'}\n"
    assert done.stderr.endswith(complaint)


def test_a_study_in_two_archives_is_refused_before_anything_is_written(
    tmp_path: Path, stack_of_files
) -> None:
    files = stack_of_files()
    (tmp_path / "in").mkdir()
    for series in "12":
        with zipfile.ZipFile(tmp_path / "in" / f"{series}.zip", "w") as archive:
            for name in files:
                if name.startswith(series):
                    archive.writestr(name, files[name])
    done = run(tmp_path / "in", tmp_path / "out")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"export_png.py: {tmp_path / 'in'}: study ")
    assert "is there 2 times" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list((tmp_path / "out").rglob("*.png"))
