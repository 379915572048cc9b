"""Who waits for a job to change: a version that each change counts up, and a word to who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

__all__ = ["Changes"]


class Changes:
    """Versions of the jobs at work, counted up at each change; 0 for a job that is not.

    They start again with the process, so that any other version than the one seen is a change.
    """

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}
        self._changed = asyncio.Condition()

    def begin(self, job_ids: Iterable[str]) -> None:
        """These jobs are at work from now on."""
        self._versions |= dict.fromkeys(job_ids, 1)

    def version(self, job_id: str) -> int:
        """The job's version now."""
        return self._versions.get(job_id, 0)

    async def tell(self, job_id: str, *, at_work: bool) -> None:
        """The job is another than before, and at work or not any more."""
        if at_work:
            self._versions[job_id] = self.version(job_id) + 1
        else:
            self._versions.pop(job_id, None)
        async with self._changed:
            self._changed.notify_all()

    async def wait(self, job_id: str, seen: int, wait_s: float) -> None:
        """Until the job's version is another than `seen`, and no longer than `wait_s`."""
        try:
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(lambda: self.version(job_id) != seen)
        except TimeoutError:
            pass
