"""One study's result as a page of its own: no script, no request, one to print on A4 or to keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from lumbar.domain import (
    Basis,
    Cell,
    Condition,
    Finding,
    Level,
    LevelNumbering,
    Severity,
    Status,
    StudyGrades,
    UnsidedFinding,
)
from lumbar.reports.figures import FILM_ORDER, disc_picture, short_name
from lumbar.reports.headline import NUMBERING_UNCERTAIN, Headline, headline
from lumbar.reports.provenance import Provenance
from lumbar.reports.result_style import CSS
from lumbar.reports.weighed import likelier

__all__ = ["result_html", "worst_first"]


def result_html(grades: StudyGrades, provenance: Provenance) -> str:
    """The result as one HTML file; names no patient, only the study's own id."""
    body = "".join(
        [
            _top(provenance),
            _verdict(headline(grades), grades.study_id),
            _grid(grades),
            _findings(grades),
            _lone(grades.unsided),
            _not_assessed(grades),
            _about(grades, provenance),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>Lumbar spine MRI: {escape(headline(grades).title)}</title><style>{CSS}</style>"
        f'</head><body><main class="sheet">{body}</main></body></html>\n'
    )


def worst_first(grades: StudyGrades) -> list[Finding]:
    """The graded findings by severity, then by the probability of that grade or a worse one."""

    def worse(finding: Finding) -> tuple[int, float]:
        severity, shares = finding.severity, finding.probabilities
        assert severity is not None
        assert shares is not None
        return -severity, -sum(shares[max(severity, Severity.MODERATE) :])

    return sorted(grades.graded(), key=worse)


_LETTERS = {Severity.NORMAL_MILD: "N", Severity.MODERATE: "M", Severity.SEVERE: "S", None: "–"}
_CLASSES = {Severity.NORMAL_MILD: "g0", Severity.MODERATE: "g1", Severity.SEVERE: "g2", None: "gx"}
_SHAPES = {
    Severity.NORMAL_MILD: '<circle class="line" cx="8" cy="8" r="5.6"/>',
    Severity.MODERATE: '<path class="full" d="M8 1.4 15 14.4H1Z"/>',
    Severity.SEVERE: '<rect class="full" x="1.6" y="1.6" width="12.8" height="12.8"/>',
    None: '<circle class="dash" cx="8" cy="8" r="5.8"/>',
}


def _mark(severity: Severity | None) -> str:
    return f'<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">{_SHAPES[severity]}</svg>'


def _top(provenance: Provenance) -> str:
    return (
        '<div class="top"><span>Lumbar spine MRI: degenerative findings</span>'
        f'<span class="notice">{escape(provenance.notice)}</span></div>'
    )


def _verdict(told: Headline, study_id: str) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in told.lines)
    return (
        f'<section class="verdict {told.tone.value}"><h1>{escape(told.title)}</h1>{lines}'
        f'<p class="study">Study {escape(study_id)}</p></section>'
    )


def _grid(grades: StudyGrades) -> str:
    head = "".join(f"<th scope='col'>{short_name(condition)}</th>" for condition in FILM_ORDER)
    rows = "".join(
        f"<tr><th scope='row'>{disc_picture(level)}<span>{level.words}</span></th>"
        + "".join(_square(grades[Cell(condition, level)]) for condition in FILM_ORDER)
        + "</tr>"
        for level in Level
    )
    return (
        '<section><h2>Where in the spine</h2><p class="lead">As on the film: the patient\'s right '
        "is on your left. The figure is the probability of the grade.</p>"
        f'<table class="spine"><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f"{_LEGEND}</section>"
    )


_LEGEND = (
    '<ul class="legend">'
    + "".join(
        f'<li class="{_CLASSES[s]}">{_mark(s)}{_LETTERS[s]} {s.label if s is not None else words}'
        "</li>"
        for s, words in ((*((severity, "") for severity in Severity), (None, "not assessed")))
    )
    + '<li><i></i>tested on real patients</li><li><i class="dashed"></i>never tested on patients'
    "</li></ul>"
)


def _square(finding: Finding) -> str:
    severity = finding.severity
    basis = f" {finding.basis.value}" if finding.basis else ""
    shares = finding.probabilities
    sure = f"<small>{shares[severity]:.0%}</small>" if shares and severity is not None else ""
    said = severity.label if severity is not None else "not assessed"
    words = f"{finding.cell.condition.words} {finding.cell.level.words}: {said}"
    return (
        f'<td><div class="cell {_CLASSES[severity]}{basis}" role="img" '
        f'aria-label="{escape(words)}">{_mark(severity)}<b>{_LETTERS[severity]}</b>{sure}</div></td>'
    )


