"""What a supervisor looks after: the port of everything it starts."""

from __future__ import annotations

from typing import Protocol


class Ward(Protocol):
    """A process under supervision."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    async def start(self) -> None:
        """Start it, and wait until it serves. Raises IvrError when it cannot."""

    async def healthy(self) -> bool:
        """Whether it lives and answers within its deadline."""
        ...

    async def restart(self) -> None:
        """Kill what is left of it, and start it anew."""

    async def stop(self) -> None:
        """End it in good order; its own time limit applies."""
