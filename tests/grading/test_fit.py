"""One seed gives one result, whatever the threads do."""

from __future__ import annotations

import torch

from lumbar.grading.fit import repeatable
from lumbar.grading.networks import GraderNet


def gradient(model: GraderNet, pooled: torch.Tensor) -> torch.Tensor:
    """Of findings that all add to the same numbers, which threads would race for."""
    many = len(pooled)
    same, shares = torch.zeros(many, dtype=torch.long), torch.ones(many)
    model.zero_grad()
    logits = model.grade(pooled, torch.arange(many), same, same, same, shares)
    logits.logsumexp(1).sum().backward()
    assert model.reading.grad is not None
    return model.reading.grad.clone()


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
