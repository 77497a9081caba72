"""Where a call in memory keeps its session and its records: in memory."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ivr.storage.record import AnyRecord
from ivr.storage.session import Session, SessionFenced


class SessionsInMemory:
    """A `SessionStore` of one process, with the epochs that fence."""

    def __init__(self) -> None:
        self._epochs: dict[UUID, int] = {}
        self.kept: dict[UUID, Session] = {}
        """The latest session of each call."""

    async def claim(
        self, call_id: UUID, *, within_ms: float | None = None
    ) -> tuple[int, Session | None]:
        """See `SessionStore`."""
        self._epochs[call_id] = self._epochs.get(call_id, 0) + 1
        return self._epochs[call_id], self.kept.get(call_id)

    async def save(self, session: Session, epoch: int, *, within_ms: float | None = None) -> None:
        """See `SessionStore`."""
        if epoch != self._epochs.get(session.call_id):
            raise SessionFenced("Another worker has taken this call over.")
        self.kept[session.call_id] = session

    async def keep(self, session: Session, epoch: int) -> bool:
        """See `SessionStore`."""
        await self.save(session, epoch)
        return True

    def forget(self, call_id: UUID, epoch: int) -> None:
        """See `SessionStore`: nothing is tried in the background here."""

    async def close(self) -> None:
        """See `SessionStore`."""

    def slots(self, call_id: UUID) -> dict[str, str]:
        """The slots of a call as they were last saved."""
        session = self.kept.get(call_id)
        state: dict[str, Any] = session.state if session is not None else {}
        return dict(state.get("slots", {}))


class RecordsInMemory:
    """A `RecordStore` of one process."""

    def __init__(self) -> None:
        self.written: list[AnyRecord] = []
        """Everything, in order."""

    def write(self, record: AnyRecord) -> None:
        """See `RecordStore`."""
        self.written.append(record)

    async def flush(self, timeout_s: float) -> bool:
        """See `RecordStore`."""
        del timeout_s
        return True

    async def close(self) -> None:
        """See `RecordStore`."""
