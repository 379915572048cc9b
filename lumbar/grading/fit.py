"""The training loop, the same on a laptop's core and inside a cluster's worker. No Ray here.

A Task says what a batch is and what its loss is; `fit` turns epochs of it into weights. Batches
are drawn from a seeded permutation, so that one seed gives one result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lumbar.config import Optimisation
from lumbar.errors import ConfigError, InputError

__all__ = ["Place", "Task", "autocast", "check_shares", "fit", "pick_precision"]

Record = dict[str, Any]
Tensors = list[Tensor] | tuple[Tensor, ...]


class Task(Protocol):
    """What is learned: the network, the rows of this worker, a batch, its loss, a look at it."""

    name: str

    def network(self) -> nn.Module:
        """A fresh network."""

    def rows(self) -> int:
        """Training rows that this worker holds."""

    def loss(self, model: nn.Module, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Mean loss of the rows `[n]` (augmented with the generator)."""

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        """Figures on rows that are not trained on (loss, accuracy ...)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the loop runs: device, arithmetic, and which of how many workers this is."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    bf16: bool = False
    rank: int = 0
    world: int = 1
    wrap: Callable[[nn.Module], nn.Module] = lambda model: model
    """Makes the network data-parallel (DistributedDataParallel, Ray Train's prepare_model)."""
    checkpoint: Mapping[str, Any] | None = None
    """State of an earlier run to go on from, as `on_epoch` was given it."""


def pick_precision(wish: str, device: torch.device) -> bool:
    """Whether to compute in bf16: as wished, or where the device has the instructions for it."""
    if wish != "auto":
        return wish == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def autocast(device: torch.device, bf16: bool) -> AbstractContextManager[Any]:
    """bf16 where wished, plain fp32 otherwise."""
    return torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext()


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """On a CPU, sums in one order: else threads that add to one place race, and two runs of one
    seed part in the fourth digit. On a GPU that would cost speed, so there it is as it is."""
    before = torch.are_deterministic_algorithms_enabled()
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def fit(
    task: Task,
    settings: Optimisation,
    seed: int,
    place: Place,
    on_epoch: Callable[[Record, Callable[[], dict[str, Any]]], None],
) -> nn.Module:
    """Train `task` and return its network with the averaged weights, on `place.device`.

    `on_epoch` gets each epoch's record (loss, figures, seconds) and a function that returns the
    state to resume from. Raises InputError on a loss that is not finite, ConfigError where a batch
    is not shared evenly.
    """
    check_shares(task.name, settings, place.world)
    with repeatable(place.device):
        return _fitted(task, settings, seed, place, on_epoch)


def check_shares(name: str, settings: Optimisation, world: int) -> None:
    """ConfigError where a batch of the recipe's section `name` is not shared evenly by workers.

    A step would see fewer samples than the recipe says, and an epoch would have more steps than
    the schedule of a run that goes on from another number of workers.
    """
    if settings.batch_size % world:
        raise ConfigError(
            f"{name}.batch_size: {settings.batch_size} samples are not shared evenly by "
            f"workers.workers: {world}; choose a number of workers that divides it"
        )


def _fitted(
    task: Task,
    settings: Optimisation,
    seed: int,
    place: Place,
    on_epoch: Callable[[Record, Callable[[], dict[str, Any]]], None],
) -> nn.Module:
    torch.manual_seed(seed)
    bare = task.network().to(place.device).to(memory_format=torch.channels_last)
    average = _running_average(bare, settings.ema)
    model = place.wrap(bare)
    share = settings.batch_size // place.world
    steps = max(1, task.rows() // share)
    optimiser = torch.optim.AdamW(
        _groups(bare, settings.weight_decay), lr=settings.learning_rate, fused=True
    )
    schedule = _schedule(optimiser, settings, steps)
    state = _Running(bare, average, optimiser, schedule)
    for epoch in range(state.resume(place), settings.epochs):
        began = time.perf_counter()
        torch.manual_seed(seed * 1000 + epoch * place.world + place.rank)
        generator = torch.Generator().manual_seed(seed * 1000 + epoch * place.world + place.rank)
        order = torch.randperm(task.rows(), generator=generator)[: steps * share]
        model.train()
        total = 0.0
        for rows in order.split(share):
            total += state.step(task, model, rows, generator, place)
        record = {
            "model": task.name,
            "epoch": epoch + 1,
            "train_loss": total / steps,
            "learning_rate": schedule.get_last_lr()[0],
        }
        with torch.inference_mode(), autocast(place.device, place.bf16):
            record |= task.validate(average.module.eval())
        record["seconds"] = round(time.perf_counter() - began, 2)
        on_epoch(record, lambda done=epoch + 1: state.save(done))  # type: ignore[misc]
    return average.module.eval()


@dataclass(frozen=True, slots=True)
class _Running:
    bare: nn.Module
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler

    def step(
        self,
        task: Task,
        model: nn.Module,
        rows: Tensor,
        generator: torch.Generator,
        place: Place,
    ) -> float:
        with autocast(place.device, place.bf16):
            loss = task.loss(model, rows, generator)
        if not torch.isfinite(loss):
            raise InputError(
                f"{task.name}: the loss became {loss.item()} on rows {rows.tolist()[:8]}...; "
                "lower the learning rate or look at these rows of the cache"
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.bare.parameters(), 5.0)
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.bare)
        return float(loss.detach())

    def save(self, epoch: int) -> dict[str, Any]:
        return {
            "epoch": epoch,
            "model": self.bare.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def resume(self, place: Place) -> int:
        saved = place.checkpoint
        if saved is None:
            return 0
        self.bare.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        return int(saved["epoch"])


def _running_average(model: nn.Module, decay: float) -> AveragedModel:
    """Average of the weights; early steps weigh more, so that a short run forgets its start."""

    def update(average: Tensors, current: Tensors, count: Tensor | int) -> None:
        steps = int(count)
        get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(average, current, count)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True)


def _groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices and kernels, none on norms and biases."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


def _schedule(
    optimiser: torch.optim.Optimizer, settings: Optimisation, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    if settings.schedule == "constant":
        return LambdaLR(optimiser, lambda step: 1.0)
    total = max(2, steps * settings.epochs)
    return OneCycleLR(
        optimiser, settings.learning_rate, total_steps=total + 1, pct_start=settings.warm_up
    )
