"""Results on disk: whole or not there, put again, and never more than may be kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serve.shelf import Shelf, StorageFull


def test_a_job_that_is_put_again_has_the_newer_files(tmp_path: Path) -> None:
    Shelf(tmp_path, 100).put("job", {"a": b"x" * 60, "b": b"old"})
    (tmp_path / "job.part").mkdir()  # of a process that was killed
    shelf = Shelf(tmp_path, 100)
    shelf.keep_only(["job"])
    shelf.put("job", {"a": b"y" * 70})
    assert (shelf.read("job", "a"), shelf.read("job", "b"), shelf.bytes) == (b"y" * 70, None, 70)
    assert [entry.name for entry in tmp_path.iterdir()] == ["job"]


def test_results_that_come_together_find_no_more_room_than_there_is(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 3_500_000)

    def kept(number: int) -> bool:
        try:
            shelf.put(str(number), {"a": bytes(1_000_000)})
        except StorageFull:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(kept, range(16))) == 3
    assert len(list(tmp_path.iterdir())) == 3
    assert shelf.bytes == 3_000_000


def test_a_result_that_cannot_be_written_gives_its_room_back(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 100)
    with pytest.raises(FileNotFoundError):
        shelf.put("job", {"a": b"x" * 60, "no/such/folder": b""})
    assert (shelf.bytes, list(tmp_path.iterdir())) == (0, [])
    shelf.put("other", {"a": b"x" * 60})


def test_files_that_cannot_be_removed_are_said_and_still_counted(tmp_path: Path) -> None:
    (tmp_path / "job").write_bytes(b"x" * 60)  # a file, where a folder is to be removed
    shelf = Shelf(tmp_path, 100)
    before = shelf.bytes
    with pytest.raises(OSError, match="job"):
        shelf.erase("job")
    assert shelf.bytes == before


def test_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 1000)
    assert shelf.read("job", "9" * 300) is None
    assert shelf.array("job", "9" * 300, 0) is None
