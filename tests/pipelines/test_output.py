"""Files and folders that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumbar.errors import ConfigError
from lumbar.pipelines.output import whole_file, whole_folder


def test_a_file_keeps_its_content_when_its_successor_fails(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as draft:
            draft.write_text("half")
            raise OSError("disk is full")

    with pytest.raises(OSError, match="disk is full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    with whole_folder(path) as draft:
        (draft / "part").write_text("1")
        assert not path.exists()
    assert [file.name for file in path.iterdir()] == ["part"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="not empty"), whole_folder(tmp_path):
        pass
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_folder_that_was_filled_meanwhile_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "cache"

    def fill() -> None:
        with whole_folder(path) as draft:
            (draft / "mine").write_text("1")
            path.mkdir()
            (path / "theirs").write_text("2")

    with pytest.raises(ConfigError, match="not empty"):
        fill()
    assert [file.name for file in path.iterdir()] == ["theirs"]
    with whole_folder(path, replace=True) as draft:
        (draft / "mine").write_text("1")
    assert [file.name for file in path.iterdir()] == ["mine"]
