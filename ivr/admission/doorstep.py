"""Who rings while there is no place: they ring on for a moment, and come in one after the other.

What holds a worker up for a moment has passed in a second or two. Whoever is refused meanwhile
rings again, together with all the others; whoever hears it ring once more notices nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

PATIENCE_S = 4.0
"""How long a caller rings on: one ring."""
_LOOK_S = 0.05


class Doorstep:
    """Asks `has_place` for those who wait, in the order in which they came. Belongs to one event
    loop."""

    def __init__(self, has_place: Callable[[], bool], *, patience_s: float = PATIENCE_S) -> None:
        self._has_place = has_place
        self._patience_s = patience_s
        self._turn = asyncio.Lock()

    def may_enter(self) -> bool:
        """Whether there is a place for one who comes now: not past those who wait."""
        return not self._turn.locked() and self._has_place()

    async def wait(self, rings: Callable[[], bool]) -> bool:
        """Wait for a place, while it `rings`; returns whether there is one, which is to be taken
        before anything else is awaited."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s), self._turn:
                while rings():
                    if self._has_place():
                        return True
                    await asyncio.sleep(_LOOK_S)
        return False
