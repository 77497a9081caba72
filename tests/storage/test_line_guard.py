"""What guards a line to a database that may freeze."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest

from ivr.storage.embedded.postgres_server import EmbeddedPostgres
from ivr.storage.line_guard import LineGuard

pytestmark = pytest.mark.postgres

SLEEPS = "SELECT pg_sleep(20)"


def sleeping(connection: psycopg.Connection) -> float:
    """How long a statement of 20 s goes on, in s."""
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        connection.execute(SLEEPS)
    return time.monotonic() - began


def test_a_line_is_shut_in_time_and_only_within_the_block(postgres: EmbeddedPostgres) -> None:
    guard = LineGuard(0.3)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        with guard.over(connection):
            pass
        connection.execute("SELECT pg_sleep(0.8)")
        with guard.over(connection):
            assert 0.2 < sleeping(connection) < 2
        assert connection.broken


def test_a_cut_shuts_it_at_once_from_another_thread_and_whatever_comes_later(
    postgres: EmbeddedPostgres,
) -> None:
    guard = LineGuard(20)
    for _ in ("under way", "later"):
        with psycopg.connect(postgres.url, autocommit=True) as connection, guard.over(connection):
            cutting = threading.Timer(0.3, guard.cut)
            cutting.start()
            assert sleeping(connection) < 2
            cutting.join()


def test_one_thread_guards_whatever_follows(postgres: EmbeddedPostgres) -> None:
    guard = LineGuard(5)

    def guards() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "line-guard"]

    before = len(guards())
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        for _ in range(20):
            with guard.over(connection):
                connection.execute("SELECT 1")
        assert len(guards()) == before + 1
    guard.cut()
    for thread in guards()[before:]:
        thread.join(2)
        assert not thread.is_alive()
