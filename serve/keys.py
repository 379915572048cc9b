"""API keys: made here, kept as digests. `python -m serve.keys NAME` prints a new one.

A key is random (256 bits), so that its plain SHA-256 is enough to keep: nothing can be guessed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sys
from pathlib import Path

from lumbar.errors import ConfigError

__all__ = ["VARIABLE", "main", "read_keys"]

VARIABLE = "LUMBAR_API_KEYS"
LINE = re.compile(r"(?P<name>[A-Za-z0-9_.-]{1,40}):(?P<digest>[0-9a-f]{64})")


def read_keys(file: Path | None) -> dict[str, str]:
    """Keys by name from a file or, without one, from LUMBAR_API_KEYS: `name:sha256`, one a line.

    Raises ConfigError for a file that others may read, a line of another form or a name twice.
    """
    text = os.environ.get(VARIABLE, "").replace(",", "\n")
    where = VARIABLE
    if file is not None:
        where = str(file)
        try:
            text = file.read_text(encoding="utf-8")
            if file.stat().st_mode & 0o077:
                raise ConfigError(f"{file}: others may read it; chmod 600 {file}")
        except OSError as error:
            raise ConfigError(f"{file}: no file of keys ({error.strerror})") from None
    keys: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = LINE.fullmatch(line.strip())
        if found is None or found["name"] in keys:
            raise ConfigError(
                f"{where}: line {number}: a line is `name:sha256`, each name once; "
                "`python -m serve.keys NAME` makes one"
            )
        keys[found["name"]] = found["digest"]
    if file is not None and not keys:
        raise ConfigError(f"{file}: holds no key; `python -m serve.keys NAME` makes one")
    return keys


def main(argv: list[str]) -> int:
    """Print a new key, which is shown only now, and its line for the file of keys."""
    if len(argv) != 1 or not LINE.fullmatch(f"{argv[0]}:{'0' * 64}"):
        print("usage: python -m serve.keys NAME  (letters, digits, . _ -)", file=sys.stderr)
        return 2
    key = secrets.token_urlsafe(32)
    print(f"key, for its user:   {key}")
    print(f"line, for the file:  {argv[0]}:{hashlib.sha256(key.encode()).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
