"""One seed gives one result, whatever the threads do and wherever a training was stopped."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from lumbar.config import GraderSettings, Optimisation, Recipe, WorkerSettings
from lumbar.errors import ConfigError
from lumbar.grading.fit import Place, fit, repeatable
from lumbar.grading.networks import GraderNet
from lumbar.pipelines.train import train


def gradient(model: GraderNet, pooled: torch.Tensor) -> torch.Tensor:
    """Of findings that all add to the same numbers, which threads would race for."""
    many = len(pooled)
    same, shares = torch.zeros(many, dtype=torch.long), torch.ones(many)
    model.zero_grad()
    logits = model.grade(pooled, torch.arange(many), same, same, same, shares)
    logits.logsumexp(1).sum().backward()
    assert model.reading.grad is not None
    return model.reading.grad.clone()


@pytest.fixture
def threads() -> Iterator[None]:
    """Four of them, whatever the machine has: one alone races nobody."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_gradients_that_threads_race_for_come_out_alike() -> None:
    torch.manual_seed(0)
    model, pooled = GraderNet().train(), torch.rand(512, 1024)
    with repeatable(torch.device("cpu")):
        first, *others = [gradient(model, pooled) for _ in range(50)]
    assert all(torch.equal(first, other) for other in others)


def test_outside_of_training_nothing_is_changed() -> None:
    with repeatable(torch.device("cpu")):
        assert torch.are_deterministic_algorithms_enabled()
    assert not torch.are_deterministic_algorithms_enabled()


class Slope:
    """The smallest task: a line through noise, its rows shifted anew by each epoch's seed."""

    name = "slope"

    def network(self) -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Linear(1, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
        )

    def rows(self) -> int:
        return 64

    def loss(
        self, model: torch.nn.Module, rows: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        x = rows[:, None] / 64 + torch.rand(len(rows), 1, generator=generator)
        return (model(x) - 3 * x).square().mean()

    def validate(self, model: torch.nn.Module) -> dict[str, float]:
        return {"at_one": float(model(torch.ones(1, 1)))}


def test_a_training_that_goes_on_from_a_state_ends_as_one_that_was_never_stopped() -> None:
    settings = Optimisation(epochs=3, batch_size=16, ema=0.9)
    states: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []

    def kept(record: dict[str, Any], state: Callable[[], dict[str, Any]]) -> None:
        records.append(record)
        states.append(copy.deepcopy(state()))

    whole = fit(Slope(), settings, 5, Place(), kept).state_dict()
    later: list[dict[str, Any]] = []
    place = Place(checkpoint=states[0])
    resumed = fit(Slope(), settings, 5, place, lambda record, _: later.append(record)).state_dict()
    assert [record["epoch"] for record in later] == [2, 3]
    assert [one["train_loss"] for one in later] == [one["train_loss"] for one in records[1:]]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_workers_that_do_not_divide_a_batch_are_refused() -> None:
    settings = Optimisation(epochs=1, batch_size=16)
    with pytest.raises(ConfigError, match=r"slope\.batch_size: 16 .* workers\.workers: 3"):
        fit(Slope(), settings, 5, Place(world=3), lambda record, state: None)


def test_a_graders_batch_is_looked_at_before_its_locator_is_trained() -> None:
    grader, workers = GraderSettings(batch_size=33), WorkerSettings(workers=2)
    with pytest.raises(ConfigError, match=r"grader\.batch_size: 33 .* workers\.workers: 2"):
        train(Recipe(name="odd", grader=grader, workers=workers))
