"""Real servers for the tests of storage."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from ivr.storage.embedded import EmbeddedPostgres, EmbeddedRedis
from ivr.storage.schema import apply_schema
from ivr.storage.sessions import RedisSessionStore


class Server(Protocol):
    @property
    def pids(self) -> list[int]: ...


Signaller = Callable[[Server, signal.Signals], None]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A Redis of one test's own, which it may torment."""
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def store(redis: EmbeddedRedis) -> AsyncIterator[RedisSessionStore]:
    """Live sessions on `redis`."""
    store = RedisSessionStore(redis.url)
    yield store
    await store.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    apply_schema(server.url)
    yield server
    server.stop()


@pytest.fixture
def postgres(cluster: EmbeddedPostgres) -> EmbeddedPostgres:
    """A PostgreSQL with our tables, up; a test may torment it."""
    if not cluster.healthy(1.0):
        cluster.restart()
    return cluster


@pytest.fixture
def send() -> Signaller:
    """Send a signal to every process of a server."""

    def send(server: Server, number: signal.Signals) -> None:
        for pid in server.pids:
            # A server whose first process was killed ends the others by itself.
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    return send
