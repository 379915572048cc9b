"""What a heap of files becomes: a Study of Series of Instances, every decision with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lumbar.domain import Side, View
from lumbar.imaging.geometry import Plane

__all__ = ["Instance", "Series", "SetAside", "Study"]


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One picture: its pixels and where they lie.

    `pixels` is float32 `[rows, columns]` after rescale, high = bright. `plane` is None where the
    file has no geometry (a PNG); then `aspect` gives the relative height and width of a pixel
    (1, 1 unless the picture was squashed) and `side` the patient's side shown, where told.
    Identity is (series_id, instance_id): SOPInstanceUID alone repeats between real series.
    """

    series_id: str
    instance_id: str
    source: str
    pixels: NDArray[np.float32]
    plane: Plane | None = None
    number: int | None = None
    aspect: tuple[float, float] = (1.0, 1.0)
    side: Side | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows, columns = self.pixels.shape
        return rows, columns

    def pixel_mm(self, fallback_mm: float = 1.0) -> tuple[float, float]:
        """(row, column) distance in mm; `fallback_mm` x aspect where spacing is unknown."""
        if self.plane is not None:
            return self.plane.spacing_mm
        return self.aspect[0] * fallback_mm, self.aspect[1] * fallback_mm


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Instances of one series in the order of space, with the role that it plays and why.

    Sagittal stacks run from the patient's right (-x) to the left (+x), axial ones from head (+z)
    to foot, by geometry alone; without geometry by instance number. `blocks` gives each
    instance's angulation block (0, 1, ...): neighbours are neighbours only within a block.
    """

    series_id: str
    view: View | None
    reason: str
    instances: tuple[Instance, ...]
    blocks: tuple[int, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.instances)

    def __iter__(self) -> Iterator[Instance]:
        return iter(self.instances)


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file that is no part of the study's pictures, and why.

    `damaged` where it should have been one: a picture that could not be read is a failure, a
    report or a localizer in the folder is none.
    """

    file: str
    reason: str
    damaged: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One patient's examination: its series, and the files that were set aside."""

    study_id: str
    series: tuple[Series, ...]
    set_aside: tuple[SetAside, ...] = ()

    def of_view(self, view: View) -> tuple[Series, ...]:
        """The series that show `view`, best first (empty where there is none)."""
        return tuple(series for series in self.series if series.view is view)
