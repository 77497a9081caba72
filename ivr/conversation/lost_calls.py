"""Calls whose worker died and that no other worker has had since: their end is written down, too.

The caller hung up at that moment, say. Who would know it is the worker that takes the place of the
dead one, under its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

import structlog

from ivr.clock import Clock
from ivr.storage.record import CallFinished, RecordStore
from ivr.storage.session import Session, SessionStoreAway

TAKEN_UP_S = 30.0
"""A switch that still has the caller has brought them to another worker by then."""
_WITHIN_MS = 1000.0

_log = structlog.get_logger()


class LeftBehind(Protocol):
    """Where it stands which worker has which call."""

    async def left_behind(self) -> dict[UUID, int]:
        """The calls, with their epochs, of the worker before us. Raises SessionStoreAway."""
        ...

    async def let_go(
        self, call_id: UUID, epoch: int, *, within_ms: float
    ) -> tuple[bool, Session | None]:
        """Whether nobody has had the call since that epoch, and where it was. Raises
        SessionStoreAway."""
        ...


async def left_by_the_last(store: LeftBehind) -> Mapping[UUID, int]:
    """The calls that the last worker of our name had; to be asked before we take any. Never
    raises."""
    try:
        return await store.left_behind()
    except SessionStoreAway as away:
        _log.warning("left_calls_unknown", reason=str(away))
        return {}


async def end_lost_calls(
    left: Mapping[UUID, int],
    store: LeftBehind,
    records: RecordStore,
    clock: Clock,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Wait until all that live are with another worker, then write down the end of the others."""
    if not left:
        return
    died = clock.now()
    await sleep(TAKEN_UP_S)
    for call_id, epoch in left.items():
        try:
            lost, session = await store.let_go(call_id, epoch, within_ms=_WITHIN_MS)
        except SessionStoreAway as away:
            _log.warning("left_calls_unknown", reason=str(away))
            return
        if lost:
            turns = session.turn if session is not None else 0
            _log.warning("call_lost", call_id=str(call_id), turns=turns)
            records.write(CallFinished(call_id=call_id, at=died, cause="lost", turns=turns))
