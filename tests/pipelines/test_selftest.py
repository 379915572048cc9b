"""A bundle that this release would answer otherwise than the one that wrote it is not served."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from lumbar.grading.bundle import Bundle
from lumbar.grading.shipped import STARTER
from lumbar.pipelines.selftest import main

pytestmark = pytest.mark.skipif(
    not (STARTER / "card.json").is_file(), reason="this copy ships no bundle"
)


def test_the_shipped_bundle_passes_its_selftest(capsys: pytest.CaptureFixture[str]) -> None:
    """Where this fails after a change of grades that is meant: `--renew`, and commit the file."""
    assert main([]) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["largest_difference"] <= 0.02


def test_a_bundle_that_answers_otherwise_fails_until_it_is_renewed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(STARTER, bundle)
    name = Bundle.load(bundle).name
    config = json.loads((bundle / "config.json").read_text())
    config["temperatures"]["canal"] = 5.0
    seal(bundle, "config.json", config)
    assert main([str(bundle)]) == 1
    assert "does not fit this release" in capsys.readouterr().err
    assert main([str(bundle), "--renew"]) == 0
    assert Bundle.load(bundle).name != name  # another configuration is another bundle


def seal(bundle: Path, name: str, content: object) -> None:
    """Write a file and its digest in the card."""
    text = json.dumps(content)
    (bundle / name).write_text(text)
    card = json.loads((bundle / "card.json").read_text())
    card["sha256"][name] = hashlib.sha256(text.encode()).hexdigest()
    (bundle / "card.json").write_text(json.dumps(card))
