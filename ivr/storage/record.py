"""The records of calls and turns: what remains when a call is over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)

    call_id: UUID


class CallStarted(_Record):
    """A call began, or was taken over by another worker (then kept once). `cdr` is the edge's own
    record of it, where an edge told."""

    kind: Literal["call_started"] = "call_started"
    at: datetime
    flow: str
    flow_version: str
    caller: str
    called: str
    language: str | None
    worker: str
    cdr: UUID | None = None


class TurnTaken(_Record):
    """One turn of the caller or the bot. (`call_id`, `number`, `at`) is unique; a number comes
    twice only where a worker died that could not say how far it was.

    `gap_ms` is, for a bot's turn, from the end of the caller's speech or last key to the first
    sound of the answer, by the worker's own clock; None where there was nothing to answer.
    `nlu_model` is, for a caller's spoken turn, the engine and model version that understood it;
    `sentiment`, -1 to 1, how the caller felt (see `ivr.nlu.sentiment`).
    Text of sensitive steps is never here.
    """

    kind: Literal["turn"] = "turn"
    number: int
    at: datetime
    who: Literal["caller", "bot"]
    text: str
    language: str = ""
    node: str = ""
    intent: str = ""
    confidence: float | None = None
    asr_confidence: float | None = None
    gap_ms: float | None = None
    interrupted: bool = False
    nlu_model: str = ""
    sentiment: float | None = None


class CallFinished(_Record):
    """A call ended. `cause` is one word: "caller", "bot", "transfer", "line", ...; "lost" where its
    worker died and no other had it afterwards."""

    kind: Literal["call_finished"] = "call_finished"
    at: datetime
    cause: str
    detail: str = ""
    turns: int = 0


class SoundKept(_Record):
    """Sound of a call that is kept as a WAV file at `path`, on the worker's machine. (`call_id`,
    `path`) is unique.

    A `what` of "call" is both sides in stereo, caller left, bot right; a call that changed workers
    has several. A "message" is what the caller left in the `box`, mono. Not `whole`: the disk did
    not take all of it.
    """

    kind: Literal["sound"] = "sound"
    at: datetime
    what: Literal["call", "message"]
    path: str
    duration_ms: int
    whole: bool = True
    box: str = ""
    node: str = ""
    language: str = ""


AnyRecord = CallStarted | TurnTaken | CallFinished | SoundKept
Record = Annotated[AnyRecord, Field(discriminator="kind")]


class RecordStore(Protocol):
    """Where records go: `write` never waits for the database and never loses what it took."""

    def write(self, record: AnyRecord) -> None:
        """Take a record; returns at once, never raises."""

    async def flush(self, timeout_s: float) -> bool:
        """Wait until all that was taken has reached the database, `timeout_s` at most."""
        ...

    async def close(self) -> None:
        """Flush what can be flushed, keep the rest on disk."""
