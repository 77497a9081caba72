"""What a worker is given by URL, for real: PostgreSQL, Redis and speech synthesis of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from ivr.settings import Settings
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.storage.embedded.postgres_server import EmbeddedPostgres
from ivr.storage.embedded.redis_server import EmbeddedRedis
from ivr.storage.schema import apply_schema


@asynccontextmanager
async def neighbours(folder: Path, *, max_calls: int = 200) -> AsyncIterator[Settings]:
    """Settings of a worker on free ports, whose neighbours run until the end of the block."""
    postgres = EmbeddedPostgres(folder / "postgres")
    redis = EmbeddedRedis(folder / "redis")
    synthesis = SynthesisProcess()
    try:
        await asyncio.gather(
            asyncio.to_thread(postgres.start), asyncio.to_thread(redis.start), synthesis.start()
        )
        await asyncio.to_thread(apply_schema, postgres.url)
        yield Settings(
            var_dir=folder,
            audiosocket_port=0,
            freeswitch_port=0,
            http_port=0,
            max_calls=max_calls,
            # A machine that runs tests may be late; who is let in by load has tests of its own.
            most_lag_ms=60_000,
            most_backlog_ms=600_000,
            database_url=SecretStr(postgres.url),
            redis_url=SecretStr(redis.url),
            synthesis_url=synthesis.url,
        )
    finally:
        await synthesis.stop()
        await asyncio.to_thread(redis.stop)
        await asyncio.to_thread(postgres.stop)
