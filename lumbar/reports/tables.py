"""Figures as tables of text for a terminal; every accuracy with its majority beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lumbar.domain import Condition, Family, Level
from lumbar.grading.measures import READER_KAPPA

__all__ = ["READERS_LINE", "figure", "metrics_table", "title_of"]

READERS_LINE = (
    "Readers agree with each other only at kappa "
    f"{' / '.join(f'{kappa:.2f}'.lstrip('0') for kappa in READER_KAPPA.values())} "
    "(canal / foraminal / subarticular): near those figures the labels are the limit."
)

_TITLES: dict[str, str] = {
    **{family.value: family.value.capitalize() for family in Family},
    **{condition.value: condition.words for condition in Condition},
    **{level.value: level.words for level in Level},
}

_GRADES = ("n", "accuracy", "majority", "balanced_accuracy", "kappa", "severe_recall", "coverage")
_COUNTS = ("tp", "tn", "fp", "fn", "accuracy", "precision", "recall", "specificity", "f1")


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """The figures of `pipelines.evaluate.evaluate` as tables for people."""
    return "\n\n".join(
        [
            _score_lines(metrics),
            _grade_lines(metrics),
            _degeneration_lines(metrics),
            "\n".join([READERS_LINE, *_trust_lines(metrics), *_remarks(metrics)]),
        ]
    )


def figure(value: float | int | None) -> str:
    """A figure for people: counts whole, ratios with three decimals, `-` for none."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def title_of(name: str) -> str:
    """A family, condition or level in words, e.g. `l4_l5` -> `L4/L5`."""
    return _TITLES.get(name, name)


def _score_lines(metrics: Mapping[str, Any]) -> str:
    names = ("score", "score_prior", "canal", "foraminal", "subarticular", "any_severe_canal")
    rows = [[name.replace("_", " "), figure(metrics[name])] for name in names if name in metrics]
    return _aligned(["weighted log loss (lower is better)", ""], rows)


def _grade_lines(metrics: Mapping[str, Any]) -> str:
    header = [f"grades, {metrics['rule']} rule", *(name.replace("_", " ") for name in _GRADES)]
    rows = [[title, *(figure(part[name]) for name in _GRADES)] for title, part in _parts(metrics)]
    return _aligned(header, rows)


def _degeneration_lines(metrics: Mapping[str, Any]) -> str:
    header = ["degeneration (Moderate or Severe)", *_COUNTS[:5], "majority", *_COUNTS[5:]]
    counts = [(title, part["degeneration"]) for title, part in _parts(metrics)]
    counts.append(("a study (any such finding)", metrics["study"]))
    names = (*_COUNTS[:5], "majority", *_COUNTS[5:])
    rows = [[title, *(figure(part[name]) for name in names)] for title, part in counts]
    return _aligned(header, rows)


def _parts(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    parts: list[tuple[str, Mapping[str, Any]]] = [("all cells", metrics)]
    for block in ("families", "conditions", "levels"):
        parts += [(title_of(name), part) for name, part in metrics[block].items()]
    return parts


def _trust_lines(metrics: Mapping[str, Any]) -> list[str]:
    lines = []
    if metrics["accuracy_interval"] is not None:
        low, high = map(figure, metrics["accuracy_interval"])
        lines.append(f"accuracy: 95 % interval over patients {low} to {high}.")
    if metrics["calibration_error"] is not None:
        lines.append(f"expected calibration error: {figure(metrics['calibration_error'])}.")
    clear = metrics["all_clear"]
    if clear["said"]:
        low, high = map(figure, clear["share_wrong_interval"])
        lines.append(
            f'"no degeneration" said of {clear["said"]} of {clear["studies"]} studies, wrong in '
            f"{clear['wrong']} ({figure(clear['share_wrong'])}; 95 % interval {low} to {high})."
        )
    return lines


def _remarks(metrics: Mapping[str, Any]) -> list[str]:
    remarks = [f"warning: {warning}" for warning in metrics["warnings"]]
    coverage = metrics["coverage"] if metrics["coverage"] is not None else 0.0
    remarks.append(
        f"{metrics['n_studies']} studies, {metrics['labelled']} labelled cells, coverage "
        f"{coverage:.1%}; cells not assessed are in no figure but the coverage."
    )
    for key, words in (
        ("studies_without_truth", "studies of the predictions have no truth"),
        ("studies_without_prediction", "studies of the truth have no prediction"),
    ):
        if metrics[key]["n"]:
            remarks.append(f"{metrics[key]['n']} {words}: left out.")
    return remarks


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )
