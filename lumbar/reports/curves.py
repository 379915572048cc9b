"""Learning curves as small inline SVG, coloured by the page's own CSS (light and dark)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from lumbar.errors import FormatError

__all__ = ["Line", "learning_curves", "line_chart", "read_history"]

WIDTH, HEIGHT = 300, 190
"""viewBox: near the width it is shown at, so that its text keeps its size on a phone."""
LEFT, RIGHT, TOP, BOTTOM = 40, 10, 10, 26


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: points (epoch, value), and the CSS class that colours it."""

    name: str
    points: tuple[tuple[float, float], ...]
    style: str


def read_history(path: Path) -> list[dict[str, Any]]:
    """The records of a `history.jsonl`, one a model and epoch; FormatError names a broken line."""
    records = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise FormatError(f"{path}, line {number}: not JSON ({error.msg})") from error
    return records


def learning_curves(history: Iterable[Mapping[str, Any]]) -> str:
    """Figures of a run's records: a model's losses, then whatever else it was measured by."""
    models: dict[str, list[Mapping[str, Any]]] = {}
    for record in history:
        models.setdefault(str(record["model"]), []).append(record)
    return "".join(_figures_of(model, records) for model, records in models.items())


def line_chart(title: str, lines: Sequence[Line]) -> str:
    """An SVG of curves over epochs; the lowest and highest value fix the axis, never 0 by habit."""
    values = [value for line in lines for _, value in line.points]
    epochs = [epoch for line in lines for epoch, _ in line.points]
    ticks = _ticks(min(values), max(values))
    frame = _Frame(min(epochs), max(epochs), ticks[0], ticks[-1])
    body = "".join(_grid_line(frame, tick, ticks) for tick in ticks)
    body += "".join(_epoch_label(frame, epoch) for epoch in sorted({min(epochs), max(epochs)}))
    body += "".join(_curve(frame, line) for line in lines)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(_spoken(title, lines))}">{body}</svg>'
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    first: float
    last: float
    low: float
    high: float

    def x(self, epoch: float) -> float:
        share = (epoch - self.first) / (self.last - self.first) if self.last > self.first else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _figures_of(model: str, records: Sequence[Mapping[str, Any]]) -> str:
    charts = [
        ("loss", [("train_loss", "training", "a"), ("validation_loss", "validation", "b")]),
        ("accuracy", [("accuracy", "validation", "b")]),
        ("distance in pixels", [("median_error_px", "median, validation", "b")]),
    ]
    figures = ""
    for name, wanted in charts:
        lines = [line for line in (_line(records, *keys) for keys in wanted) if line.points]
        if lines:
            title = f"{model.capitalize()}: {name}"
            figures += _figure(title, lines)
    return figures


def _figure(title: str, lines: Sequence[Line]) -> str:
    key = "".join(
        f'<span class="key {line.style}">{escape(line.name)} <b>{line.points[-1][1]:.3f}</b></span>'
        for line in lines
    )
    return (
        f'<figure class="panel curve"><figcaption><strong>{escape(title)}</strong>'
        f"<span>{key}</span></figcaption>{line_chart(title, lines)}</figure>"
    )


def _line(records: Sequence[Mapping[str, Any]], key: str, name: str, style: str) -> Line:
    points = [
        (float(record["epoch"]), float(record[key]))
        for record in records
        if record.get(key) is not None and math.isfinite(record[key])
    ]
    return Line(name, tuple(points), style)


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round values that hold `low` and `high` between them."""
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 3))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 4)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return [number * step for number in range(first, last + 1)]


def _grid_line(frame: _Frame, tick: float, ticks: Sequence[float]) -> str:
    decimals = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    y = frame.y(tick)
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{tick:.{decimals}f}</text>'
    )


def _epoch_label(frame: _Frame, epoch: float) -> str:
    words = f"epoch {epoch:.0f}"
    anchor = "middle"
    if frame.last > frame.first:
        anchor = "start" if epoch == frame.first else "end"
    return f'<text x="{frame.x(epoch):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{words}</text>'


def _curve(frame: _Frame, line: Line) -> str:
    places = [(frame.x(epoch), frame.y(value)) for epoch, value in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    return (
        f'<polyline class="line {line.style}" points="{path}"/>'
        f'<circle class="dot {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    )


def _spoken(title: str, lines: Sequence[Line]) -> str:
    ends = (
        f"{line.name} from {line.points[0][1]:.3f} to {line.points[-1][1]:.3f}" for line in lines
    )
    return f"{title}: {', '.join(ends)}"
