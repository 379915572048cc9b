"""docs/imaging.md: its examples run, and it speaks of what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lumbar.domain import View
from lumbar.phantom import make_study
from lumbar.phantom.write import write_study

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "imaging.md"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    traps = frozenset({"flat_names", "foreign_files", "uncompressed"})
    write_study(make_study(seed=4, index=0), tmp_path / "archive", traps)
    return tmp_path


def test_the_guides_examples_run_one_after_the_other(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(archive)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)
    printed = capsys.readouterr().out
    assert "sagittal_t2 15 sagittal by geometry, T2 by its SeriesDescription" in printed
    assert "DICOMDIR a directory of files (DICOMDIR), no picture" in printed
    assert "notes.dcm" in printed


def test_the_guide_names_every_role() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert all(f"`{view.value}`" in text for view in View)
