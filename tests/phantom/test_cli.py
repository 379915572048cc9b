"""The command lines of the phantom and its oracle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lumbar.phantom import TRAPS, oracle
from lumbar.phantom.__main__ import main


def test_a_cohort_is_written_and_described_in_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--output", str(tmp_path / "c"), "--studies", "1", "--trap", "nested_names"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out.strip().split("\n")[-1])
    assert report["studies"] == 1
    assert report["traps"] == ["nested_names"]
    files = [p for p in (tmp_path / "c" / "export").rglob("*") if p.is_file()]
    assert report["files"] == len(files) > 40
    assert all(path.suffix == "" for path in files)
    assert "1 of 1 studies" in captured.err


def test_an_unknown_trap_ends_with_2_and_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path / "c"), "--trap", "sined"]) == 2
    assert "did you mean 'signed'" in capsys.readouterr().err


def test_traps_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-traps"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in TRAPS)


def test_the_oracle_reads_a_cohort(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--output", str(tmp_path / "c"), "--studies", "2"])
    capsys.readouterr()
    assert oracle.main(["--input", str(tmp_path / "c"), "--sample", "4000"]) == 0
    report = json.loads(capsys.readouterr().out.strip().split("\n")[-1])
    assert report["oracle"]["pooled"]["cells"] == 50
    assert report["reader_kappas"]["canal"] == pytest.approx(0.70, abs=0.05)


def test_the_oracle_refuses_a_folder_without_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert oracle.main(["--input", str(tmp_path)]) == 2
    assert "morphology.csv" in capsys.readouterr().err


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, lumbar.phantom; print([m for m in ('numpy', 'pydicom') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.strip() == "[]"
