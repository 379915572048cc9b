"""Which slice a foramen is graded on: a reading of what the grader sees on each candidate.

The locator says where a foramen lies on every slice of its side; which slice shows it as a reader
would want it, it knows badly. The grader's pooled features know better: a conditional logit over
the candidates (McFadden, Conditional logit analysis of qualitative choice behavior, 1974), with the
locator's word as its offset. It is fitted on patients kept apart from training, and a grade is then
the mean over the candidates, each as often as it is the one (figures: benchmarks/ABLATIONS.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from lumbar.grading.calibration import Calibration, fit_calibration
from lumbar.grading.crops import Crops
from lumbar.grading.densenet import FEATURES
from lumbar.grading.hog import FORAMINAL
from lumbar.grading.landmarks import Landmarks

__all__ = ["Candidates", "Choice", "fit_choice", "fit_located", "prefer"]

RIDGE = 100.0
"""Of the squared weights on features of deviation 1: from 30 to 300 nothing changes much."""
STEPS = 200
LEAST_WORTH = 1e-6

MENTIONED = 0.1
"""A slice that is the one less often than this is not said to have been graded on."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """`softmax(features @ weight + log(worth))` over a foramen's candidate slices.

    `weight` float32 `[1024]`; `worth` is the locator's word on a slice, 0..1.
    """

    weight: Tensor

    def scores(self, pooled: Tensor, worth: Tensor) -> Tensor:
        """Log odds `[p]` of candidates by features `[p, 1024]` and worth `[p]`."""
        read = (pooled * self.weight.to(pooled)).sum(
            -1
        )  # a product of matrices may go through bf16
        return read + _log(worth).to(pooled)

    def shares(self, pooled: Tensor, rows: Tensor, family: Tensor, worth: Tensor) -> Tensor:
        """How often each picture `[p]` is the one of its finding; they sum to 1 a finding.

        `pooled` `[p, 1024]`, `rows` `[p]` the finding of each, `family` `[n]`, `worth` `[p]`. A
        finding of another family has the same share of each of its pictures.
        """
        scores = self.scores(pooled, worth).double()  # whose range no two findings' odds exceed
        odds = torch.where(family[rows] == FORAMINAL, scores - scores.max(), 0.0).exp()
        total = odds.new_zeros(len(family)).index_add(0, rows, odds)
        return (odds / total[rows]).to(pooled)


def _log(worth: Tensor) -> Tensor:
    return worth.clamp_min(LEAST_WORTH).log()


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """A foramen's candidate slices: of each the features `[k, 1024]`, what is read off it alone
    (logits `[k, 3]`), and the locator's worth `[k]`.

    `marked` is which of them the reader marked, None where none of them; `label` the grade, -1
    where there is none.
    """

    pooled: NDArray[np.float32]
    logits: NDArray[np.float64]
    worth: NDArray[np.float64]
    marked: int | None
    label: int


def fit_choice(foramina: Sequence[Candidates]) -> Choice | None:
    """The choice with the largest likelihood of the readers' marks, less a ridge on its weights.

    None where no foramen has a mark on one of several candidates: nothing can be learned then.
    """
    sets = [one for one in foramina if len(one.worth) > 1 and one.marked is not None]
    if not sets:
        return None
    pooled, worth, _ = _flat(sets)
    worth = _log(worth)
    spread = pooled.std(0).clamp_min(1e-3)
    sizes = [len(one.worth) for one in sets]
    marked = torch.tensor([one.marked for one in sets])
    with torch.inference_mode(False), torch.enable_grad():
        signal = pad_sequence((pooled / spread).split(sizes), batch_first=True)
        offset = pad_sequence(worth.split(sizes), batch_first=True)
        beyond = torch.arange(max(sizes)) >= torch.tensor(sizes)[:, None]
        weight = torch.zeros(FEATURES, requires_grad=True)
        optimiser = torch.optim.LBFGS([weight], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            scores = (signal @ weight + offset).masked_fill(beyond, -torch.inf)
            total = functional.cross_entropy(scores, marked, reduction="sum")
            total = total + RIDGE * weight.square().sum()
            total.backward()
            return total

        optimiser.step(loss)
    return Choice((weight.detach() / spread).contiguous())


def fit_located(choice: Choice, foramina: Sequence[Candidates]) -> Calibration:
    """The calibration of foraminal grades as they are given: at located points, by shares.

    Logits are linear in the shares, so a foramen's are the mean of its slices' own.
    """
    foramina = [one for one in foramina if one.label >= 0]
    if not foramina:
        return Calibration()
    pooled, worth, rows = _flat(foramina)
    family = torch.full((len(foramina),), FORAMINAL)
    read = torch.from_numpy(np.concatenate([one.logits for one in foramina]))
    with torch.inference_mode():
        shares = choice.shares(pooled, rows, family, worth).double()
        logits = read.new_zeros(len(foramina), 3).index_add(0, rows, read * shares[:, None])
    return fit_calibration(logits, torch.tensor([one.label for one in foramina]))


def _flat(foramina: Sequence[Candidates]) -> tuple[Tensor, Tensor, Tensor]:
    """Features `[p, 1024]`, worth `[p]` and the foramen's number `[p]` of all candidates."""
    pooled = torch.from_numpy(np.concatenate([one.pooled for one in foramina])).float()
    worth = torch.from_numpy(np.concatenate([one.worth for one in foramina])).float()
    sizes = torch.tensor([len(one.worth) for one in foramina])
    return pooled, worth, torch.arange(len(foramina)).repeat_interleave(sizes)


def prefer(
    landmarks: Landmarks, crops: Crops, shares: NDArray[np.float64]
) -> tuple[Landmarks, Crops]:
    """The points moved to the slices with the largest share, and crops to show what was graded.

    Of a foramen with several candidates, the surest slice's picture comes first, and those that
    hardly counted are left out.
    """
    points, beside = dict(landmarks.points), dict(landmarks.beside)
    kept: list[int] = []
    for row, cell in enumerate(crops.cells):
        mine = np.flatnonzero(crops.rows == row)
        others = beside.get(cell)
        if others:
            mine = mine[np.argsort(-shares[mine], kind="stable")]
            best, *rest = (crops.marks[k] for k in mine if k == mine[0] or shares[k] >= MENTIONED)
            points[cell], beside[cell] = best, tuple(rest)
            mine = mine[: 1 + len(rest)]
        kept += mine.tolist()
    return replace(landmarks, points=points, beside=beside), replace(
        crops,
        pictures=crops.pictures[kept],
        rows=crops.rows[kept],
        views=crops.views[kept],
        marks=tuple(crops.marks[k] for k in kept),
    )
