"""Sends studies to a lumbar endpoint and saves the answers.

python -m lumbar.client grade PATH... --server http://127.0.0.1:8000 [--form json] [--output DIR]

PATH is a file, a folder or a zip; all of them together are one request, and each study found among
them a job of its own. Needs neither torch nor Ray here.
"""

from __future__ import annotations

import io
import os
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from lumbar.errors import InputError, LumbarError

__all__ = ["FORMS", "Client", "main"]

Job = Mapping[str, Any]
"""A job as the endpoint describes it: docs/api.md."""

FORMS = ("json", "csv", "html", "dcm")
ENDED = ("done", "failed", "interrupted")
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
ANSWER_S = 300.0
"""Longest wait for an answer: the endpoint looks through a study's headers before it gives one."""
PATIENCE_S = 60.0
KEY = "LUMBAR_API_KEY"
"""Environment variable with the key of an endpoint that asks for one."""


class NoAnswerError(InputError):
    """The endpoint cannot be reached, now."""


class Client:
    """An endpoint, spoken to as one caller: its jobs stay this client's."""

    def __init__(self, http: httpx.Client) -> None:
        """`http` knows the endpoint's address (`base_url`) and its key, where it needs one."""
        self._http = http

    @classmethod
    def at(cls, server: str, key: str | None = None) -> Client:
        """The endpoint at an address such as `http://127.0.0.1:8000`."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # To this machine itself nothing goes by way of the environment's proxy.
        proxied = httpx.URL(server).host not in LOCAL_NAMES
        timeout = httpx.Timeout(60.0, read=ANSWER_S)
        return cls(
            httpx.Client(base_url=server, headers=headers, timeout=timeout, trust_env=proxied)
        )

    def send(self, paths: Iterable[str | Path]) -> list[Job]:
        """Send the files of some paths; the jobs of the studies among them.

        Raises InputError for a path that is not there and for what the endpoint refuses.
        """
        parts = [("file", (name, _Later(path))) for name, path in _named(paths)]
        answer = self._ask("POST", "/api/v1/jobs", files=parts)
        jobs: list[Job] = answer.json()["jobs"]
        return jobs

    def wait(
        self, job: Job, report: Callable[[Job], None] = lambda job: None, every_s: float = 0.5
    ) -> Job:
        """The job once it has ended; `report` is called with it whenever it changed.

        An endpoint that does not answer is asked again for a minute. Raises InputError then, and
        for a job that the endpoint does not have any more.
        """
        seen, heard = None, time.monotonic()
        while True:
            try:
                job = self._ask("GET", job["address"]).json()
            except NoAnswerError:
                if time.monotonic() - heard > PATIENCE_S:
                    raise
                time.sleep(every_s)
                continue
            heard = time.monotonic()
            if job != seen:
                report(job)
                seen = job
            if job["state"] in ENDED:
                return job
            time.sleep(every_s)

    def result(self, job: Job, form: str = "json") -> bytes:
        """What came of a job that is done, in one of `FORMS`; InputError where nothing did."""
        return self._ask("GET", f"{job['address']}/result.{form}").content

    def erase(self, job: Job) -> None:
        """End a job's work and erase what the endpoint keeps of it."""
        self._ask("DELETE", job["address"])

    def _ask(self, method: str, address: str, **what: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, address, **what)
        except httpx.HTTPError as error:
            where = self._http.base_url
            raise NoAnswerError(f"{where}: no answer ({error}); is the endpoint running?") from None
        if answer.is_success:
            return answer
        raise InputError(_refusal(answer))


