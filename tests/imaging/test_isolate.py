"""A file that makes a decoder abort, hang or balloon is lost alone; the next one is fine."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import psutil
import pytest
from deeds import Ambush, deed
from pebble.pool.base_pool import PoolStatus
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGLosslessSV1, RLELossless

from lumbar.errors import DecodeError, InputError
from lumbar.imaging import Study, read_uploaded
from lumbar.imaging.child import ARENA_BYTES, borrowed_child
from lumbar.imaging.limits import DECODE_SECONDS
from lumbar.imaging.pieces import Piece, answers
from lumbar.imaging.png import encode_png
from lumbar.phantom.syntaxes import file_bytes, transcoded

HERE = Path(__file__).parent


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may last two seconds."""
    monkeypatch.setattr("lumbar.imaging.child.DECODE_SECONDS", 2.0)


def done(*words: bytes) -> list[Any]:
    """What came of each deed: its word, or the error in its place."""
    pieces = [Piece(f"{n}.dcm", word) for n, word in enumerate(words)]
    return [a if isinstance(a, InputError) else a[0] for a in answers(deed, pieces)]


def kill_last() -> None:
    """Kill the child that was at work last; the next call is its."""
    with borrowed_child() as child:
        os.kill(child.arena.pid, signal.SIGKILL)


@contextmanager
def killed(*positions: int) -> Iterator[None]:
    """Meanwhile the child at work is killed at each of these places among its call's files."""
    over, left = threading.Event(), list(positions)
    with borrowed_child() as one, borrowed_child() as other:
        for child in (one, other):
            child.end()  # with all that is noted of earlier calls

    def kill() -> None:
        while left and not over.wait(0.01):
            for arena in (one.arena, other.arena):
                if left and arena.position == left[0] and not arena.done:
                    os.kill(arena.pid, signal.SIGKILL)
                    left.pop(0)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()
    assert not left


