"""What becomes of strange and damaged files: a table of outcomes a transfer syntax.

python -m benchmarks.corpus [--mutants 3000] [--seed 0]

First every file that ships with pydicom (highdicom ships none), each of them decoded or refused
with an InputError; then seeded mutants of small pictures in every transfer syntax, single- and
multi-frame. All of it runs in the killable child process that uploads are decoded in. Prints one
line a syntax: decoded, refused, files at which a child was lost (its decoder aborted, hung or ran
out of memory), exceptions outside InputError's tree, the longest time and the most memory.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit

from benchmarks.outcomes import Outcome, outcomes, print_table
from lumbar.errors import InputError
from lumbar.imaging import attributes
from lumbar.imaging.dicomfile import read_dataset
from lumbar.phantom.damage import mutants
from lumbar.phantom.syntaxes import SYNTAXES, file_bytes, transcoded

__all__ = ["corpus_files", "mutant_files", "run_corpus", "run_mutants", "syntax_of"]

NOT_SAID = "not said, or no DICOM"


def corpus_files() -> Iterator[tuple[str, bytes]]:
    """Every file that ships with pydicom for its tests, and with highdicom if it had any."""
    for package in ("pydicom.data", "highdicom"):
        root = Path(str(files(package)))
        wanted = "*" if package == "pydicom.data" else "*.dcm"
        for path in sorted(root.rglob(wanted)):
            if path.is_file() and path.suffix not in (".py", ".pyc", ".json"):
                yield path.relative_to(root).as_posix(), path.read_bytes()


def syntax_of(data: bytes) -> str:
    """Name of a file's transfer syntax."""
    try:
        meta = read_dataset(data, pixels=False).file_meta
    except InputError:
        return NOT_SAID
    syntax = attributes.text(meta, "TransferSyntaxUID")
    return UID(syntax).name if syntax else NOT_SAID


def mutant_files(count: int, seed: int = 0) -> Iterator[tuple[str, str, bytes]]:
    """(syntax, name, bytes): some `count` damaged files, alike in number a syntax.

    Of each syntax a plain slice of 12 bits (8 of JPEG baseline), a signed one where the syntax
    keeps signs, and an Enhanced MR file of three frames are damaged in turn.
    """
    for syntax in SYNTAXES:
        whole = [file_bytes(transcoded(dataset, syntax)) for dataset in _pictures(syntax)]
        each = -(-count // len(SYNTAXES) // len(whole))
        for number, data in enumerate(whole):
            for n, broken in enumerate(mutants(data, each, seed)):
                yield syntax.name, f"{syntax.keyword}.{number}.{n}.dcm", broken


def _pictures(syntax: UID) -> Iterator[Dataset]:
    row, column = np.mgrid[:64, :80]
    noise = np.random.default_rng(0).normal(0, 20, row.shape)
    smooth = (1500 + 900 * np.sin(column / 9) * np.cos(row / 7) + noise).clip(0, 4095)
    depth = np.uint8 if syntax == JPEGBaseline8Bit else np.uint16
    stored = (smooth / (16 if depth is np.uint8 else 1)).astype(depth)
    yield _dataset(stored[None])
    yield _dataset(np.stack([stored, stored[::-1], stored[:, ::-1]]))
    if depth is np.uint16:
        yield _dataset((smooth - 1500).astype(np.int16)[None])


def _dataset(frames: np.ndarray) -> Dataset:
    """An MR data set of `[frames, rows, columns]`, Enhanced where there are several."""
    made = Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.4.1")
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = UID("1.2.3.4.5")
    made.StudyInstanceUID, made.SeriesInstanceUID = UID("1.2.3"), UID("1.2.3.4")
    made.Modality, made.SeriesDescription, made.InstanceNumber = "MR", "T2", 1
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    _, made.Rows, made.Columns = frames.shape
    made.BitsAllocated = 8 * frames.itemsize
    made.BitsStored = min(made.BitsAllocated, 12)
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(frames.dtype.kind == "i")
    made.RescaleSlope, made.RescaleIntercept = 1, 0
    if len(frames) == 1:
        _place(made, made, made, 0)
    else:
        made.NumberOfFrames = len(frames)
        made.PerFrameFunctionalGroupsSequence = Sequence([_groups(n) for n in range(len(frames))])
    made.PixelData = frames.tobytes()
    made["PixelData"].VR = "OW"
    return made


def _groups(frame: int) -> Dataset:
    position, orientation, measures, item = Dataset(), Dataset(), Dataset(), Dataset()
    _place(position, orientation, measures, frame)
    item.PlanePositionSequence = Sequence([position])
    item.PlaneOrientationSequence = Sequence([orientation])
    item.PixelMeasuresSequence = Sequence([measures])
    return item


def _place(position: Dataset, orientation: Dataset, measures: Dataset, frame: int) -> None:
    position.ImagePositionPatient = [4 * frame, 0, 0]
    orientation.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    measures.PixelSpacing = [0.5, 0.5]


def run_corpus() -> dict[str, list[Outcome]]:
    """Outcomes of the corpus by transfer syntax."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    corpus = list(corpus_files())
    for (_, data), outcome in zip(corpus, outcomes(corpus), strict=True):
        found[syntax_of(data)].append(outcome)
    return dict(sorted(found.items()))


def run_mutants(count: int, seed: int = 0) -> dict[str, list[Outcome]]:
    """Outcomes of mutants by transfer syntax."""
    files_of: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
    for syntax, name, data in mutant_files(count, seed):
        files_of[syntax].append((name, data))
    return {syntax: outcomes(named) for syntax, named in files_of.items()}


def main() -> None:
    """Both tables, and every file that was lost or escaped by name."""
    parser = ArgumentParser(description="Outcomes of strange and damaged files, a table.")
    parser.add_argument("--mutants", type=int, default=3000, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for title, found in (
        ("Files that ship with pydicom", run_corpus()),
        (f"Mutants, seed {chosen.seed}", run_mutants(chosen.mutants, chosen.seed)),
    ):
        print_table(title, found)
        for rows in found.values():
            for outcome in rows:
                if outcome.kind in ("lost", "escaped"):
                    print(f"{outcome.kind}: {outcome.reason}")


if __name__ == "__main__":
    main()
