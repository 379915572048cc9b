"""Grade studies: a folder of DICOM in, grades.parquet and submission.csv out.

python jobs/score.py --input DATA --output runs/scored [--bundle runs/demo/bundle]
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from jobs._command import at_least, existing_path, run

EPILOG = """\
Writes into --output
  grades.parquet    25 rows a study: severity, calibrated probabilities, status and reason,
                    evidence; in its metadata (`unsided`) the grades of lone slices without a row
  submission.csv    the challenge's form: p x (1, 2, 4) normalised, the prior where not assessed
  failures.parquet  study_id, file, reason of what could not be read; such a study has no rows
  _SUCCESS.json     last: counts, the bundle's name, where the time went
A file that makes a decoder abort, hang or take all memory ends a child process and is listed. With
--trusted, files are decoded without that child: faster, for archives that were read before.
Label points and grades beside the images are never read. A run that was killed goes on when it is
started again with the same --input, --bundle, --output, --basis and --precision. The folder of
another run is refused, with what differs: the bundle, lumbar's version or its code, or the studies
(names of files, their sizes, a sample of each one's bytes, what tables say of them). Data may be
moved and copied meanwhile: paths and times of files do not count.
--input may also be a manifest that jobs/index.py wrote.

examples:
  python jobs/score.py --input data/rsna2024 --output runs/scored
  python jobs/score.py --input archive.zip --bundle B --output out --basis real --actors 2
exit codes: 0 done, 3 done with rows in failures.parquet, 1 the job failed, 2 wrong arguments,
bundle or output folder. A finding not assessed or a view that is absent is no failure.
"""


def parser() -> ArgumentParser:
    """What the command line takes."""
    arguments = ArgumentParser(
        prog="score",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = arguments.add_argument
    add("--input", type=existing_path, required=True, help="root, folder, archive or manifest")
    add("--bundle", type=existing_path, help="a bundle's folder (default: the one that ships)")
    add("--output", type=Path, required=True, help="new folder, or one of the same run")
    add(
        "--basis",
        choices=["real"],
        help="real: findings whose model was never tested on patients stay not_assessed",
    )
    add("--actors", type=at_least(0), default=0, help="grading processes (default: as many as fit)")
    add(
        "--threads",
        type=at_least(1),
        default=1,
        help="threads of each on a CPU (default %(default)s)",
    )
    add("--gpu", action="store_true", help="one GPU an actor")
    add(
        "--engine",
        choices=["auto", "onnxruntime", "openvino", "torch"],
        default="auto",
        help="what computes on a CPU; auto: the first of them that works here (%(default)s)",
    )
    add(
        "--precision",
        choices=["auto", "fp32", "bf16"],
        default="auto",
        help="auto: bf16 on a GPU that has it, fp32 elsewhere; bf16 moves probabilities a little",
    )
    add("--trusted", action="store_true", help="sound files: decode without a child process")
    return arguments


def main(arguments: Namespace) -> dict[str, Any]:
    """Score in a Ray session."""
    from lumbar.domain import Basis
    from lumbar.grading.bundle import Bundle
    from lumbar.grading.shipped import starter_path
    from lumbar.pipelines.session import ray_session

    bundle = arguments.bundle or starter_path()
    Bundle.load(bundle).check()  # a wrong bundle is refused before Ray starts
    with ray_session():
        from lumbar.pipelines.score import ScorePlan, score

        plan = ScorePlan(
            bundle=bundle.absolute(),
            output=arguments.output.absolute(),
            basis=Basis(arguments.basis) if arguments.basis else None,
            actors=arguments.actors,
            threads=arguments.threads,
            gpu=arguments.gpu,
            trusted=arguments.trusted,
            engine=arguments.engine,
            precision=arguments.precision,
        )
        return score(arguments.input, plan)


if __name__ == "__main__":
    run(main, parser())
