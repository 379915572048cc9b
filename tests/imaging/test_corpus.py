"""Strange and damaged files: decoded or refused, never a crash, a hang or another exception."""

from __future__ import annotations

import warnings
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.pixels.decoders.base import get_decoder

from benchmarks.corpus import corpus_files, run_corpus, run_mutants
from benchmarks.outcomes import Outcome, outcomes, print_table
from lumbar.errors import InputError
from lumbar.imaging.dicomfile import read_dataset
from lumbar.imaging.pixelformat import pixel_format
from lumbar.imaging.stored import stored_values
from lumbar.phantom.syntaxes import LOSSLESS

MOST_SECONDS = 10
"""Half of what a whole call of a child may take."""
MOST_MIB = 1024
"""Of a child: what it starts with, and a hundred times the largest of these files."""


def check(found: dict[str, list[Outcome]]) -> None:
    """Every file decoded or refused in its time, within its memory."""
    everything = [outcome for rows in found.values() for outcome in rows]
    wrong = [o for o in everything if o.kind not in ("decoded", "refused")]
    assert not wrong, wrong[:3]
    assert max(outcome.seconds for outcome in everything) < MOST_SECONDS
    assert max(outcome.peak_mib for outcome in everything) < MOST_MIB


def test_every_file_that_ships_with_pydicom_is_decoded_or_refused() -> None:
    found = run_corpus()
    print_table("Files that ship with pydicom", found)
    check(found)
    decoded = {
        o.name.rsplit("/")[-1] for rows in found.values() for o in rows if o.kind == "decoded"
    }
    assert decoded >= {
        "MR_small.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
        "examples_overlay.dcm",
    }


def test_highdicom_ships_no_file_that_could_be_tried() -> None:
    assert not list(Path(highdicom.__file__).parent.rglob("*.dcm"))


@pytest.mark.filterwarnings("ignore")
def test_stored_values_of_the_corpus_are_those_of_pydicom_to_the_bit() -> None:
    compared = dict.fromkeys(LOSSLESS, 0)
    for name, data in corpus_files():
        theirs = frames_by_pydicom(data)
        ours = frames_of(name, data)
        if theirs is None or ours is None:
            continue
        syntax, frames = theirs
        assert len(ours) == len(frames), name
        for mine, yours in zip(ours, frames, strict=True):
            if syntax in LOSSLESS:
                assert np.array_equal(mine, yours), name
            else:
                assert np.abs(mine.astype(np.int64) - yours.astype(np.int64)).max() <= 1, name
        if syntax in LOSSLESS:
            compared[syntax] += 1
    assert sum(compared.values()) > 60
    assert sum(count > 0 for count in compared.values()) >= 7


def frames_of(name: str, data: bytes) -> list[np.ndarray] | None:
    """Stored values of each frame of a picture of any kind, None where it is refused."""
    try:
        dataset = read_dataset(data, name)
        promised = pixel_format(dataset, name)
        return [stored_values(dataset, promised, n)[0] for n in range(promised.frames)]
    except InputError:
        return None


def frames_by_pydicom(data: bytes) -> tuple[str, list[np.ndarray]] | None:
    """Transfer syntax and stored values by pydicom, None where it reads none."""
    from io import BytesIO

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(BytesIO(data))
            syntax = dataset.file_meta.TransferSyntaxUID
            return syntax, [a for a, _ in get_decoder(syntax).iter_array(dataset, raw=True)]
    except Exception:
        return None


def test_some_hundred_damaged_files_of_every_syntax_are_decoded_or_refused() -> None:
    found = run_mutants(320)
    print_table("Mutants, seed 0", found)
    check(found)
    assert len(found) == 16
    assert all(any(o.kind == "refused" for o in rows) for rows in found.values())
    assert sum(o.kind == "decoded" for rows in found.values() for o in rows) > 50


@pytest.mark.nightly
def test_three_thousand_damaged_files_are_decoded_or_refused() -> None:
    found = run_mutants(3000, seed=1)
    print_table("Mutants, seed 1", found)
    check(found)


def test_an_exception_outside_the_tree_would_be_told() -> None:
    from benchmarks.outcomes import _outcome

    assert _outcome(None, "a.dcm", None).kind == "escaped"  # type: ignore[arg-type]
    assert outcomes([("a.dcm", b"")])[0].kind == "refused"
