"""The board as a detached actor on Ray: one for all ingresses, and still there when they are not.

It lives on the head node, where its folder is. Where it dies it is started again and finds its
jobs on disk; calls that were under way are made again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from serve.board import Board
from serve.settings import KeepSettings, Limits

__all__ = ["shared_board"]

NAME, NAMESPACE = "lumbar-jobs", "lumbar"


def shared_board(keep: KeepSettings, limits: Limits) -> Board:
    """The board of this Ray, started where there is none yet."""
    actor = ray.remote(Board).options(
        name=NAME,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=3,
        scheduling_strategy=_on_head(),
    )
    return cast(Board, _Called(actor.remote(keep, limits)))


class _Called:
    """Calls an actor's methods as if it were the object itself."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._actor, name)

        async def call(*given: Any, **named: Any) -> Any:
            return await method.remote(*given, **named)

        return call


def _on_head() -> NodeAffinitySchedulingStrategy | None:
    heads = [n for n in ray.nodes() if "node:__internal_head__" in n.get("Resources", {})]
    if not heads:
        return None
    return NodeAffinitySchedulingStrategy(heads[0]["NodeID"], soft=True)
