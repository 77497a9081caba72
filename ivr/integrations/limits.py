"""How much is asked of an integration: so many requests a second, so many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Limits:
    """Belongs to one event loop. Waiting is bounded by whoever waits."""

    def __init__(self, rate_per_s: float | None, concurrent: int) -> None:
        self._gap_s = 1 / rate_per_s if rate_per_s is not None else 0.0
        self._next_at = 0.0
        self._room = asyncio.Semaphore(concurrent)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a request's turn, and keep others out while it is under way."""
        async with self._room:
            loop = asyncio.get_running_loop()
            at = max(loop.time(), self._next_at)
            self._next_at = at + self._gap_s
            if (wait := at - loop.time()) > 0:
                await asyncio.sleep(wait)
            yield
