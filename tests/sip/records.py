"""What the edge has written into PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import psycopg
from psycopg.rows import class_row

from ivr.storage.reader import StoredCdr


class Cdrs:
    """The table of one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def all(self) -> list[StoredCdr]:
        """Every row, oldest first."""
        with (
            psycopg.connect(self.url) as connection,
            connection.cursor(row_factory=class_row(StoredCdr)) as cursor,
        ):
            return cursor.execute(
                "SELECT id, sip_call_id, began_at, answered_at, ended_at, source, trunk, caller,"
                " called, node, status, cause, detail FROM cdrs ORDER BY began_at"
            ).fetchall()

    async def of(
        self,
        call_id: str,
        wanted: Callable[[StoredCdr], bool] = lambda row: row.ended_at is not None,
        within_s: float = 5.0,
    ) -> StoredCdr:
        """The one row of a call, once it is as `wanted`. Raises AssertionError."""
        deadline = monotonic() + within_s
        while True:
            rows = [row for row in self.all() if row.sip_call_id == call_id]
            assert len(rows) < 2, rows
            if rows and wanted(rows[0]):
                return rows[0]
            assert monotonic() < deadline, f"{call_id}: {rows}"
            await asyncio.sleep(0.05)
