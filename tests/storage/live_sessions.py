"""Sessions to keep, and how long keeping them takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

from ivr.errors import IvrError
from ivr.storage.session import Session

SLACK_S = 0.1
"""What a busy machine of two cores may add to a bound."""


def session(call_id: UUID, turn: int = 1, **state: object) -> Session:
    return Session(call_id=call_id, flow="bank", flow_version="1", turn=turn, state=state)


async def until(condition: Callable[[], Awaitable[bool] | bool], deadline_s: float = 3.0) -> float:
    """Wait for a condition; the seconds it took."""
    began = time.monotonic()
    while True:
        holds = condition()
        if holds if isinstance(holds, bool) else await holds:
            return time.monotonic() - began
        assert time.monotonic() - began < deadline_s, "the condition never held"
        await asyncio.sleep(0.005)


async def timed(work: Awaitable[object]) -> tuple[float, BaseException | None]:
    began = time.monotonic()
    error: BaseException | None = None
    try:
        await work
    except IvrError as raised:
        error = raised
    return time.monotonic() - began, error
