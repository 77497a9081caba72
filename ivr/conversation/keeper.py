"""Keeping a call's session where the next worker finds it, and knowing when that has happened."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog

from ivr.conversation.recorder import CallRecorder
from ivr.dialogue.flow import Flow
from ivr.dialogue.state import DialogueState
from ivr.storage.record import TurnTaken
from ivr.storage.session import Session, SessionFenced, SessionStore, SessionStoreAway

_SECURE_MS = 500
"""How long a caller waits for a change of theirs to be written down, before it is not made."""

_EXPECTED_MS = 1000
"""How long a caller who has been with another worker waits for what they have said there."""

_log = structlog.get_logger()


class SessionKeeper:
    """One call's session, as this worker keeps it; `told()` are the records that wait for it."""

    def __init__(
        self,
        call_id: UUID,
        flow: Flow,
        store: SessionStore,
        recorder: CallRecorder,
        told: Callable[[], tuple[TurnTaken, ...]],
    ) -> None:
        self._call_id = call_id
        self.flow = flow
        """What the call is led by."""
        self._store = store
        self._recorder = recorder
        self._told = told
        self._saved: Session | None = None
        self.epoch = 0
        """How many workers have had the call, with us; 0 while nobody could be asked."""

    async def claim(self, *, expected: bool = False) -> Session | None:
        """Take the call over; returns what an earlier worker has left, if one has. Where that is
        `expected` it is waited for longer: the caller would have to begin again."""
        within_ms = _EXPECTED_MS if expected else None
        try:
            self.epoch, session = await self._store.claim(self._call_id, within_ms=within_ms)
        except SessionStoreAway as away:
            _log.warning("session_store_away", reason=str(away))
            return None
        return session

    async def save(self, state: DialogueState, turn: int, *, finished: bool, verdict: str) -> None:
        """Save before the answer is spoken; waits 50 ms at most. Raises SessionFenced."""
        session = self._session(state, turn, finished=finished, verdict=verdict)
        if not await self._claimed():
            return
        if not await self._store.keep(session, self.epoch):
            _log.warning("session_not_saved_yet")
        self._saved = session

    async def secure(self, state: DialogueState, turn: int) -> bool:
        """Save before the world is changed as `state` says; returns whether whoever has the call
        next is sure to know of it. Waits 500 ms at most. Raises SessionFenced."""
        session = self._session(state, turn, finished=False, verdict="")
        if not await self._claimed():
            return False
        self._saved = session
        try:
            await self._store.save(session, self.epoch, within_ms=_SECURE_MS)
        except SessionStoreAway as away:
            _log.warning("intent_not_saved", reason=str(away))
            return False
        return True

    def _session(self, state: DialogueState, turn: int, *, finished: bool, verdict: str) -> Session:
        return Session(
            call_id=self._call_id,
            flow=self.flow.name,
            flow_version=self.flow.version,
            turn=turn,
            finished=finished,
            verdict=verdict,
            recording=self._recorder.running,
            state=state.model_dump(mode="json"),
            told=self._told(),
        )

    async def _claimed(self) -> bool:
        """Whether we have the call; where it began while the store was away, try once more."""
        if not self.epoch:
            await self.claim()
        return bool(self.epoch)

    def let_go(self) -> None:
        """What is to be known of the call here has been written down."""
        self._store.forget(self._call_id, self.epoch)

    async def is_anothers(self) -> bool:
        """Whether another worker has the call by now: that its line to us has ended, which a
        worker that froze learns late, then says nothing of the call."""
        if self._saved is None:
            return False
        try:
            await self._store.save(self._saved, self.epoch)
        except SessionFenced:
            _log.warning("fenced", epoch=self.epoch)
            return True
        except SessionStoreAway as away:
            _log.warning("session_store_away", reason=str(away))
        return False
