"""Teach a bundle which slice to grade a foramen on: labelled studies in, the bundle with a choice.

python jobs/choose.py --bundle runs/starter/bundle --input DATA --labels DATA
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import existing_path, run

EPILOG = """\
Fits, on the label points of the patients whom the bundle kept apart for its calibration, how
likely each slice is the one that a reader would mark, and writes it into the bundle as
choice.safetensors; card, self-test and the name's digest change with it. jobs/train.py does this by
itself where its recipe names data.input and has a locator; this command is for older bundles.

example:
  python jobs/choose.py --bundle runs/starter/bundle --input data/rsna_t1 --labels data/rsna_t1 \\
      --trusted
exit codes: 0 done, 3 done but some studies could not be read, 1 the job failed, 2 wrong arguments
or bundle
"""


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="choose",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("--bundle", type=existing_path, required=True, help="a bundle with a locator; is changed")
    add("--input", type=existing_path, required=True, help="root of the images, or a manifest")
    add("--labels", type=existing_path, required=True, help="folder of the challenge's train CSVs")
    add("--trusted", action="store_true", help="decode in process: faster, for files read before")
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Choose in a Ray session."""
    from lumbar.pipelines.session import ray_session

    with ray_session():
        from lumbar.pipelines.choose import choose

        return choose(
            arguments.bundle, arguments.input, arguments.labels, trusted=arguments.trusted
        )


if __name__ == "__main__":
    run(main, parser())