_HEAD = (
    '<thead><tr><th scope="col">Finding</th><th scope="col">Level</th><th scope="col">Grade</th>'
    '<th scope="col" class="n">Normal/<br>Mild</th><th scope="col" class="n">Moderate</th>'
    '<th scope="col" class="n">Severe</th><th scope="col">Tested on<br>patients</th></tr>'
    "</thead>"
)


def _findings(grades: StudyGrades) -> str:
    rows = [
        _row(
            (f.cell.condition.words, f.cell.level.words),
            (f.severity, f.probabilities),
            (_TESTED[f.basis], _reason(f)),
        )
        for f in worst_first(grades)
    ]
    return _table("Findings, worst first", "Probabilities are calibrated.", rows)


def _lone(unsided: Iterable[UnsidedFinding]) -> str:
    rows = [
        _row(
            (_unsided_name(f), f.level.words if f.level else "unknown"),
            (f.severity, f.probabilities),
            (_TESTED[f.basis], _reason(f)),
        )
        for f in sorted(unsided, key=lambda f: (-f.severity, -f.probabilities[2]))
    ]
    lead = "What a single slice shows whose side or level nothing tells: none of the 25 findings."
    return _table("On a lone slice", lead, rows)


def _unsided_name(finding: UnsidedFinding) -> str:
    words = finding.family.condition.replace("_", " ").title()
    if finding.side is not None:
        return f"{finding.side.title()} {words}"
    central = finding.family.condition == Condition.SPINAL_CANAL_STENOSIS.value
    return words if central else f"{words}, side unknown"


def _reason(finding: Finding | UnsidedFinding) -> str:
    """Why, and which grade is likelier where it is another; the headline tells the rule."""
    other = likelier(finding.severity, finding.probabilities)
    if other is None:
        return finding.reason
    return f"{finding.reason}; {other.label} is likelier (why not: see the top)"


_TESTED = {Basis.REAL: "yes", Basis.SYNTHETIC: "never", None: ""}


def _row(
    place: tuple[str, str],
    grade: tuple[Severity | None, tuple[float, float, float] | None],
    rest: tuple[str, str],
) -> str:
    severity, shares = grade
    name, level = map(escape, place)
    numbers = "".join(f'<td class="n">{share:.1%}</td>' for share in shares or ())
    label = severity.label if severity is not None else ""
    calm = ' class="calm"' if severity is Severity.NORMAL_MILD else ""
    return (
        f'<tr{calm}><th scope="row">{name}<small>{escape(rest[1])}</small></th><td>{level}</td>'
        f'<td class="grade {_CLASSES[severity]}">{_mark(severity)} {label}</td>{numbers}'
        f"<td>{escape(rest[0])}</td></tr>"
    )


def _table(title: str, lead: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    return (
        f'<section><h2>{title}</h2><p class="lead">{lead}</p><div class="wrap" tabindex="0" '
        f'role="region" aria-label="{title}"><table class="findings graded">{_HEAD}'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _not_assessed(grades: StudyGrades) -> str:
    reasons: dict[tuple[str, str], list[str]] = {}
    for finding in grades.findings:
        if finding.status is Status.NOT_ASSESSED:
            key = (finding.cell.condition.words, finding.reason)
            reasons.setdefault(key, []).append(finding.cell.level.words)
    if not reasons:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{", ".join(levels)}</td>'
        f'<td class="why">{escape(reason.replace("in `unsided`", "above"))}</td></tr>'
        for (name, reason), levels in reasons.items()
    )
    return (
        '<section><h2>Not assessed</h2><div class="wrap"><table class="findings"><thead><tr>'
        '<th scope="col">Finding</th><th scope="col">Levels</th><th scope="col">Why</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div></section>"
    )


def _about(grades: StudyGrades, provenance: Provenance) -> str:
    uncertain = grades.level_numbering is LevelNumbering.UNCERTAIN
    entries = {
        "Notice": provenance.notice,
        "Model": provenance.bundle,
        "Trained on": provenance.trained_on,
        "Level numbering": NUMBERING_UNCERTAIN if uncertain else "as located, head to foot",
    }
    items = "".join(f"<dt>{name}</dt><dd>{escape(told)}</dd>" for name, told in entries.items())
    return f'<section><h2>What this rests on</h2><dl class="about">{items}</dl></section>'