def main(arguments: Sequence[str] | None = None) -> int:
    """Send, wait, save; 0 when all studies are graded, 1 when one was not, else 2."""
    options = _parser().parse_args(arguments)
    try:
        client = Client.at(options.server, os.environ.get(KEY))
        return grade(client, options.path, options.output, options.form)
    except (LumbarError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def grade(client: Client, paths: Sequence[Path], output: Path, forms: Sequence[str]) -> int:
    """Send paths, show how the jobs get on, save every result; 0 when all were graded, else 1."""
    saved = [_saved(client, job, output, forms) for job in client.send(paths)]
    return 0 if all(saved) else 1


def _saved(client: Client, job: Job, output: Path, forms: Sequence[str]) -> bool:
    """Whether a job was graded and its result saved in all forms; what was not is said."""
    try:
        ended = client.wait(job, _show)
    except InputError as error:
        print(f"{job['id']}: {error}", file=sys.stderr)
        return False
    if ended["state"] != "done":
        problem = ended.get("problem") or {}
        print(f"{job['id']}: {ended['state']}: {problem.get('detail', '')}", file=sys.stderr)
        return False
    output.mkdir(parents=True, exist_ok=True)
    said = ended.get("headline") or {"title": "graded", "lines": ()}
    print(f"{ended.get('study_id') or job['id']}: {said['title']}", *said["lines"], sep="\n  ")
    missing = 0
    for form in forms:
        path = output / f"{job['id']}.{form}"
        try:
            path.write_bytes(client.result(ended, form))
            print(f"  {path}")
        except InputError as error:
            print(f"{job['id']}.{form}: {error}", file=sys.stderr)
            missing += 1
    return not missing


def _show(job: Job) -> None:
    progress = job["progress"]
    counts = f"{progress['decoded']} of {progress['of']} pictures, {progress['graded']} graded"
    print(f"{job['state']}: {progress['stage']}, {counts}", file=sys.stderr)


class _Later(io.RawIOBase):
    """A file that is opened when it is read, and closed at its end: a study may have thousands."""

    def __init__(self, path: Path) -> None:
        self._path, self._place = path, 0
        self._size = path.stat().st_size
        self._opened: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = start + offset
        self._let_go()
        return self._place

    def read(self, size: int = -1) -> bytes:
        if self._opened is None:
            self._opened = self._path.open("rb")
            self._opened.seek(self._place)
        data = self._opened.read(size)
        self._place += len(data)
        if not data or self._place >= self._size:
            self._let_go()
        return data

    def _let_go(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _named(paths: Iterable[str | Path]) -> Iterator[tuple[str, Path]]:
    """The files of all paths with the names that they are sent under.

    Pictures of one folder are one study, so two folders that are called alike get numbers.
    """
    used: Counter[str] = Counter()
    for path in map(Path, paths):
        if path.is_dir():
            name = path.resolve().name or "folder"
            used[name] += 1
            folder = name if used[name] == 1 else f"{name} ({used[name]})"
            inside = (one for one in sorted(path.rglob("*")) if one.is_file())
            yield from ((f"{folder}/{one.relative_to(path).as_posix()}", one) for one in inside)
        elif path.is_file():
            yield path.name, path
        else:
            raise InputError(f"{path}: no such file or folder")


def _refusal(answer: httpx.Response) -> str:
    """What a problem+json says (RFC 9457), or the bare status."""
    try:
        said = answer.json()
        return f"{said['title']}: {said['detail']} ({said['hint']})"
    except (ValueError, KeyError, TypeError):
        return f"the endpoint answered {answer.status_code}"


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m lumbar.client",
        description=(__doc__ or "").splitlines()[0],
        formatter_class=RawDescriptionHelpFormatter,
        epilog=f"The key of an endpoint that asks for one is taken from {KEY}.\n"
        "exit codes: 0 all graded and saved, 1 some were not, 2 wrong arguments, or the endpoint "
        "refuses or does not answer",
    )
    grade = parser.add_subparsers(required=True, metavar="COMMAND").add_parser(
        "grade", help="send studies, wait, save the results"
    )
    grade.add_argument("path", type=Path, nargs="+", help="files, folders, zips")
    grade.add_argument("--server", default="http://127.0.0.1:8000", help="default: %(default)s")
    grade.add_argument("--output", type=Path, default=Path(), help="folder (default: this one)")
    grade.add_argument("--form", nargs="+", choices=FORMS, default=["json"], help="default: json")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
