"""A run's report: one HTML file that needs no other and asks for none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lumbar.reports.curves import learning_curves
from lumbar.reports.examples import Example, Mark, example_figure
from lumbar.reports.figures import confusion_matrices, headline, measures_tables, spine_grid
from lumbar.reports.style import CSS
from lumbar.reports.tables import READERS_LINE

__all__ = ["PHANTOM_LIMITS", "Example", "Mark", "write_report"]

PHANTOM_LIMITS = (
    "Measured on phantoms: says nothing about patients. "
    "For research use only, not a medical device."
)


def write_report(
    path: Path,
    *,
    title: str,
    metrics: Mapping[str, Any],
    history: Iterable[Mapping[str, Any]] = (),
    examples: Sequence[Example] = (),
    notes: Sequence[str] = (),
    limits: str = PHANTOM_LIMITS,
) -> None:
    """Write the report of one run as a single self-contained file.

    `metrics` is what `pipelines.evaluate.evaluate` gives, with `score_prior`,
    `balanced_accuracy_baseline` and `balanced_accuracy_oracle` where there are any; `history` the
    records of `history.jsonl`; `notes` lines of plain text for the foot; `limits` what the figures
    do not say.
    """
    sections = [
        headline(metrics),
        _section("Where in the spine", "", _anatomy(metrics)),
        _curves(list(history)),
        _section(
            "What was confused with what",
            "A row is what the readers said, a column what was graded; shades are shares of a row.",
            confusion_matrices(metrics),
        ),
        _examples(examples),
        _section(
            "All measures",
            "An accuracy means something only beside the majority's: that of always giving the "
            "commonest grade of the same cells.",
            measures_tables(metrics),
        ),
    ]
    page = _page(title, _header(title, metrics, limits), "".join(sections), _footer(metrics, notes))
    _write(Path(path), page)


def _page(title: str, header: str, main: str, footer: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body>{header}"
        f'<main class="wide">{main}</main>{footer}</body></html>\n'
    )


def _header(title: str, metrics: Mapping[str, Any], limits: str) -> str:
    coverage = f"{metrics['coverage']:.1%}" if metrics["coverage"] is not None else "none"
    return (
        f'<header><div class="wide"><h1>{escape(title)}</h1>'
        f'<p class="sum"><b>{metrics["n_studies"]}</b> studies with <b>{metrics["labelled"]}</b> '
        f"labelled findings; <b>{coverage}</b> of them were graded, the rest is in no figure but "
        f'this one. Grades by the {metrics["rule"]} rule.</p><p class="limits"><b>Limits.</b> '
        f"{escape(limits)}</p></div></header>"
    )


def _section(title: str, lead: str, body: str, name: str = "") -> str:
    lead = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    return f'<section class="{name}"><h2>{escape(title)}</h2>{lead}{body}</section>'


def _anatomy(metrics: Mapping[str, Any]) -> str:
    return (
        f'<div class="anatomy">{spine_grid(metrics)}<div><p class="lead">Balanced accuracy of each '
        "of the 25 findings, laid out as on the film: the patient's right on your left. A place "
        "with few narrow findings swings by chance; one where all were read alike has none.</p>"
        '<p class="scale">chance .33 <i></i> 1.00</p></div></div>'
    )


def _curves(history: list[Mapping[str, Any]]) -> str:
    if not history:
        return ""
    body = f'<div class="curves">{learning_curves(history)}</div>'
    return _section("How it learned", "Validation is on patients that are not trained on.", body)


def _examples(examples: Sequence[Example]) -> str:
    if not examples:
        return ""
    legend = (
        '<ul class="legend"><li><i class="chip mild"></i>Normal/Mild</li><li><i class="chip '
        'moderate"></i>Moderate</li><li><i class="chip severe"></i>Severe</li>'
        "<li>disc: our grade, ring: the readers'</li></ul>"
    )
    figures = "".join(example_figure(example) for example in examples)
    body = f'{legend}<div class="examples">{figures}</div>'
    return _section("Seen on the slices", "", body)


def _footer(metrics: Mapping[str, Any], notes: Sequence[str]) -> str:
    lines = [READERS_LINE, *metrics["warnings"], *notes]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<footer><div class="wide"><ul>{items}</ul></div></footer>'


def _write(path: Path, page: str) -> None:
    """Written beside and renamed, so that a reader never meets half a page."""
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(page, encoding="utf-8")
    os.replace(partial, path)
