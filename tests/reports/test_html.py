"""The report: one file that asks for no other, with every figure beside what it is measured by."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from lumbar.domain import CELLS, Cell, Severity
from lumbar.errors import FormatError
from lumbar.pipelines.evaluate import evaluate
from lumbar.reports.curves import Line, line_chart, read_history
from lumbar.reports.html import Example, Mark, write_report
from lumbar.reports.predictions import Predictions

HISTORY = [
    {"model": "locator", "epoch": 1, "train_loss": 2.5, "validation_loss": 2.25},
    {"model": "locator", "epoch": 2, "train_loss": 1.5, "validation_loss": 1.75},
    {"model": "grader", "epoch": 1, "train_loss": 1.1, "validation_loss": 1.0, "accuracy": 0.71},
]


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    generator = np.random.default_rng(4)
    truth: dict[str, dict[Cell, Severity | None]] = {
        str(study): {cell: Severity(int(generator.choice(3, p=[0.7, 0.2, 0.1]))) for cell in CELLS}
        for study in range(12)
    }
    weighted = generator.dirichlet([2, 1, 1], size=(12, 25))
    weighted[0, 3] = np.nan
    predictions = Predictions(tuple(truth), weighted)
    figures = evaluate(predictions, truth, prior=np.full((25, 3), 1 / 3))
    return figures | {"balanced_accuracy_baseline": 0.4567}


@pytest.fixture
def example() -> Example:
    image = np.random.default_rng(0).random((60, 40)).astype(np.float32)
    marks = [
        Mark(9.0, 20.0, "L3/L4", Severity.SEVERE, Severity.MODERATE),
        Mark(30.0, 20.5, "L4/L5 R", None, None),
    ]
    return Example(image, marks, "Sagittal T1 <phantom>")


@pytest.fixture
def page(metrics: dict[str, Any], example: Example, tmp_path: Path) -> str:
    write_report(
        tmp_path / "report.html",
        title="Demo & more",
        metrics=metrics,
        history=HISTORY,
        examples=[example],
        notes=["two cores"],
    )
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_asks_for_nothing_from_outside(page: str) -> None:
    assert not re.search(r"https?://|@import|<script|<link", page)
    assert set(re.findall(r'(?:src|href)="([^"]{0,22})', page)) == {"data:image/png;base64,"}


def test_it_forbids_itself_to_ask(page: str) -> None:
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page


def test_every_accuracy_has_its_majority(page: str, metrics: dict[str, Any]) -> None:
    assert f"majority <b>{metrics['majority']:.3f}</b>" in page
    for part in metrics["families"].values():
        assert f"accuracy <b>{part['accuracy']:.3f}</b>, majority <b>{part['majority']:.3f}" in page


def test_the_score_stands_beside_the_prior_and_the_grades_beside_the_baseline(page: str) -> None:
    assert "weighted prior <b>1.0" in page
    assert "baseline <b>0.457</b>" in page
    assert "oracle <b>" not in page  # none was given


def test_it_says_what_the_figures_do_not_say(page: str) -> None:
    assert "says nothing about patients" in page
    assert "not a medical device" in page
    assert "Readers agree with each other only at kappa" in page


def test_words_from_outside_are_escaped(page: str) -> None:
    assert "Demo &amp; more" in page
    assert "Sagittal T1 &lt;phantom&gt;" in page


def test_a_mark_tells_both_grades_and_lies_where_it_was_found(page: str) -> None:
    assert "<b>Moderate</b><em>read Severe</em>" in page
    assert "<b>not assessed</b><em>no reading</em>" in page
    figure = re.search(r'<div class="film">(<svg.*?</svg>)', page)
    assert figure is not None
    ring = ElementTree.fromstring(figure[1]).find("g/circle")
    assert ring is not None
    assert ring.get("class") == "ring severe"
    # 40 x 60 pixels shown 299 x 448: the centre of pixel (9, 20) is at (9.5, 20.5) of that grid.
    place = (float(ring.get("cx", "")), float(ring.get("cy", "")))
    assert place == pytest.approx((9.5 * 299 / 40, 20.5 * 448 / 60), abs=0.1)


def test_every_drawing_is_well_formed(page: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page)
    assert len(drawings) == 5 + 3 + 1  # discs of the spine, curves, one slice
    for drawing in drawings:
        ElementTree.fromstring(drawing)


def test_what_was_not_measured_is_left_out(metrics: dict[str, Any], tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", title="Bare", metrics=metrics)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "How it learned" not in page
    assert "Seen on the slices" not in page


def test_terms_without_labels_leave_a_page_all_the_same(tmp_path: Path) -> None:
    labels: dict[str, dict[Cell, Severity | None]] = {"1": dict.fromkeys(CELLS)}
    labels["1"][CELLS[7]] = Severity.NORMAL_MILD
    with_one = evaluate(Predictions(("1",), np.full((1, 25, 3), 1 / 3)), labels)
    write_report(tmp_path / "report.html", title="One cell", metrics=with_one)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no labelled row for canal" in page
    assert page.count('<td class="empty"><b>-</b><small>1 read alike</small></td>') == 1
    assert page.count('<td class="empty">-</td>') == 24


def test_a_curve_goes_down_when_the_loss_does() -> None:
    drawing = ElementTree.fromstring(line_chart("loss", [Line("a", ((1, 2.0), (2, 1.0)), "a")]))
    line = drawing.find("polyline")
    assert line is not None
    (x1, y1), (x2, y2) = (map(float, p.split(",")) for p in line.get("points", "").split())
    assert x1 < x2
    assert y1 < y2  # SVG's y runs down


@pytest.mark.parametrize("values", [(0.5,), (0.5, 0.5), (0.0, 0.0), (1e-7, 3e3), (-2.0, -1.5)])
def test_any_figures_can_be_drawn(values: tuple[float, ...]) -> None:
    points = tuple((float(epoch), value) for epoch, value in enumerate(values, start=1))
    drawing = line_chart("loss", [Line("a", points, "a")])
    (curve,) = re.findall(r'<polyline[^>]* points="([^"]+)"', drawing)
    places = [tuple(map(float, place.split(","))) for place in curve.split()]
    assert len(places) == len(values)
    assert all(0 <= x <= 300 and 0 <= y <= 190 for x, y in places)


def test_a_history_is_read_and_a_broken_line_named(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"model": "grader", "epoch": 1}\n')
    assert read_history(path) == [{"model": "grader", "epoch": 1}]
    path.write_text('{"model": "grader", "epoch": 1}\n{"model":\n')
    with pytest.raises(FormatError, match=r"history\.jsonl, line 2: not JSON"):
        read_history(path)
