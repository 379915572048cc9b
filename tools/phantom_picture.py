"""Draws docs/phantom.png, the README's picture: one phantom, four views, its points.

python tools/phantom_picture.py --seed 3 --index 5 --output docs/phantom.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lumbar.domain import Cell, Condition, Level, Severity, View
from lumbar.phantom import PhantomStudy, make_study

COLOURS = {
    Severity.NORMAL_MILD: "#4cc38a",
    Severity.MODERATE: "#f5a623",
    Severity.SEVERE: "#ff5d5d",
}
MARKERS = {Severity.NORMAL_MILD: "o", Severity.MODERATE: "^", Severity.SEVERE: "s"}

PANELS = (
    ("Sagittal T2: spinal canal", View.SAGITTAL_T2, Condition.SPINAL_CANAL_STENOSIS),
    ("Sagittal T1: left foramina", View.SAGITTAL_T1, Condition.LEFT_NEURAL_FORAMINAL_NARROWING),
    ("Axial T2: both recesses, L4/L5", View.AXIAL_T2, Condition.LEFT_SUBARTICULAR_STENOSIS),
)


def draw(study: PhantomStudy, output: Path) -> None:
    """The picture of a study, written to `output`."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), facecolor="#101418")
    for axis, (title, view, condition) in zip(axes, PANELS, strict=True):
        panel(axis, study, title, view, condition)
    for severity in Severity:
        axes[0].scatter(
            [], [], marker=MARKERS[severity], c=COLOURS[severity], label=severity.label, s=30
        )
    axes[0].legend(loc="lower left", fontsize=8, framealpha=0.6)
    figure.tight_layout(pad=0.6)
    figure.savefig(output, dpi=100, facecolor=figure.get_facecolor())


def panel(axis: plt.Axes, study: PhantomStudy, title: str, view: View, first: Condition) -> None:
    """One slice with the grades of the points that lie on it or near it."""
    series = study.of_view(view)[0]
    piece = series.nearest(study.landmarks[Cell(first, Level.L4_L5)])
    assert piece is not None
    axis.imshow(piece.pixels, cmap="gray", vmax=np.percentile(piece.pixels, 99.3))
    axis.set_title(title, color="white", fontsize=11)
    axis.axis("off")
    conditions = {first, first.mirrored} if view is View.AXIAL_T2 else {first}
    for cell, point in study.landmarks.items():
        grade = study.grades[cell]
        if cell.condition not in conditions or grade is None:
            continue
        if view is View.AXIAL_T2 and cell.level is not Level.L4_L5:
            continue
        column, row = piece.plane.to_pixel(point)
        axis.scatter(column, row, s=42, marker=MARKERS[grade], facecolors="none",
                     edgecolors=COLOURS[grade], linewidths=1.6)  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--index", type=int, default=5)
    parser.add_argument("--size", choices=["small", "full"], default="full")
    parser.add_argument("--output", type=Path, default=Path("docs/phantom.png"))
    arguments = parser.parse_args()
    draw(make_study(arguments.seed, arguments.index, arguments.size), arguments.output)


if __name__ == "__main__":
    main()
