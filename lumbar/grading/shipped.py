"""Where the bundle lies that ships with the package, and how one gets there. No torch here.

python -m lumbar.grading.shipped --bundle runs/starter/bundle --licence LICENCE.txt [--output DIR]

copies a bundle to where it ships from, its matrices as fp16, with the licence of its weights. With
--locator OTHER it finds its points by another bundle's locator; then run jobs/choose.py on it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from lumbar.errors import BundleError, LumbarError

__all__ = ["LICENCE", "STARTER", "main", "starter_path"]

STARTER = Path(__file__).parent / "starter"
"""Package data: a bundle's files and the licence of its weights, which is not the package's."""
LICENCE = "LICENCE.txt"


def starter_path() -> Path:
    """Folder of the bundle that ships with lumbar; BundleError where this copy has none."""
    if not (STARTER / "card.json").is_file():
        raise BundleError(
            "no bundle ships with this copy of lumbar: name one (--bundle FOLDER, or "
            "Grader.from_bundle); `make demo` trains one on phantoms in minutes"
        )
    return STARTER


def main(arguments: list[str] | None = None) -> int:
    """Write the shipped bundle and print its sizes; 0 when done, 2 where it cannot be."""
    parser = ArgumentParser(prog="python -m lumbar.grading.shipped", description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="a bundle that was trained")
    parser.add_argument("--licence", type=Path, required=True, help="text of its weights' licence")
    parser.add_argument("--locator", type=Path, help="another bundle, whose locator it then has")
    parser.add_argument("--output", type=Path, default=STARTER, help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        from lumbar.grading.bundle import Bundle
        from lumbar.grading.bundle_changes import store_as, with_locator

        text = options.licence.read_text(encoding="utf-8")
        bundle = Bundle.load(options.bundle)
        with tempfile.TemporaryDirectory() as folder:
            if options.locator is not None:
                bundle = with_locator(bundle, Bundle.load(options.locator), Path(folder) / "bundle")
            stored = store_as(bundle, options.output, "fp16")
        (options.output / LICENCE).write_text(text, encoding="utf-8")
    except (LumbarError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"bundle": stored.name, "bytes": stored.sizes(), "output": str(stored.path)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
