"""Write every DICOM slice of a folder or archive as an 8-bit PNG: <study>/<series>/<n>.png.

Grey values are windowed as the file says, else between the 0.5th and 99.5th percentile. Nothing
of a file but its picture is written: no names, no dates. Files that were not written are listed
with the reason in failures.csv (kind `failed`: a picture that cannot be decoded; `set_aside`: no
picture of an MRI). Exit 0 done, 3 done with failed pictures, 2 wrong arguments, 1 failed.

Example:
  python jobs/export_png.py --input data/rsna --output png
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # from anywhere

from jobs._command import existing_path, run
from lumbar.errors import FormatError
from lumbar.imaging import find_studies
from lumbar.imaging.export import Exported, export_study
from lumbar.imaging.studyfiles import StudyFiles
from lumbar.reports.result_csv import harmless

__all__ = ["main", "parser"]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="export_png.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--input",
        required=True,
        type=existing_path,
        help="RSNA root, or any folder or zip of DICOM",
    )
    made.add_argument("--output", required=True, type=Path, help="folder to write into")
    made.add_argument(
        "--trusted", action="store_true", help="sound files: decode without a child process"
    )
    return made


def main(arguments: argparse.Namespace) -> dict[str, Any]:
    """Export everything; the result's `failed` counts pictures that could not be decoded."""
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    outcomes: list[tuple[str, Exported]] = []
    for study in _found_once(str(arguments.input), trusted=arguments.trusted):
        outcome = export_study(study, output, trusted=arguments.trusted)
        outcomes.append((study.study_id, outcome))
        print(f"study {len(outcomes)}: {outcome.written} slices", file=sys.stderr, flush=True)
    _write_failures(output / "failures.csv", outcomes)
    damaged = [aside.damaged for _, outcome in outcomes for aside in outcome.set_aside]
    return {
        "studies": len(outcomes),
        "slices": sum(outcome.written for _, outcome in outcomes),
        "failed": sum(damaged),
        "set_aside": len(damaged) - sum(damaged),
        "output": output,
    }


def _found_once(source: str, *, trusted: bool) -> list[StudyFiles]:
    """The studies of a root; FormatError where two would be written to one folder."""
    studies = list(find_studies(source, trusted=trusted))
    for study_id, times in Counter(study.study_id for study in studies).items():
        if times > 1:
            raise FormatError(
                f"{source}: study {study_id} is there {times} times (in several archives?); "
                "unpack them into one folder, or export them one by one"
            )
    return studies


def _write_failures(path: Path, outcomes: Iterable[tuple[str, Exported]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("study_id", "file", "kind", "reason"))
        for study_id, outcome in outcomes:
            for aside in outcome.set_aside:
                kind = "failed" if aside.damaged else "set_aside"
                row = (study_id, aside.file, kind, aside.reason)
                table.writerow([harmless(value) for value in row])


if __name__ == "__main__":
    run(main, parser())
