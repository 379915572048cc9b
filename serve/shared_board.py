"""The board as a detached actor on Ray: one for all ingresses, and still there when they are not.

It lives on the head node, where its folder is. Where it dies it is started again and finds its
jobs on disk; calls that were under way are made again. It outlives the application: one that is
deployed again tells it of its own settings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, cast

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from lumbar.errors import ConfigError
from serve.board import Board
from serve.settings import KeepSettings, Limits

__all__ = ["settled", "shared_board"]

NAME, NAMESPACE = "lumbar-jobs", "lumbar"


async def shared_board(keep: KeepSettings, limits: Limits) -> Board:
    """The board of this Ray, started where there is none yet; it goes by these settings.

    Raises ConfigError where it keeps its jobs in another folder.
    """
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
    board = cast(Board, _Called(actor.remote(keep, limits), keep, limits))
    return await settled(board, keep, limits)


async def settled(board: Board, keep: KeepSettings, limits: Limits) -> Board:
    """The board once it goes by these settings; ConfigError where it has another folder."""
    if (folder := await board.settle(keep, limits)) is not None:
        raise ConfigError(
            f"keep.folder: {keep.folder}: the jobs of this Ray are kept in {folder}, and they are "
            f"not moved while it runs; name that folder, or end their keeper first: "
            f"`python -c \"import ray; ray.init('auto'); "
            f"ray.kill(ray.get_actor('{NAME}', '{NAMESPACE}'))\"`"
        )
    return board


class _Called:
    """Calls an actor's methods as if it were the object itself."""

    def __init__(self, actor: Any, keep: KeepSettings, limits: Limits) -> None:
        self._actor, self._keep, self._limits = actor, keep, limits

    async def beat(self, worker: str, at_work: Collection[str]) -> None:
        """As the board's, with the settings: started again, it has those that it was made with."""
        await self._actor.settle.remote(self._keep, self._limits)
        await self._actor.beat.remote(worker, at_work)

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
