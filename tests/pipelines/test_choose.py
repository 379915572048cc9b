"""choose on three phantoms with a bundle that has learned nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lumbar.errors import FormatError
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.pipelines.choose import choose
from lumbar.pipelines.selftest import run_selftest

pytestmark = pytest.mark.ray


def keeping_apart(bundle: Path, folder: Path, share: float) -> Path:
    """A copy of a bundle whose training is said to have kept this share of patients apart."""
    shutil.copytree(bundle, folder)
    card = json.loads((folder / "card.json").read_text())
    card["recipe"]["data"] |= {"calibration_share": share, "held_out": 5}
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def test_a_bundle_learns_from_the_patients_it_kept_apart(
    local_ray: None, cohort: Path, bundle: Path, tmp_path: Path
) -> None:
    path = keeping_apart(bundle, tmp_path / "bundle", 0.999)
    before = Bundle.load(path)
    told = choose(path, cohort, cohort, trusted=True)
    after = Bundle.load(path)
    assert told["studies"] == 3
    assert 0 < told["foramina"] <= 30
    assert told["bundle"] == after.name != before.name
    assert before.choice() is None
    assert after.choice() is not None
    assert after.card["choice"]["foramina"] == told["foramina"]
    run_selftest(Grader(after))


def test_without_such_patients_the_bundle_stays_as_it_was(
    local_ray: None, cohort: Path, bundle: Path, tmp_path: Path
) -> None:
    path = keeping_apart(bundle, tmp_path / "bundle", 0.0)
    with pytest.raises(FormatError, match="kept apart"):
        choose(path, cohort, cohort, trusted=True)
    assert Bundle.load(path).choice() is None
