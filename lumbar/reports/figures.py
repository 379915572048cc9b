"""What the report shows of its figures: tracks with their references, the spine, matrices, tables.

Everything is plain HTML that the page's CSS draws; a figure that was not measured is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from lumbar.domain import Cell, Condition, Family, Level, Severity
from lumbar.reports.tables import figure, title_of

__all__ = [
    "FILM_ORDER",
    "confusion_matrices",
    "disc_picture",
    "headline",
    "measures_tables",
    "short_name",
    "spine_grid",
]

Metrics = Mapping[str, Any]
Reference = tuple[str, float | None]

FILM_ORDER = (
    Condition.RIGHT_NEURAL_FORAMINAL_NARROWING,
    Condition.RIGHT_SUBARTICULAR_STENOSIS,
    Condition.SPINAL_CANAL_STENOSIS,
    Condition.LEFT_SUBARTICULAR_STENOSIS,
    Condition.LEFT_NEURAL_FORAMINAL_NARROWING,
)
"""As on an axial picture seen from the feet: the patient's right on the viewer's left."""

_GRADE_COLUMNS = (
    *("n", "accuracy", "majority", "balanced_accuracy", "kappa", "severe_recall", "coverage"),
)
_COUNT_COLUMNS = (
    *("tp", "tn", "fp", "fn", "accuracy", "majority", "precision", "recall", "specificity", "f1"),
)


def headline(metrics: Metrics) -> str:
    """Four tiles: the score, balanced accuracy, accuracy and agreement, each on a track."""
    score, prior = metrics["score"], metrics.get("score_prior")
    tiles = [
        _tile(
            *("Challenge score", "weighted log loss, lower is better", score),
            [("weighted prior", prior), ("uniform guess", 1.0986)],
            top=max(1.2, score or 0),
        ),
        _tile(
            *("Balanced accuracy", f"{metrics['rule']} rule, all cells"),
            metrics["balanced_accuracy"],
            [
                ("chance", 1 / 3),
                ("baseline", metrics.get("balanced_accuracy_baseline")),
                ("oracle", metrics.get("balanced_accuracy_oracle")),
            ],
        ),
        _tile(
            *("Accuracy", "three grades, all cells", metrics["accuracy"]),
            [("majority", metrics["majority"])],
        ),
        _kappa_tile(metrics),
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def spine_grid(metrics: Metrics) -> str:
    """The 25 cells where they lie in the body, shaded by balanced accuracy."""
    head = "".join(f"<th scope='col'>{short_name(condition)}</th>" for condition in FILM_ORDER)
    rows = "".join(
        f"<tr><th scope='row'>{disc_picture(level)}<span>{level.words}</span></th>"
        + "".join(_cell(metrics["cells"][Cell(c, level).column]) for c in FILM_ORDER)
        + "</tr>"
        for level in Level
    )
    return (
        f'<table class="spine"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def confusion_matrices(metrics: Metrics) -> str:
    """A matrix a family: a row is the readers' grade, a column ours, shaded by the row's share."""
    return (
        '<div class="matrices">'
        + "".join(_matrix(title_of(name), part) for name, part in metrics["families"].items())
        + "</div>"
    )


def measures_tables(metrics: Metrics) -> str:
    """Grades, then degeneration, by family, condition and level; the whole first."""
    parts = [("All cells", metrics, "whole")]
    for block in ("families", "conditions", "levels"):
        parts += [
            (title_of(name), part, "first" if number == 0 else "")
            for number, (name, part) in enumerate(metrics[block].items())
        ]
    grades = [
        (title, [part[name] for name in _GRADE_COLUMNS], style) for title, part, style in parts
    ]
    counts = [
        (title, [part["degeneration"][name] for name in _COUNT_COLUMNS], style)
        for title, part, style in parts
    ]
    study = [metrics["study"][name] for name in _COUNT_COLUMNS]
    counts.append(("A study (any such finding)", study, "first"))
    return _table(f"Three grades, {metrics['rule']} rule", _GRADE_COLUMNS, grades) + _table(
        "Degeneration: Moderate or Severe against Normal/Mild", _COUNT_COLUMNS, counts
    )


def _tile(
    title: str, words: str, value: float | None, references: Sequence[Reference], top: float = 1.0
) -> str:
    known = [(name, reference) for name, reference in references if reference is not None]
    return (
        f'<section class="tile"><h3>{escape(title)}</h3><p class="big">{figure(value)}</p>'
        f"<p class='words'>{escape(words)}</p>{_track(value, known, top)}</section>"
    )


def _kappa_tile(metrics: Metrics) -> str:
    tracks = "".join(
        f'<p class="row"><span>{title_of(name)} <b>{figure(part["kappa"])}</b></span>'
        f"<span>readers <b>{metrics['reader_kappa'][name]:.2f}</b></span></p>"
        + _bar(part["kappa"], [metrics["reader_kappa"][name]], 1.0)
        for name, part in metrics["families"].items()
    )
    return (
        '<section class="tile kappas"><h3>Agreement</h3>'
        f"<p class='words'>kappa with the readers, theirs beside it</p>{tracks}</section>"
    )


def _track(value: float | None, references: Sequence[tuple[str, float]], top: float) -> str:
    """A bar to our value and a tick at each reference, which is named beneath."""
    key = "".join(
        f'<span class="t{number}">{escape(name)} <b>{figure(reference)}</b></span>'
        for number, (name, reference) in enumerate(references)
    )
    bar = _bar(value, [reference for _, reference in references], top)
    return f'{bar}<p class="refs">{key}</p>'


def _bar(value: float | None, references: Sequence[float], top: float) -> str:
    fill = f'<i class="fill" style="width:{_percent(value, top)}"></i>' if value else ""
    ticks = "".join(
        f'<i class="tick t{number}" style="left:{_percent(reference, top)}"></i>'
        for number, reference in enumerate(references)
    )
    return f'<div class="track">{fill}{ticks}</div>'


def _percent(value: float | None, top: float) -> str:
    return f"{100 * min(max((value or 0.0) / top, 0.0), 1.0):.1f}%"


def short_name(condition: Condition) -> str:
    """A condition as a column's head, e.g. `Left recess`."""
    side = {None: "", "left": "Left ", "right": "Right "}[condition.side]
    word = {Family.CANAL: "Canal", Family.FORAMINAL: "foramen", Family.SUBARTICULAR: "recess"}
    return side + word[condition.family]


