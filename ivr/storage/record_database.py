"""Records into PostgreSQL: everything once, however often and in whatever order it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection

from ivr.errors import IvrError
from ivr.storage.line_guard import LineGuard
from ivr.storage.record import AnyRecord, CallFinished, CallStarted, SoundKept, TurnTaken
from ivr.storage.schema import bring_up_to_date, check_url

_CONNECT_S = 2
"""libpq knows no shorter one."""
_BATCH_S = 3.0

_STARTED = """
INSERT INTO calls (id, started_at, flow, flow_version, caller, called, language, worker, cdr)
VALUES (%(call_id)s, %(at)s, %(flow)s, %(flow_version)s, %(caller)s, %(called)s, %(language)s,
        %(worker)s, %(cdr)s)
ON CONFLICT (id) DO UPDATE
SET started_at = excluded.started_at, flow = excluded.flow,
    flow_version = excluded.flow_version, caller = excluded.caller, called = excluded.called,
    language = excluded.language, worker = excluded.worker, cdr = excluded.cdr
WHERE calls.started_at IS NULL OR excluded.started_at < calls.started_at
"""
"""The first worker to take a call has begun it."""

_FINISHED = """
INSERT INTO calls (id, finished_at, cause, detail, turns)
VALUES (%(call_id)s, %(at)s, %(cause)s, %(detail)s, %(turns)s)
ON CONFLICT (id) DO UPDATE
SET finished_at = excluded.finished_at, cause = excluded.cause, detail = excluded.detail,
    turns = excluded.turns
WHERE calls.finished_at IS NULL OR calls.cause = 'lost'
   OR excluded.finished_at > calls.finished_at AND excluded.cause <> 'lost'
"""
"""The last worker to let go of a call has ended it; what one that was there says is worth more than
that no other was."""

_TURN = """
INSERT INTO turns (call_id, number, at, who, text, language, node, intent, confidence,
                   asr_confidence, gap_ms, interrupted, nlu_model, sentiment)
VALUES (%(call_id)s, %(number)s, %(at)s, %(who)s, %(text)s, %(language)s, %(node)s, %(intent)s,
        %(confidence)s, %(asr_confidence)s, %(gap_ms)s, %(interrupted)s, %(nlu_model)s,
        %(sentiment)s)
ON CONFLICT (call_id, number, at) DO UPDATE
SET interrupted = true
WHERE excluded.interrupted AND NOT turns.interrupted
  AND (turns.who, turns.text) = (excluded.who, excluded.text)
"""
"""A turn is written again when it turns out that the caller interrupted it; nothing else of it
ever changes."""

_SOUND = """
INSERT INTO sounds (call_id, path, at, what, duration_ms, whole, box, node, language)
VALUES (%(call_id)s, %(path)s, %(at)s, %(what)s, %(duration_ms)s, %(whole)s, %(box)s, %(node)s,
        %(language)s)
ON CONFLICT (call_id, path) DO NOTHING
"""

_SAME_TURN = """
SELECT (who, text) = (%(who)s, %(text)s)
FROM turns WHERE call_id = %(call_id)s AND number = %(number)s AND at = %(at)s
"""

_STATEMENTS: dict[type[AnyRecord], str] = {
    CallStarted: _STARTED,
    CallFinished: _FINISHED,
    TurnTaken: _TURN,
    SoundKept: _SOUND,
}


class DatabaseAway(IvrError):
    """PostgreSQL cannot take records now; later it may."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Record number `index` of a batch will never be taken."""

    index: int
    why: str


class RecordDatabase:
    """One connection, made when it is needed. For one thread; `cut` may come from another.

    Nothing here waits much longer than 3 s, whatever the server does.
    """

    def __init__(self, database_url: str) -> None:
        check_url(database_url)
        self._url = database_url
        self._connection: Connection | None = None
        self._guard = LineGuard(_BATCH_S)

    def ship(self, records: Sequence[AnyRecord]) -> list[Refused]:
        """Have the database keep all `records` but those returned. Raises DatabaseAway: then
        some may have been kept, and all are to be sent again.
        """
        try:
            return self._ship(records, 0)
        except psycopg.Error as error:
            self.close()
            why = " ".join(str(error).split()) or type(error).__name__
            raise DatabaseAway(f"PostgreSQL does not take records: {why}.") from None
        except IvrError as error:
            self.close()
            raise DatabaseAway(str(error)) from None

    def _ship(self, records: Sequence[AnyRecord], first: int) -> list[Refused]:
        if not records:
            return []
        try:
            return self._together(records, first)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            # SQLSTATE classes 22 and 23: the record is at fault, and would be for ever. Anything
            # else (no table, no rights, no room, no server) is not, and may be mended.
            if len(records) == 1:
                # Not the whole message: its details quote what was said.
                return [Refused(first, error.diag.message_primary or str(error))]
        half = len(records) // 2
        refused = self._ship(records[:half], first)
        return refused + self._ship(records[half:], first + half)

    def _together(self, records: Sequence[AnyRecord], first: int) -> list[Refused]:
        values = [_values(record) for record in records]
        connection = self._connect()
        with self._guard.over(connection), connection.transaction():
            with connection.pipeline():
                cursors = [
                    connection.execute(_STATEMENTS[type(record)], value)
                    for record, value in zip(records, values, strict=True)
                ]
            refused = []
            for index, (record, cursor) in enumerate(zip(records, cursors, strict=True)):
                if isinstance(record, TurnTaken) and cursor.rowcount == 0:
                    row = connection.execute(_SAME_TURN, values[index]).fetchone()
                    if row != (True,):
                        refused.append(
                            Refused(first + index, "another turn has this number and moment")
                        )
            return refused

    def _connect(self) -> Connection:
        if self._connection is None or self._connection.closed:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=_CONNECT_S,
                # Prepared statements do not get through every connection pooler.
                prepare_threshold=None,
                application_name="ivr",
            )
            self._connection = connection
            with self._guard.over(connection):
                connection.execute("SET timezone TO 'UTC'")
                bring_up_to_date(connection)
        return self._connection

    def cut(self) -> None:
        """Let nothing wait any more, now or later. From any thread."""
        self._guard.cut()

    def close(self) -> None:
        """Let the connection go; the next batch makes another."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def _values(record: AnyRecord) -> dict[str, Any]:
    """Its fields; NUL, which PostgreSQL's text cannot hold, becomes U+FFFD."""
    return {
        name: value.replace("\0", "\ufffd") if isinstance(value, str) else value
        for name, value in record.model_dump().items()
    }
