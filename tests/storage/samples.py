"""Records to write, and where to look for them afterwards."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.reader import RecordReader
from ivr.storage.record import CallStarted, TurnTaken

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOWHERE = "postgresql://postgres@/postgres?host=/nowhere"


def started(call_id: UUID, *, at: datetime = NOON, worker: str = "worker-0") -> CallStarted:
    return CallStarted(
        call_id=call_id,
        at=at,
        flow="bank",
        flow_version="1",
        caller="+15550100",
        called="100",
        language="en",
        worker=worker,
    )


def turn(call_id: UUID, number: int, text: str = "hello") -> TurnTaken:
    return TurnTaken(call_id=call_id, number=number, at=NOON, who="caller", text=text)


def numbers(postgres: EmbeddedPostgres, call_id: UUID) -> list[int]:
    return [taken.number for taken in RecordReader(postgres.url).turns_of(call_id)]


def refused(folder: Path) -> list[dict[str, str]]:
    lines = [line for path in folder.glob("refused-*") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def wait_until(condition: Callable[[], bool], deadline_s: float = 10.0) -> None:
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, "the condition never held"
        time.sleep(0.005)
