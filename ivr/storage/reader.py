"""What PostgreSQL knows of calls, for people and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from ivr.errors import IvrError
from ivr.storage.record import SoundKept, TurnTaken

T = TypeVar("T")

_CONNECT_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCall:
    """A row of `calls`; None where its beginning or its end has not arrived."""

    id: UUID
    started_at: datetime | None
    finished_at: datetime | None
    flow: str | None
    flow_version: str | None
    caller: str | None
    called: str | None
    language: str | None
    worker: str | None
    cause: str | None
    detail: str | None
    turns: int | None
    cdr: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCdr:
    """A row of `cdrs`: what the edge knows of an INVITE. `answered_at` is None for one that never
    became a call; `status` is SIP's, 0 where nothing was answered."""

    id: UUID
    sip_call_id: str
    began_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    source: str
    trunk: str
    caller: str
    called: str
    node: str
    status: int
    cause: str
    detail: str


_CALL = (
    "SELECT id, started_at, finished_at, flow, flow_version, caller, called, language, worker,"
    " cause, detail, turns, cdr FROM calls"
)
_CDR = (
    "SELECT id, sip_call_id, began_at, answered_at, ended_at, source, trunk, caller, called, node,"
    " status, cause, detail FROM cdrs"
)


class RecordReader:
    """Small queries, a connection each. Blocks for 3 s at most where the database is away."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    def calls(self, limit: int = 20) -> list[StoredCall]:
        """The latest calls, newest first. Raises IvrError."""
        query = f"{_CALL} ORDER BY coalesce(started_at, finished_at) DESC LIMIT %s"
        return self._rows(StoredCall, query, limit)

    def call(self, call_id: UUID) -> StoredCall | None:
        """One call. Raises IvrError."""
        rows = self._rows(StoredCall, f"{_CALL} WHERE id = %s", call_id)
        return rows[0] if rows else None

    def refused(self, limit: int = 20) -> list[StoredCdr]:
        """The latest INVITEs that never became a call, newest first. Raises IvrError."""
        query = f"{_CDR} WHERE answered_at IS NULL ORDER BY began_at DESC LIMIT %s"
        return self._rows(StoredCdr, query, limit)

    def cdr(self, cdr_id: UUID) -> StoredCdr | None:
        """One record of the edge's. Raises IvrError."""
        rows = self._rows(StoredCdr, f"{_CDR} WHERE id = %s", cdr_id)
        return rows[0] if rows else None

    def turns_of(self, call_id: UUID) -> list[TurnTaken]:
        """The turns of a call in order. Raises IvrError."""
        query = (
            "SELECT call_id, number, at, who, text, language, node, intent, confidence,"
            " asr_confidence, gap_ms, interrupted, nlu_model, sentiment"
            " FROM turns WHERE call_id = %s ORDER BY number, at"
        )
        return self._rows(TurnTaken, query, call_id)

    def sounds_of(self, call_id: UUID) -> list[SoundKept]:
        """Where a call's recordings and messages lie, oldest first. Raises IvrError."""
        query = (
            "SELECT call_id, path, at, what, duration_ms, whole, box, node, language FROM sounds"
            " WHERE call_id = %s ORDER BY at, path"
        )
        return self._rows(SoundKept, query, call_id)

    def doubtful_turns(
        self, below: float, corrections: Sequence[str], limit: int
    ) -> list[TurnTaken]:
        """What callers said and was perhaps misunderstood, newest first: less sure than `below`,
        or followed by a turn of the caller's whose intent is one of `corrections`. Raises
        IvrError.
        """
        query = (
            "SELECT call_id, number, at, who, text, language, node, intent, confidence,"
            " asr_confidence, gap_ms, interrupted, nlu_model, sentiment FROM ("
            "  SELECT *, lead(intent) OVER (PARTITION BY call_id ORDER BY number, at)"
            "  AS next_intent FROM turns WHERE who = 'caller' AND confidence IS NOT NULL) AS said"
            " WHERE text <> '' AND NOT intent = ANY(%s)"
            " AND (confidence < %s OR next_intent = ANY(%s))"
            " ORDER BY at DESC, number DESC LIMIT %s"
        )
        return self._rows(TurnTaken, query, list(corrections), below, list(corrections), limit)

    def _rows(self, row: type[T], query: str, *values: Any) -> list[T]:
        try:
            with (
                psycopg.connect(
                    self._url,
                    connect_timeout=_CONNECT_S,
                    options="-c timezone=UTC -c statement_timeout=3s",
                ) as connection,
                connection.cursor(row_factory=class_row(row)) as cursor,
            ):
                return cursor.execute(query.encode(), values).fetchall()
        except psycopg.Error as error:
            raise IvrError(
                f"The records cannot be read: {' '.join(str(error).split())}.",
                remedy="See that PostgreSQL runs and that IVR_DATABASE_URL is right.",
            ) from None
