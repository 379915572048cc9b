"""Example slices with what was found on them: the picture as PNG, the marks as SVG over it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import Severity

__all__ = ["Example", "Mark", "example_figure"]

SHOWN_PX = 448
"""Pictures are shown at most this large: a page of a dozen stays under two megabytes."""

Place = tuple[float, float]
"""(x, y) on the picture as shown."""


class Mark(NamedTuple):
    """A landmark on a slice: (column, row) in its pixels, a short label, and its two grades.

    `truth` is the readers' grade and `predicted` ours; None where there is none.
    """

    x: float
    y: float
    label: str
    truth: Severity | None = None
    predicted: Severity | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One slice `[rows, columns]` (float, any range) with what was found on it and a caption.

    `aspect` is the height of a pixel over its width; the picture is shown at its true shape.
    """

    image: NDArray[np.float32]
    points: Sequence[Mark]
    caption: str
    aspect: float = 1.0


def example_figure(example: Example) -> str:
    """The example as an HTML figure: picture, marks and the grades in words."""
    picture, width, height = _picture(example)
    columns, rows = example.image.shape[1], example.image.shape[0]
    places = [
        ((mark.x + 0.5) * width / columns, (mark.y + 0.5) * height / rows)
        for mark in example.points
    ]
    marks = "".join(
        _mark(mark, place, width, _leftwards(place, places, width))
        for mark, place in zip(example.points, places, strict=True)
    )
    grades = "".join(_grade(mark) for mark in example.points)
    return (
        '<figure class="panel example"><div class="film">'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(example.caption)}">'
        f'<image href="{picture}" width="{width}" height="{height}"/>{marks}</svg></div>'
        f"<figcaption><strong>{escape(example.caption)}</strong><ul>{grades}</ul></figcaption>"
        "</figure>"
    )


def _picture(example: Example) -> tuple[str, int, int]:
    """The slice as a data URI, windowed to its own 1st to 99th percentile, and its shown size."""
    from PIL import Image

    pixels = np.asarray(example.image, dtype=np.float32)
    low, high = np.percentile(pixels, [1, 99])
    grey = ((pixels - low) / max(high - low, 1e-6)).clip(0, 1) * 255
    rows, columns = pixels.shape
    scale = SHOWN_PX / max(columns, rows * example.aspect)
    width, height = round(columns * scale), round(rows * example.aspect * scale)
    shown = Image.fromarray(grey.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    packed = io.BytesIO()
    shown.save(packed, format="PNG", optimize=True)
    code = base64.b64encode(packed.getvalue()).decode("ascii")
    return f"data:image/png;base64,{code}", width, height


def _leftwards(place: Place, places: Sequence[Place], width: int) -> bool:
    """Whether a label goes to the left: the edge, or another mark, is near on the right."""
    x, y = place
    beside = [0 < u - x < width / 3 and abs(v - y) < width / 16 for u, v in places]
    return x > width * 0.72 or any(beside)


def _mark(mark: Mark, place: Place, width: int, leftwards: bool) -> str:
    """A disc in our grade's colour inside a ring in the readers'."""
    x, y = place
    radius = width / 60
    label_x = x - 2.2 * radius if leftwards else x + 2.2 * radius
    anchor = "end" if leftwards else "start"
    return (
        f'<g class="mark"><circle class="ring {_style(mark.truth)}" cx="{x:.1f}" cy="{y:.1f}" '
        f'r="{radius * 1.35:.1f}"/><circle class="disc {_style(mark.predicted)}" cx="{x:.1f}" '
        f'cy="{y:.1f}" r="{radius * 0.7:.1f}"/><text x="{label_x:.1f}" y="{y + 5:.1f}" '
        f'text-anchor="{anchor}">{escape(mark.label)}</text></g>'
    )


def _grade(mark: Mark) -> str:
    ours = mark.predicted.label if mark.predicted is not None else "not assessed"
    told = "no reading" if mark.truth is None else f"read {mark.truth.label}"
    if mark.truth is not None and mark.truth == mark.predicted:
        told = "as read"
    style = "other" if told.startswith("read") else "same"
    return (
        f'<li class="{style}"><i class="chip {_style(mark.predicted)}"></i>'
        f"<span>{escape(mark.label)}</span><b>{ours}</b><em>{told}</em></li>"
    )


def _style(severity: Severity | None) -> str:
    return "none" if severity is None else ("mild", "moderate", "severe")[severity]
