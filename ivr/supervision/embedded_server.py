"""An embedded server as a ward: its blocking methods run in a thread."""

from __future__ import annotations

import asyncio
from typing import Protocol


class BlockingServer(Protocol):
    """What the embedded PostgreSQL and Redis have in common."""

    def start(self) -> None:
        """Start it and wait until it answers."""

    def healthy(self, deadline_s: float) -> bool:
        """Whether it answers in time."""
        ...

    def restart(self) -> None:
        """Kill what is left of it, and start it anew."""

    def stop(self) -> None:
        """End it in good order."""


class EmbeddedServer:
    """A `Ward` round a blocking server."""

    def __init__(self, name: str, server: BlockingServer, *, deadline_s: float) -> None:
        self.name = name
        self._server = server
        self._deadline_s = deadline_s

    async def start(self) -> None:
        """See `Ward.start`."""
        await asyncio.to_thread(self._server.start)

    async def healthy(self) -> bool:
        """See `Ward.healthy`."""
        return await asyncio.to_thread(self._server.healthy, self._deadline_s)

    async def restart(self) -> None:
        """See `Ward.restart`."""
        await asyncio.to_thread(self._server.restart)

    async def stop(self) -> None:
        """See `Ward.stop`."""
        await asyncio.to_thread(self._server.stop)
