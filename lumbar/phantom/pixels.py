"""The pixels of one picture in spine coordinates, with what their place along the spine tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lumbar.phantom.anatomy import Anatomy
from lumbar.phantom.habitus import FIRST_SACRAL
from lumbar.phantom.spine import STEP_MM, Field

__all__ = ["Pixels"]


@dataclass(frozen=True, eq=False)
class Pixels:
    """Some pixels of a slice: arrays of one shape, float32, in mm.

    `u` to the patient's left, `v` behind the vertebral bodies' posterior wall, `s` to the foot
    (see `lumbar.phantom.spine`); `edge_mm` is over how much a border is blurred.
    """

    anatomy: Anatomy
    u: Field
    v: Field
    s: Field
    edge_mm: float

    def where(self, chosen: NDArray[np.bool_]) -> Pixels:
        """The pixels of a boolean mask, as flat arrays."""
        return Pixels(self.anatomy, self.u[chosen], self.v[chosen], self.s[chosen], self.edge_mm)

    def moved(self, drift: Sequence[Field], share: float) -> Pixels:
        """The pixels of a slice beside this one: `share` times `drift` (of u, v, s) away."""
        u, v, s = (c + np.float32(share) * d for c, d in zip(self._uvs, drift, strict=True))
        return Pixels(self.anatomy, u, v, np.clip(s, 0.0, self.anatomy.s_mm[-1]), self.edge_mm)

    def thrice(self, drift: Sequence[Field]) -> Pixels:
        """The pixels of three slices behind one another, laid end to end: the outer pair first."""
        parts = [self.moved(drift, share)._uvs for share in (-1.0, 1.0, 0.0)]
        u, v, s = (np.concatenate(coordinate) for coordinate in zip(*parts, strict=True))
        return Pixels(self.anatomy, u, v, s, self.edge_mm)

    @property
    def _uvs(self) -> tuple[Field, Field, Field]:
        return self.u, self.v, self.s

    def look_up(self, table: Field) -> Field:
        """The value of a profile over `s` at each pixel."""
        return table.take(self.index)

    def look_up_side(self, tables: Field) -> Field:
        """The same of a pair of profiles `[2, n]` (left, right), by the pixel's side."""
        return np.asarray(tables.ravel().take(self.index + self.side * tables.shape[1]))

    @cached_property
    def index(self) -> NDArray[np.intp]:
        """Row of the anatomy's profiles."""
        return (self.s * np.float32(1 / STEP_MM)).astype(np.intp)

    @cached_property
    def side(self) -> NDArray[np.intp]:
        """0 on the patient's left, 1 on the right: the order of `domain.Side`."""
        return (self.u < 0).astype(np.intp)

    @cached_property
    def aside(self) -> Field:
        """Distance from the mid-line."""
        return np.abs(self.u)

    @cached_property
    def stretch(self) -> Field:
        """How many mm a mm of `s` is here; bends make it other than 1."""
        curvature = self.look_up(self.anatomy.segments.curvature)
        return np.clip(1.0 - curvature * self.v, 0.25, 2.5)

    @cached_property
    def from_body(self) -> Field:
        """Distance below the mid-plane of the nearest vertebral body."""
        below = self.s - self.look_up(self.anatomy.segments.body_mm)
        # lumbar bodies are blocks between wedges of disc; the sacrum is one bent bone
        return below * np.where(self.body < FIRST_SACRAL, self.stretch, np.float32(1.0))

    @cached_property
    def from_disc(self) -> Field:
        """Distance below the mid-plane of the nearest disc."""
        return (self.s - self.look_up(self.anatomy.segments.disc_mm)) * self.stretch

    @cached_property
    def from_arch(self) -> Field:
        """Distance below the middle of the nearest lamina."""
        return (self.s - self.look_up(self.anatomy.segments.arch_mm)) * self.stretch

    @cached_property
    def body(self) -> NDArray[np.intp]:
        """The nearest vertebra's number in VERTEBRAE."""
        return self.anatomy.segments.body.take(self.index)

    @cached_property
    def disc(self) -> NDArray[np.intp]:
        """The nearest disc's number (that of the vertebra above it)."""
        return self.anatomy.segments.disc.take(self.index)

    @cached_property
    def arch(self) -> NDArray[np.intp]:
        """The number of the vertebra whose lamina is nearest."""
        return self.anatomy.segments.arch.take(self.index)

    @cached_property
    def depth(self) -> Field:
        """Front-to-back depth of the vertebral bodies here."""
        return self.look_up(self.anatomy.segments.depth)

    @cached_property
    def half_width(self) -> Field:
        """Half the width of the vertebral bodies here."""
        return self.look_up(self.anatomy.segments.half_width)

    @cached_property
    def outline(self) -> Field:
        """1 on the outline of the vertebral body seen from above, less inside it."""
        across = np.square(self.u / self.half_width)
        along = np.square(self.v / self.depth * 2.0 + 1.0)
        # a squircle (Fernandez-Guasti 1992): between an ellipse and a rectangle
        both = np.minimum(across, 1.0) * np.minimum(along, 1.0)
        return np.sqrt(across + along - 0.5 * both)
