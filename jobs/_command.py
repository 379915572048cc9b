"""How every job starts and ends: arguments, one JSON line last on stdout, an exit code.

0 done, 3 done but some rows failed (the result's `failed` > 0), 2 wrong arguments, configuration
or bundle, 1 the job failed. A job file reads:

    import sys
    from pathlib import Path

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `python jobs/x.py` from anywhere

    from jobs._command import run

    def main(arguments: argparse.Namespace) -> dict[str, object]: ...

    if __name__ == "__main__":
        run(main, parser())
"""

from __future__ import annotations

import json
import math
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from lumbar.errors import BundleError, ConfigError, LumbarError

__all__ = [
    "DONE",
    "DONE_WITH_FAILURES",
    "FAILED",
    "WRONG_USE",
    "at_least",
    "existing_path",
    "json_line",
    "run",
]

DONE, FAILED, WRONG_USE, DONE_WITH_FAILURES = 0, 1, 2, 3


def run(
    main: Callable[[Namespace], Mapping[str, Any]],
    parser: ArgumentParser,
    *,
    overrides: bool = False,
    argv: Sequence[str] | None = None,
) -> NoReturn:
    """Parse `argv` (the command line's by default), run `main`, print its result, exit.

    With `overrides`, arguments that the parser does not know (`--section.field value`) are handed
    to `main` as the list `arguments.overrides` for the recipe to judge; without, they are refused.
    `main` must have ended whatever prints by itself (Ray) when it returns: the JSON comes last.
    """
    if overrides:
        arguments, rest = parser.parse_known_args(argv)
        arguments.overrides = rest
    else:
        arguments = parser.parse_args(argv)
    sys.exit(_outcome(main, arguments, parser.prog))


def existing_path(text: str) -> Path:
    """For `add_argument(type=...)`: a file or folder that is there, or a wrong argument."""
    path = Path(text)
    if not path.exists():
        raise ArgumentTypeError(f"no such file or folder: {text}")
    return path


def at_least(least: int) -> Callable[[str], int]:
    """For `add_argument(type=...)`: a whole number, `least` or more."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"expected a whole number, {least} or more: {text}")
        return int(text)

    return number


def json_line(result: Mapping[str, Any]) -> str:
    """The result as one line of strict JSON: NaN becomes null, paths and numpy values plain."""
    return json.dumps(_plain(result), ensure_ascii=False, allow_nan=False)


def _outcome(
    main: Callable[[Namespace], Mapping[str, Any]], arguments: Namespace, name: str
) -> int:
    try:
        result = main(arguments)
    except (ConfigError, BundleError) as error:
        return _complain(name, error, WRONG_USE)
    except (LumbarError, OSError) as error:
        return _complain(name, error, FAILED)
    print(json_line(result), flush=True)
    return DONE_WITH_FAILURES if result.get("failed") else DONE


def _complain(name: str, error: Exception, code: int) -> int:
    sys.stdout.flush()
    print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
    return code


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars, without importing numpy here
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return str(Path(value))
    return value
