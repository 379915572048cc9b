"""The curved axis of a spine, and the straight coordinates in which its anatomy is described.

A point is told by (u, v, s): `s` mm along the posterior wall of the vertebral bodies towards the
foot, `u` mm to the patient's left of the mid-line, `v` mm behind the wall. In these coordinates a
scoliotic, lordotic spine is straight, so that a vertebra is written down once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumbar.imaging.geometry import Plane
from lumbar.phantom.habitus import VERTEBRAE, Habitus

__all__ = ["STEP_MM", "CentreLine", "Field", "Triple"]

Field = NDArray[np.floating[Any]]
Triple = tuple[Field, Field, Field]

STEP_MM = 0.25
_ABOVE_MM = 60.0
_BELOW_MM = 80.0
_GRID_PX = 8  # the coordinates bend so little that a tenth of a mm is lost between such nodes


@dataclass(frozen=True, slots=True, eq=False)
class CentreLine:
    """The axis sampled every STEP_MM: where it is, its frame, how much it bends.

    `points` and `frame` (rows: left U, back V, foot T) are in patient mm; `curvature` is the
    backward turn in radians a mm; `bodies_mm` and `discs_mm` are the s of the mid-planes.
    """

    points: Field
    frame: Field
    curvature: Field
    bodies_mm: Field
    discs_mm: Field

    @classmethod
    def of(cls, habitus: Habitus) -> CentreLine:
        """The axis of a patient, with the third lumbar body at `habitus.centre_mm`."""
        heights, gaps = np.asarray(habitus.body_height_mm), np.asarray(habitus.disc_height_mm)
        tops = _ABOVE_MM + np.concatenate([[0.0], np.cumsum(heights[:-1] + gaps)])
        bodies, discs = tops + heights / 2, tops[:-1] + heights[:-1] + gaps / 2
        s = np.arange(0.0, tops[-1] + heights[-1] + _BELOW_MM, STEP_MM)
        back = _smooth(np.interp(s, bodies, np.radians(habitus.inclination_deg)))
        aside = _smooth(np.interp(s, bodies, np.radians(habitus.lateral_deg)))
        frame = _frames(back, aside, np.radians(habitus.roll_deg))
        points = np.cumsum(frame[:, 2], axis=0) * STEP_MM
        middle = int(bodies[VERTEBRAE.index("L3")] / STEP_MM)
        points += np.asarray(habitus.centre_mm) - points[middle]
        return cls(points, frame, np.gradient(back, STEP_MM), bodies, discs)

    def place(self, u: float, v: float, s: float) -> NDArray[np.float64]:
        """Patient mm `[3]` of one point in spine coordinates."""
        at = np.asarray(s, np.float64)
        left, back, _ = self._between(self.frame.reshape(-1, 9), at).reshape(3, 3)
        return np.asarray(self._between(self.points, at) + u * left + v * back, np.float64)

    def stretch(self, v: float, s: float) -> float:
        """How many mm one mm of `s` is at the depth `v`: < 1 on the hollow side of a bend."""
        return max(1.0 - v * float(self.curvature[int(s / STEP_MM)]), 0.2)

    def locate(self, points_mm: Field) -> tuple[Field, Field, Field]:
        """(u, v, s) of patient points `[..., 3]`: Newton's search for the foot of each normal."""
        heights = -self.points[:, 2]
        s = np.interp(-points_mm[..., 2], heights, np.arange(len(heights)) * STEP_MM)
        for _ in range(6):
            behind, along, bend = self._near(s, points_mm)
            s = s + np.clip(along / np.maximum(1.0 - behind * bend, 0.35), -25.0, 25.0)
        u, v, rest = np.moveaxis(self._offsets(s, points_mm), -1, 0)
        return u, v, np.clip(s + rest, 0.0, (len(heights) - 1) * STEP_MM)

    def _near(self, s: Field, points_mm: Field) -> tuple[Field, Field, Field]:
        """How far behind and along the axis points lie from its nearest sample; its bend there."""
        whole = np.clip(s / STEP_MM + 0.5, 0, len(self.points) - 1).astype(np.intp)
        offset = points_mm - self.points[whole]
        foot = self.frame[whole, 2]
        along = (offset * foot).sum(axis=-1) - (s - whole * STEP_MM)
        return (offset * self.frame[whole, 1]).sum(axis=-1), along, self.curvature[whole]

    def _offsets(self, s: Field, points_mm: Field) -> Field:
        """Offset of points from the axis at `s` in its frame there, `[..., 3]`: u, v and rest."""
        offset = points_mm - self._between(self.points, s)
        beyond = s - np.clip(s, 0.0, (len(self.points) - 1.001) * STEP_MM)
        offset = offset - beyond[..., None] * self._between(self.frame[:, 2], s)
        frame = self._between(self.frame.reshape(-1, 9), s).reshape(*s.shape, 3, 3)
        return np.asarray((offset[..., None, :] * frame).sum(axis=-1))

    def _between(self, table: Field, s: Field) -> Field:
        """Rows of a table over `s`, linear between its samples."""
        position = np.clip(s / STEP_MM, 0.0, len(self.points) - 1.001)
        whole = position.astype(np.intp)
        part = (position - whole)[..., None]
        return np.asarray(table[whole] * (1 - part) + table[whole + 1] * part)

    def coordinates(self, plane: Plane, shape: tuple[int, int]) -> tuple[Triple, Triple]:
        """(u, v, s) of a plane's pixels, and their change a mm along the plane's normal.

        Each is float32 `[rows, columns]`.
        """
        row_nodes, by_row = _hats(shape[0])
        column_nodes, by_column = _hats(shape[1])
        columns, rows = np.meshgrid(column_nodes, row_nodes)
        u, v, s = self.locate(plane.to_world(np.stack([columns, rows], axis=-1)))
        left, back, foot = np.moveaxis(self._between(self.frame @ plane.normal, s), -1, 0)
        curvature = self._between(self.curvature[:, None], s)[..., 0]
        coarse = (u, v, s, left, back, foot / np.maximum(1.0 - curvature * v, 0.25))
        u, v, s, *drift = (by_row @ (field.astype(np.float32) @ by_column.T) for field in coarse)
        return (u, v, s), (drift[0], drift[1], drift[2])


def _smooth(values: Field, sigma_mm: float = 7.0) -> Field:
    """A Gaussian mean along the axis; ends are held."""
    reach = int(3 * sigma_mm / STEP_MM)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP_MM / sigma_mm) ** 2)
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _frames(back: Field, aside: Field, roll: float) -> Field:
    """Frames `[n, 3, 3]` (rows left, back, foot) of an axis inclined backwards and aside."""
    foot = np.stack(
        [np.sin(aside), np.sin(back) * np.cos(aside), -np.cos(back) * np.cos(aside)], axis=-1
    )
    left = np.array([1.0, 0.0, 0.0]) - foot[:, :1] * foot
    left /= np.linalg.norm(left, axis=-1, keepdims=True)
    behind = np.cross(left, foot)
    turned = np.cos(roll) * left + np.sin(roll) * behind
    return np.stack([turned, np.cross(turned, foot), foot], axis=1)


@cache
def _hats(count: int) -> tuple[Field, Field]:
    """Nodes every _GRID_PX pixels and the linear weights `[count, nodes]` between them."""
    nodes = np.arange(0, count + _GRID_PX, _GRID_PX, dtype=np.float64)
    distance = np.abs(np.arange(count)[:, None] - nodes[None, :]) / _GRID_PX
    return nodes, np.clip(1.0 - distance, 0.0, 1.0).astype(np.float32)
