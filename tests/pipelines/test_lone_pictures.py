"""What score makes of single pictures: grades beside the rows, and refusals as failures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bundles import smallest_recipe, untrained

from lumbar.domain import View
from lumbar.grading.bundle import write_bundle
from lumbar.imaging import to_uint8
from lumbar.imaging.png import encode_png
from lumbar.phantom import make_study
from lumbar.phantom.unlike import KINDS
from lumbar.pipelines.manifest import list_studies
from lumbar.pipelines.parts import Parts, Scored
from lumbar.pipelines.score import ScorePlan, Scorer


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scored]:
    """A lone sagittal T1 slice and a chart, each a PNG in a folder of its own, by folder."""
    folder = tmp_path_factory.mktemp("lone")
    write_bundle(folder / "bundle", smallest_recipe(), untrained(), {})
    series = make_study(7, 0).of_view(View.SAGITTAL_T1)[0]
    pictures = {
        "slice/a.png": to_uint8(series.slices[3].pixels.astype(np.float32)),
        "chart/b.png": KINDS["chart"](np.random.default_rng(0), 200, 240).astype(np.uint8),
    }
    for name, pixels in pictures.items():
        path = folder / "root" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(encode_png(pixels))
    scorer = Scorer(ScorePlan(folder / "bundle", folder / "out", trusted=True))
    studies = list_studies(folder / "root", trusted=True)
    return {study.study_id: scorer(study) for study in studies}


def test_a_lone_slice_has_25_rows_without_a_grade_and_its_grades_beside_them(
    scored: dict[str, Scored],
) -> None:
    grades = scored["slice"].grades
    assert grades is not None
    assert grades["status"].to_pylist() == ["not_assessed"] * 25
    assert [(row["condition"], row["side"]) for row in scored["slice"].unsided] == [
        ("neural_foraminal_narrowing", None)
    ] * 5


def test_a_picture_that_is_no_lumbar_mr_is_a_failure(scored: dict[str, Scored]) -> None:
    assert scored["chart"].grades is None
    (failure,) = scored["chart"].failures
    assert "not recognised as a lumbar MR slice" in failure.reason


def test_what_a_run_has_so_far_keeps_the_grades_beside_the_rows(
    scored: dict[str, Scored], tmp_path: Path
) -> None:
    with Parts(tmp_path) as parts:
        for one in scored.values():
            parts.add(one)
    kept = {one.study_id: one for one in Parts(tmp_path).read()}
    assert kept["slice"].unsided == scored["slice"].unsided
    assert kept["chart"].unsided == ()
