"""The watchdog: asks each ward how it is, and replaces one that died or froze."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from ivr.errors import IvrError
from ivr.supervision.ward import Ward

_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits between attempts to bring a ward back; the last one is kept to."""

_LOOK_S = 0.1
_HELD_UP_S = 0.5
"""So late to look, we were stopped ourselves: the machine was paused, or this process."""

_log = structlog.get_logger()


async def watch(ward: Ward, *, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Watch over one ward until cancelled. `clock` tells seconds."""
    while True:
        await asyncio.sleep(every_s)
        try:
            if await _healthy(ward, clock):
                continue
            lost = time.monotonic()
            _log.error("ward_lost", ward=ward.name)
            await _bring_back(ward)
        except Exception:  # noqa: BLE001 - a watch that ended would let the next fault go unseen
            _log.exception("watch_failed", ward=ward.name)
        else:
            _log.info("ward_replaced", ward=ward.name, after_s=round(time.monotonic() - lost, 2))


async def _healthy(ward: Ward, clock: Callable[[], float]) -> bool:
    """Whether it is; an answer that was due while we could not hear it is asked for again."""
    while True:
        held_up = False
        asking = asyncio.ensure_future(ward.healthy())
        try:
            while not asking.done():
                looked = clock()
                await asyncio.wait({asking}, timeout=_LOOK_S)
                held_up |= clock() - looked > _LOOK_S + _HELD_UP_S
        finally:
            asking.cancel()
        if asking.result() or not held_up:
            return asking.result()


async def _bring_back(ward: Ward) -> None:
    attempt = 0
    while True:
        try:
            await ward.restart()
        except (IvrError, OSError) as error:
            wait_s = _RETRY_S[min(attempt, len(_RETRY_S) - 1)]
            _log.error("ward_not_replaced", ward=ward.name, reason=str(error), retry_s=wait_s)
            attempt += 1
            await asyncio.sleep(wait_s)
        else:
            return
