"""A decoded study to the squares that it is graded on: cut_crops against a plain loop.

python -m benchmarks.preprocess [--full]

The study and its points are given, no network runs, both sides use one thread. The yardstick is the
loop that one writes with the tools at hand: torch's grid_sample where squares are as fine as the
picture or finer (224 px), Pillow's resize of a box with its triangular filter where they are
coarser and must not alias (80 px), both the same interpolation as ours; NumPy's percentile to
stretch. It takes slices and places from the same functions as ours, so only sampling and stretching
are compared. Results must agree within one grey level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from benchmarks.pairs import Row, compare, print_rows
from benchmarks.results import wants_full
from lumbar.config import CropSettings
from lumbar.domain import Cell, Side, View
from lumbar.grading.crops import Place, cut_crops, place_on
from lumbar.grading.landmarks import Landmarks
from lumbar.imaging import LabelPoint, Square, Study, neighbours, read_study, square_on
from lumbar.phantom import make_study
from lumbar.phantom.write import write_study

BAR = 1.0

Picture = NDArray[np.float32]
Sampler = Callable[[Picture, Square], Picture]


def main(*, full: bool = False) -> list[Row]:
    """A row a size; raises AssertionError where the two sides' crops differ."""
    times, pairs = (10, 5) if full else (4, 3)
    study, landmarks = _phantom()
    torch.set_num_threads(1)
    print(f"preprocess: {sum(map(len, study.series))} slices, {len(landmarks.points)} points")
    rows = []
    for size, sampler in ((80, _by_pillow), (224, _by_grid_sample)):
        settings = CropSettings(size_px=size)
        ours = partial(cut_crops, study, landmarks, settings)
        yardstick = partial(_loop, study, landmarks, settings, sampler)
        apart = ours().pictures.astype(int) - yardstick()
        assert np.abs(apart).max() <= 1, f"{size} px: {np.abs(apart).max()} grey levels apart"
        case = f"{size} px, {len(apart)} squares, against {sampler.__name__.removeprefix('_by_')}"
        rows.append(
            compare(
                "preprocess.py",
                case,
                partial(_repeat, ours, times),
                partial(_repeat, yardstick, times),
                pieces=times,
                pairs=pairs,
                bar=BAR,
            )
        )
    return rows


def _repeat(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


def _phantom() -> tuple[Study, Landmarks]:
    """A full-size phantom written and read back, with its true points."""
    phantom = make_study(seed=3, index=0, size="full")
    with TemporaryDirectory() as folder:
        root = Path(folder) / "train_images"
        write_study(phantom, root)
        study = read_study(root / phantom.study_id, trusted=True)
    points = [
        LabelPoint(phantom.study_id, p.series_id, p.number, p.cell, p.x, p.y)
        for p in phantom.points()
    ]
    return study, Landmarks.of_labels(study, points)


def _loop(
    study: Study, landmarks: Landmarks, settings: CropSettings, sampler: Sampler
) -> NDArray[np.uint8]:
    """Squares `[n, 3, s, s]` in the order of cells and views."""
    crops = []
    for cell, landmark in sorted(landmarks.points.items()):
        for view in settings.views[cell.condition.family]:
            place = place_on(study, landmark, view)
            if place is not None:
                squares = _squares(place, view, cell, settings)
                layers = [sampler(pixels, square) for pixels, square in squares]
                crops.append(_stretched(np.stack(layers)))
    return np.stack(crops)


def _squares(
    place: Place, view: View, cell: Cell, settings: CropSettings
) -> Sequence[tuple[Picture, Square]]:
    axial, side = view is View.AXIAL_T2, cell.condition.side
    order = neighbours(place.series, place.index, 1)
    squares = []
    for instance in order if axial or side is not Side.LEFT else order[::-1]:
        assert instance.plane is not None
        assert place.point_mm is not None
        column, row = instance.plane.to_pixel(place.point_mm)
        field_mm = settings.field_mm[view] * settings.margin
        flip = axial and side is Side.RIGHT
        square = square_on(instance, (column, row), field_mm, settings.cached_px, flip_columns=flip)
        squares.append((instance.pixels, square))
    return squares


def _by_grid_sample(pixels: Picture, square: Square) -> Picture:
    rows, columns = pixels.shape
    offset = torch.arange(square.size_px) - (square.size_px - 1) / 2
    step = square.field_mm / square.size_px
    across = (square.centre_px[0] + offset * step / square.pixel_mm[1]) / ((columns - 1) / 2) - 1
    down = (square.centre_px[1] + offset * step / square.pixel_mm[0]) / ((rows - 1) / 2) - 1
    vertical, horizontal = torch.meshgrid(down, across, indexing="ij")
    grid = torch.stack([horizontal, vertical], -1)[None]
    picture = torch.from_numpy(pixels)[None, None]
    shown = functional.grid_sample(picture, grid, align_corners=True)[0, 0].numpy()
    return square.frame.turn(shown)


def _by_pillow(pixels: Picture, square: Square) -> Picture:
    half = square.field_mm / 2
    left = square.centre_px[0] + 0.5 - half / square.pixel_mm[1]
    right = square.centre_px[0] + 0.5 + half / square.pixel_mm[1]
    top = square.centre_px[1] + 0.5 - half / square.pixel_mm[0]
    bottom = square.centre_px[1] + 0.5 + half / square.pixel_mm[0]
    # Room for the kernel too: at a picture's edge Pillow narrows it, and outside is black here.
    room = 8
    rows, columns = pixels.shape
    before = max(0, int(np.ceil(room - min(left, top))))
    behind = max(0, int(np.ceil(room + max(right - columns, bottom - rows))))
    if before or behind:
        pixels = np.pad(pixels, (before, behind))
    box = (left + before, top + before, right + before, bottom + before)
    size = (square.size_px, square.size_px)
    resized = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, box=box)
    return square.frame.turn(np.asarray(resized))


def _stretched(values: Picture) -> NDArray[np.uint8]:
    """0.5th to 99.5th percentile over 0..255, found as ours on every second pixel of large ones."""
    flat = values.reshape(-1, values.shape[-1])
    seen = flat[::2, ::2] if flat.size > 65536 else flat
    darkest, brightest = np.percentile(seen, (0.5, 99.5))
    scaled = (values - darkest) * (255 / (brightest - darkest))
    return np.asarray(np.rint(np.clip(scaled, 0, 255)), np.uint8)


if __name__ == "__main__":
    print_rows(main(full=wants_full()))
