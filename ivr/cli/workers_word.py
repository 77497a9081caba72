"""What a worker of the `ivrctl serve` that runs here says of a call: its turns, as events."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from ivr.storage.events import watch


class WorkersWord:
    """Listens from now on, to all calls; best effort, as events are."""

    def __init__(self, redis_url: str) -> None:
        self._turns: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        self._task = asyncio.create_task(self._watch(redis_url))

    def take(self, call_id: UUID) -> list[Mapping[str, Any]]:
        """The turns of a call that have become known since the last time; those of others, whom
        nobody will ask for, are forgotten."""
        turns = self._turns.pop(str(call_id), [])
        self._turns.clear()
        return turns

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _watch(self, redis_url: str) -> None:
        async for event in watch(redis_url):
            if event.get("event") == "turn":
                self._turns[str(event.get("call_id"))].append(event)


def bot_said(turns: list[Mapping[str, Any]]) -> str:
    """The bot's words in `turns`, in order; empty where there are none."""
    return " ".join(str(turn["text"]) for turn in turns if turn["who"] == "bot")


def understood(turns: list[Mapping[str, Any]]) -> list[str]:
    """What each spoken turn of the caller's was heard as, and meant: for people."""
    return [
        f"{turn['text'] or '(no words)'}  {turn.get('intent') or '(no intent)'}"
        f" {turn.get('confidence') or 0:.2f}"
        for turn in turns
        if turn["who"] == "caller" and not turn.get("keyed")
    ]
