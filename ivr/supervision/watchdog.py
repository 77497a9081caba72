"""The watchdog: asks each ward how it is, and replaces one that died or froze."""

from __future__ import annotations

import asyncio
import time

import structlog

from ivr.errors import IvrError
from ivr.supervision.ward import Ward

_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits between attempts to bring a ward back; the last one is kept to."""

_log = structlog.get_logger()


async def watch(ward: Ward, *, every_s: float) -> None:
    """Watch over one ward until cancelled."""
    while True:
        await asyncio.sleep(every_s)
        try:
            if await ward.healthy():
                continue
            lost = time.monotonic()
            _log.error("ward_lost", ward=ward.name)
            await _bring_back(ward)
        except Exception:  # noqa: BLE001 - a watch that ended would let the next fault go unseen
            _log.exception("watch_failed", ward=ward.name)
        else:
            _log.info("ward_replaced", ward=ward.name, after_s=round(time.monotonic() - lost, 2))


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
