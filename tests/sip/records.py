"""What the edge has written into PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """A row of `cdrs`."""

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


class Cdrs:
    """The table of one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def all(self) -> list[Cdr]:
        """Every row, oldest first."""
        with (
            psycopg.connect(self.url) as connection,
            connection.cursor(row_factory=class_row(Cdr)) as cursor,
        ):
            return cursor.execute(
                "SELECT sip_call_id, began_at, answered_at, ended_at, source, trunk, caller,"
                " called, node, status, cause, detail FROM cdrs ORDER BY began_at"
            ).fetchall()

    async def of(
        self,
        call_id: str,
        wanted: Callable[[Cdr], bool] = lambda row: row.ended_at is not None,
        within_s: float = 5.0,
    ) -> Cdr:
        """The one row of a call, once it is as `wanted`. Raises AssertionError."""
        deadline = monotonic() + within_s
        while True:
            rows = [row for row in self.all() if row.sip_call_id == call_id]
            assert len(rows) < 2, rows
            if rows and wanted(rows[0]):
                return rows[0]
            assert monotonic() < deadline, f"{call_id}: {rows}"
            await asyncio.sleep(0.05)