@pytest.mark.parametrize(
    ("word", "why"),
    [
        (b"abort", "ended its decoder (SIGABRT)"),
        (b"exit", "ended its decoder (exit code 3)"),
        (b"fill", "takes more than 3 GiB of memory"),
        (b"raise", "cannot be decoded (KeyError)"),
        (b"interrupt", "cannot be decoded (KeyboardInterrupt)"),
    ],
)
def test_a_deed_costs_only_its_own_file(word: bytes, why: str) -> None:
    before, lost, after = done(b"before", word, b"after")
    assert (before, after) == (b"before", b"after")
    assert isinstance(lost, DecodeError)
    assert str(lost).startswith(f"1.dcm: {why}")
    assert "CANARY" not in str(lost)
    assert done(b"next") == [b"next"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("word", [b"hang", b"spin"])
def test_a_file_that_takes_for_ever_is_given_up_and_the_others_are_decoded(word: bytes) -> None:
    before, lost, after = done(b"before", word, b"after")
    assert (before, after) == (b"before", b"after")
    assert str(lost).startswith("1.dcm: took longer than ")


def test_a_file_that_was_at_work_when_the_child_was_killed_is_tried_once_more() -> None:
    with killed(1):
        assert done(b"before", b"pause", b"after") == [b"before", b"pause", b"after"]


@pytest.mark.usefixtures("impatient")
def test_files_that_go_on_ending_children_are_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lumbar.imaging.pieces.PATIENCE_SECONDS", 1.0)
    first, *others = done(*[b"hang"] * 50)
    assert "took longer than" in str(first)
    assert all("not decoded, because other files have held" in str(other) for other in others)


def test_bar_30_a_file_whose_child_is_killed_fails_clearly_and_the_next_is_fine() -> None:
    with killed(1, 0):  # among the others, then alone
        before, lost, after = done(b"before", b"hang", b"after")
    assert str(lost).startswith("1.dcm: ended its decoder (SIGKILL)")
    assert (before, after) == (b"before", b"after")
    assert done(b"next") == [b"next"]


def test_a_child_that_is_killed_between_two_requests_is_replaced_unseen() -> None:
    done(b"started")
    kill_last()
    assert done(b"at once") == [b"at once"]
    kill_last()
    time.sleep(0.5)
    assert done(b"later") == [b"later"]


def test_a_child_that_is_killed_as_it_is_handed_files_is_replaced_unseen(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    answered = list(answers(deed, [Piece("a", b"1"), Piece("b", b"2", Ambush(sprung))]))
    assert sprung.exists()
    assert [word for word, *_ in answered] == [b"1", b"2"]


def test_a_pool_that_missed_its_childs_death_is_replaced_long_before_the_call_is_over() -> None:
    done(b"started")
    with borrowed_child() as child:
        os.kill(child.arena.pid, signal.SIGKILL)
        while child._pool._context.status == PoolStatus.RUNNING:
            time.sleep(0.01)
        child._pool._check_pool_status = lambda: None  # who asked a moment before saw it running
    answered: list[Any] = []
    asking = threading.Thread(target=lambda: answered.extend(done(b"next")), daemon=True)
    asking.start()
    asking.join(DECODE_SECONDS)
    assert answered == [b"next"]


def test_pictures_of_every_size_come_back_as_they_were() -> None:
    sizes = [2, 2_000_000, ARENA_BYTES // 2, 6]
    pieces = [Piece("a", b"picture", size, 4 * size) for size in sizes]
    for size, (picture,) in zip(sizes, answers(deed, pieces), strict=True):
        assert np.array_equal(picture, np.arange(size, dtype=np.float32).reshape(-1, 2))


def test_what_could_not_be_read_keeps_its_place_among_the_answers() -> None:
    error = InputError("b: gone")
    found = list(answers(deed, [Piece("a", b"1"), error, Piece("c", b"2")]))
    assert [found[0][0], found[1], found[2][0]] == [b"1", error, b"2"]


def test_a_child_loads_neither_torch_nor_ray_whatever_its_parent_has_loaded() -> None:
    assert wave.__name__ in sys.modules
    ((_, pid, loaded),) = answers(deed, [Piece("a", b"")])
    assert loaded == []
    assert pid != os.getpid()


def test_threads_take_turns_and_each_gets_its_own_answers() -> None:
    found: dict[int, list[Any]] = {}

    def ask(n: int) -> None:
        found[n] = done(*[str(n).encode()] * 5)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [str(n).encode()] * 5 for n in range(8)}


def test_two_studies_are_decoded_at_once_so_that_one_that_hangs_holds_up_no_other(
    tmp_path: Path,
) -> None:
    """Each deed ends only once the other has begun: one after the other, both would be too slow."""
    places = tmp_path / "a", tmp_path / "b"
    found: list[Any] = []

    def ask(*about: Path) -> None:
        found.extend(answers(deed, [Piece("1.dcm", b"meet", about)]))

    threads = [threading.Thread(target=ask, args=pair) for pair in (places, places[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [word for word, *_ in found] == [b"meet", b"meet"]
    assert len({pid for _, pid, _ in found}) == 2


def test_a_third_study_waits_for_a_child_and_its_files_are_not_charged_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lumbar.imaging.pieces.PATIENCE_SECONDS", 4.0)
    found: list[Any] = []
    third = threading.Thread(target=lambda: found.extend(done(b"before", b"abort", b"after")))
    with borrowed_child(), borrowed_child():
        third.start()
        third.join(4.5)
        assert third.is_alive()
    third.join()
    assert (found[0], found[2]) == (b"before", b"after")
    assert "SIGABRT" in str(found[1])


def test_a_fork_has_children_of_its_own_while_its_parents_are_borrowed() -> None:
    with borrowed_child(), borrowed_child():
        pid = os.fork()
        if not pid:
            os._exit(0 if done(b"forked") == [b"forked"] else 1)
        assert os.waitpid(pid, 0)[1] == 0


def test_a_fork_of_this_process_has_a_child_of_its_own() -> None:
    done(b"started")
    pid = os.fork()
    if not pid:
        os._exit(0 if done(b"forked") == [b"forked"] else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert done(b"next") == [b"next"]


SCRIPT = """
import sys, time
sys.path.insert(0, {here!r})
print("once")
from deeds import Ambush, deed
from pebble.pool.base_pool import PoolStatus
from lumbar.imaging.limits import DECODE_SECONDS
from lumbar.imaging.pieces import Piece, answers
print(next(iter(answers(deed, [Piece("a", b"print")])))[1], flush=True)
import multiprocessing
multiprocessing.set_start_method("spawn")  # still free to be set
{then}
"""


def program(folder: Path, then: str) -> subprocess.Popen[str]:
    """A program without `if __name__ == "__main__"` that has had something decoded."""
    path = folder / "program.py"
    path.write_text(SCRIPT.format(here=str(HERE), then=then))
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, path], stdout=pipe, stderr=pipe, text=True)


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether a process ends within that time."""
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


def test_a_plain_script_runs_once_and_its_child_prints_nothing_and_ends_with_it(
    tmp_path: Path,
) -> None:
    out, err = program(tmp_path, "").communicate(timeout=60)
    once, pid = out.splitlines()
    assert (once, err) == ("once", "")
    assert gone(int(pid))


def test_a_child_at_work_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    then = "next(iter(answers(deed, [Piece('a', b'pause')])))"
    running = program(tmp_path, then)
    assert running.stdout is not None
    assert running.stdout.readline() == "once\n"
    pid = int(running.stdout.readline())
    time.sleep(0.3)
    running.kill()
    running.communicate()
    assert gone(pid)


def mixed(stack_of_files: Any) -> dict[str, bytes]:
    """A study with compressed, truncated, foreign and PNG files among its own."""
    files: dict[str, bytes] = stack_of_files()
    for name in ("1/2.dcm", "1/3.dcm"):
        dataset = dcmread(io.BytesIO(files[name]))
        dataset.compress(RLELossless, generate_instance_uid=False)
        buffer = io.BytesIO()
        dataset.save_as(buffer)
        files[name] = buffer.getvalue()
    files["2/2.dcm"] = files["2/2.dcm"][:-300]
    files["2/notes.txt"] = b"no picture"
    files["3/empty.dcm"] = b""
    files["4/shot.png"] = encode_png(np.full((25, 25), 90, np.uint8))
    return files


def content(study: Study) -> list[object]:
    """All of a study, as values that can be compared."""
    return [
        study.study_id,
        study.set_aside,
        *(
            (s.series_id, s.view, s.reason, s.blocks, i.instance_id, i.source, i.pixels.tolist())
            for s in study.series
            for i in s
        ),
    ]


def test_what_is_decoded_in_a_child_is_what_is_decoded_here(stack_of_files) -> None:
    files = mixed(stack_of_files)
    apart = read_uploaded(files, all_series=True)
    here = read_uploaded(files, all_series=True, trusted=True)
    assert len(apart) == 2
    assert list(map(content, apart)) == list(map(content, here))


def test_a_study_of_more_pixels_than_memory_is_refused_before_it_is_decoded(
    stack_of_files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lumbar.imaging.isolate.MAX_STUDY_PIXELS", 15 * 600 - 1)
    with pytest.raises(InputError, match="more than 8,999 pixels"):
        read_uploaded(stack_of_files())
    monkeypatch.setattr("lumbar.imaging.isolate.MAX_STUDY_PIXELS", 15 * 600)
    assert len(read_uploaded(stack_of_files())) == 1


CODEC = """
from deeds import Ambush, deed
from pebble.pool.base_pool import PoolStatus

def jpeg8_decode(frame, **options):
    for word in (b"abort", b"hang", b"spin", b"fill"):
        if word in frame:
            deed(word, "", None)
    raise ValueError("CANARY")
"""


@pytest.fixture
def hostile_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A JPEG decoder that does what a frame says stands before the real one, in children only."""
    imagecodecs.jpeg8_version()  # here it is loaded, and stays
    (tmp_path / "imagecodecs.py").write_text(CODEC)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("lumbar.imaging.child.DECODE_SECONDS", 2.0)
    with borrowed_child() as child:
        child.end()
    yield
    with borrowed_child() as child:
        child.end()


def saying(data: bytes, word: bytes) -> bytes:
    """A file in lossless JPEG whose frame holds a word, in a comment (ITU-T T.81 B.2.4.5)."""
    dataset = transcoded(dcmread(io.BytesIO(data)), JPEGLosslessSV1)
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    comment = b"\xff\xfe" + (len(word) + 2).to_bytes(2, "big") + word
    dataset.PixelData = encapsulate([frame[:2] + comment + frame[2:]])
    return file_bytes(dataset)


@pytest.mark.usefixtures("hostile_codec")
@pytest.mark.parametrize(
    ("word", "why"),
    [
        (b"abort", "ended its decoder (SIGABRT)"),
        (b"hang", "took longer than"),
        (b"spin", "took longer than"),
        (b"fill", "damaged"),
    ],
)
def test_bar_21_a_codec_that_misbehaves_costs_only_the_file_it_misbehaves_over(
    word: bytes, why: str, stack_of_files
) -> None:
    files: dict[str, bytes] = stack_of_files()
    files["2/3.dcm"] = saying(files["2/3.dcm"], word)
    (study,) = read_uploaded(files)
    assert [len(series) for series in study.series] == [5, 4, 5]
    ((name, reason, damaged),) = [(a.file, a.reason, a.damaged) for a in study.set_aside]
    assert (name, damaged) == ("2/3.dcm", True)
    assert why in reason
    assert "CANARY" not in reason
    assert len(read_uploaded(stack_of_files())[0].set_aside) == 0
