"""Write the manifest of a folder of studies: where each one's bytes are, and what they show.

python jobs/index.py --input DATA --output runs/manifest.parquet
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import existing_path, run

EPILOG = """\
One row a study: schema_version, study_id, uri, files, series (series_id, role, reason, slices),
set_aside (file, reason), found (what a manifest's reader needs). Headers only, and one slice of a
series that they leave open; label points and grades are never read. --input is an RSNA
root (train_images/ and/or test_images/ <study>/<series>/<n>.dcm|png, with the challenge's CSVs
where there are any), or any folder or zip archive of DICOM files however nested and named.

example:
  python jobs/index.py --input data/rsna2024 --output runs/manifest.parquet
exit codes: 0 done, 3 done but studies failed (listed), 1 the job failed, 2 wrong arguments
"""


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="index",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("--input", type=existing_path, required=True, help="root, folder or archive of studies")
    add("--output", type=Path, required=True, help="the Parquet file to write")
    add("--trusted", action="store_true", help="sound files: parse without a child process")
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Index in a Ray session."""
    from lumbar.pipelines.session import ray_session

    with ray_session():
        from lumbar.pipelines.index import index

        return index(arguments.input, arguments.output, trusted=arguments.trusted).to_json()


if __name__ == "__main__":
    run(main, parser())
