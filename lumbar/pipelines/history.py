"""history.jsonl: a record an epoch, written by the training worker, followed by the driver."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lumbar.pipelines.output import whole_file

__all__ = ["HISTORY", "followed", "progress_line", "write_history"]

HISTORY = "history.jsonl"
LOOK_SECONDS = 1.0


def write_history(folder: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write every record so far; written whole, so that a resumed run repeats no epoch."""
    with whole_file(folder / HISTORY) as draft:
        draft.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")


@contextmanager
def followed(folder: Path, epochs: Mapping[str, int]) -> Iterator[None]:
    """While the block runs, print a line for each record that is added to the folder's history.

    `epochs` is how many each model will have. The folder is one that driver and worker share.
    """
    stop = threading.Event()
    seen = len(_records(folder))
    thread = threading.Thread(target=_follow, args=(folder, epochs, seen, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def progress_line(record: Mapping[str, Any], epochs: Mapping[str, int]) -> str:
    """One epoch for people, e.g. `grader 3/8: train loss 0.512, accuracy 0.81, 41.0 s`."""
    model = str(record["model"])
    figures = [
        f"{name.replace('_', ' ')} {value:.3f}"
        for name, value in record.items()
        if isinstance(value, float) and name not in ("seconds", "learning_rate")
    ]
    return f"{model} {record['epoch']}/{epochs.get(model, '?')}: {', '.join(figures)}, " + (
        f"{record['seconds']:.1f} s"
    )


def _follow(folder: Path, epochs: Mapping[str, int], seen: int, stop: threading.Event) -> None:
    ended = False
    while not ended:
        ended = stop.wait(LOOK_SECONDS)  # one last look after the end
        records = _records(folder)
        for record in records[seen:]:
            print(progress_line(record, epochs), flush=True)
        seen = max(seen, len(records))


def _records(folder: Path) -> list[dict[str, Any]]:
    path = folder / HISTORY
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
