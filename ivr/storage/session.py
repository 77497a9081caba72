"""The live session of a call: what another worker needs to go on with it.

Fencing: each worker that takes a call over raises its epoch; a save made with an older epoch
is refused, so that a worker that froze and woke again can neither speak nor write.
"""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from ivr.errors import IvrError
from ivr.storage.record import TurnTaken


class SessionStoreAway(IvrError):
    """The store did not answer in time."""


class SessionFenced(IvrError):
    """Another worker has taken this call over; this one must fall silent."""


class Session(BaseModel):
    """Everything that a call is, between two turns. Never holds a sensitive value."""

    model_config = ConfigDict(frozen=True)

    call_id: UUID
    flow: str
    flow_version: str
    turn: int = 0
    finished: bool = False
    verdict: str = ""
    """Where the switch must take the caller now that we are finished: "hangup", "agent", ...;
    unfinished, "bridged" while the caller talks to an agent, else empty."""
    recording: bool = False
    """Whether the call is being recorded, and its caller knows it."""
    state: dict[str, Any]
    """The dialogue state as JSON data."""
    told: tuple[TurnTaken, ...] = ()
    """What the caller has done since the session before, as records: whoever saves this writes
    them down afterwards, and whoever takes the call over does, in case they could not."""


class SessionStore(Protocol):
    """Where live sessions are kept."""

    async def claim(
        self, call_id: UUID, *, within_ms: float | None = None
    ) -> tuple[int, Session | None]:
        """Take the call over: raises its epoch and returns (epoch, session or None). Waits the
        store's budget, or `within_ms`. Raises SessionStoreAway.
        """
        ...

    async def save(self, session: Session, epoch: int, *, within_ms: float | None = None) -> None:
        """Keep the session if `epoch` is still the call's; waits the store's budget, or
        `within_ms` where it must be kept before anything else happens. Raises SessionFenced,
        SessionStoreAway.
        """

    async def keep(self, session: Session, epoch: int) -> bool:
        """Save within the store's budget (50 ms), or go on trying in the background.

        True when it is saved. Raises SessionFenced.
        """
        ...

    def forget(self, call_id: UUID, epoch: int) -> None:
        """The worker that claimed the call as `epoch` has written down its end, or that it has
        gone elsewhere: stop trying to save it. Returns at once, never raises."""

    async def close(self) -> None:
        """Let go of connections."""
