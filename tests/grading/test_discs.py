"""The locator against discs of masks: distances in halves of a disc's height, and names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.discs import Found, judge, report, slices
from lumbar.domain import Level
from lumbar.errors import ConfigError
from lumbar.grading.bundle import Bundle
from lumbar.grading.grader import Grader
from lumbar.grading.landmarks import Landmarks
from lumbar.imaging.study import Study
from lumbar.pipelines.masks import CANAL, DISC, VERTEBRA


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One slice of noise whose mask has five discs of 15 px, and one whose mask has none."""
    mask = np.zeros((640, 640), np.uint8)
    mask[20:600, 330:360] = CANAL
    for number in range(5):
        top = 100 + 80 * number
        mask[top : top + 60, 230:310] = VERTEBRA
        mask[top + 60 : top + 75, 230:310] = DISC
    noise = np.random.default_rng(0).integers(0, 255, (640, 640)).astype(np.uint8)
    for name, drawn in (("1_t2", mask), ("2_t2", np.zeros_like(mask))):
        for kind, pixels in (("images", noise), ("masks", drawn)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / kind / f"{name}.png")
    return tmp_path


def test_only_slices_with_five_discs_are_judged(folder: Path) -> None:
    (shown,) = slices(folder)
    assert shown[0].name == "1_t2.png"
    assert [disc.level for disc in shown[1]] == list(Level)


def test_a_folder_without_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no images/ and masks/"):
        list(slices(tmp_path))


def test_each_level_is_judged_once_found_or_not(folder: Path, bundle: Bundle) -> None:
    (path, discs), *_ = slices(folder)
    found, _ = judge(Grader(bundle), path, discs)
    assert [one.level for one in found] == list(Level)


def test_shares_are_of_all_levels_found_or_not() -> None:
    near = Found(Level.L1_L2, 0.2, 0.5, Level.L1_L2)
    far = Found(Level.L2_L3, 1.5, 3.0, Level.L1_L2)
    lost = Found(Level.L3_L4, None, None, None)
    told = report([[near, far, lost, near]], [True]).splitlines()
    assert told[0] == "1 slices, 4 levels, 3 found; numbering certain on 1"
    assert told[1].endswith("2 (0.500)")
    assert told[2].endswith("2 (0.500)")
    assert told[3].endswith("2 (0.500)")
    assert told[4] == "nearest to another level's disc: 1, of these with certain numbering: 1"


@pytest.mark.parametrize(("end", "rows"), [(None, 640), ("foot", 447), ("head", 433)])
def test_a_picture_is_cut_between_two_discs(
    folder: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, end: str | None, rows: int
) -> None:
    (path, discs), *_ = slices(folder)
    grader, seen = Grader(bundle), list[int]()
    locate = grader.locate

    def watched(study: Study) -> Landmarks:
        seen.append(study.series[0].instances[0].shape[0])
        return locate(study)

    monkeypatch.setattr(grader, "locate", watched)
    judge(grader, path, discs, end)
    assert seen == [rows]