def disc_picture(level: Level) -> str:
    """The disc between its two vertebrae; stacked rows make a column, the last ends in S1."""
    below = (
        "M10 30 L38 27 Q41 27 40 31 L34 48 L14 48 Z"
        if level is Level.L5_S1
        else "M12 48 L12 34 Q12 30 16 30 L32 30 Q36 30 36 34 L36 48 Z"
    )
    return (
        '<svg viewBox="0 0 48 48" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="bone" d="M12 0 L12 14 Q12 18 16 18 L32 18 Q36 18 36 14 L36 0 Z"/>'
        '<rect class="disc" x="9" y="20" width="30" height="8" rx="4"/>'
        f'<path class="bone" d="{below}"/></svg>'
    )


def _cell(part: Metrics) -> str:
    value = part["balanced_accuracy"]
    if value is None:
        return '<td class="empty">-</td>'
    if part["majority"] == 1.0:  # the share that is right would pass for balanced accuracy
        return f'<td class="empty"><b>-</b><small>{part["n"]} read alike</small></td>'
    above_chance = min(max((value - 1 / 3) / (2 / 3), 0.0), 1.0)
    return (
        f'<td class="{_tone(above_chance)}" style="--v:{above_chance:.3f}"><b>{value:.2f}</b>'
        f"<small>{part['n']} read</small></td>"
    )


def _matrix(title: str, part: Metrics) -> str:
    labels = [severity.label.replace("/", "/<wbr>") for severity in Severity]
    head = "".join(f"<th scope='col'>{label}</th>" for label in labels)
    rows = "".join(
        f"<tr><th scope='row'>{labels[severity]}</th>{_shares(part['confusion'][severity])}</tr>"
        for severity in Severity
    )
    return (
        f'<figure class="panel matrix"><figcaption><strong>{escape(title)}</strong>'
        f"<span>accuracy <b>{figure(part['accuracy'])}</b>, majority "
        f"<b>{figure(part['majority'])}</b></span></figcaption>"
        f"<table><thead><tr><td><span>read as</span></td>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></figure>"
    )


def _shares(counts: Sequence[int]) -> str:
    whole = sum(counts) or 1
    return "".join(
        f'<td class="{_tone(count / whole)}" style="--v:{count / whole:.3f}"><b>{count}</b>'
        f"<small>{count / whole:.0%}</small></td>"
        for count in counts
    )


def _tone(share: float) -> str:
    """Whether the shade is deep enough for white letters (4.5 to 1 by day, WCAG 1.4.3)."""
    return "strong" if share > 0.78 else "soft"


def _table(
    caption: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[Any], str]]
) -> str:
    head = "".join(f"<th scope='col'>{escape(name.replace('_', ' '))}</th>" for name in columns)
    body = "".join(
        f"<tr class='{style}'><th scope='row'>{escape(title)}</th>"
        + "".join(f"<td>{figure(value)}</td>" for value in values)
        + "</tr>"
        for title, values, style in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table class="measures"><caption>{escape(caption)}'
        f"</caption><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
