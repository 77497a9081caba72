"""The tables, brought up to date from `db/schema.sql`."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from ivr.errors import IvrError
from ivr.settings import PROJECT

VERSION = 6
"""The version that `db/schema.sql` makes."""

SCHEMA = PROJECT / "db" / "schema.sql"

_LOCK = 0x1BADCA11
"""The advisory lock of whoever changes the tables; any number that nobody else uses."""


def apply_schema(database_url: str, *, timeout_s: int = 3) -> None:
    """Make the tables where they are missing. Several workers may do so at once.

    Raises IvrError where the database is away or does not allow it.
    """
    check_url(database_url)
    try:
        with psycopg.connect(
            database_url,
            connect_timeout=timeout_s,
            options=f"-c statement_timeout={timeout_s}s",
        ) as connection:
            bring_up_to_date(connection)
    except psycopg.Error as error:
        raise IvrError(
            f"The tables cannot be made: {str(error).strip().rstrip('.?')}.",
            remedy="See that PostgreSQL runs and that IVR_DATABASE_URL may create tables.",
        ) from None


def check_url(database_url: str) -> None:
    """Raise IvrError where this is no address of a database; what it is may hold a password, and
    so is not quoted."""
    try:
        conninfo_to_dict(database_url)
    except psycopg.ProgrammingError:
        raise IvrError(
            "The PostgreSQL URL cannot be used.",
            remedy="Set IVR_DATABASE_URL like postgresql://user:password@host:5432/database.",
        ) from None


def bring_up_to_date(connection: Connection) -> None:
    """Make the tables on this connection, in a transaction of its own. Cheap where they are
    there. Raises psycopg.Error, and IvrError where `db/schema.sql` is missing.
    """
    with connection.transaction():
        if _version(connection) >= VERSION:
            return
        # CREATE TABLE IF NOT EXISTS itself fails when two do it at the same moment.
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if _version(connection) >= VERSION:
            return
        connection.execute(_script(SCHEMA))
        connection.execute(
            "INSERT INTO schema_version (version) VALUES (%s) ON CONFLICT DO NOTHING", (VERSION,)
        )


def _version(connection: Connection) -> int:
    if connection.execute("SELECT to_regclass('schema_version')").fetchone() == (None,):
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
    return int(row[0]) if row else 0


def _script(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise IvrError(
            f"{path} cannot be read: {error.strerror}.", remedy="Install ivr again."
        ) from None
