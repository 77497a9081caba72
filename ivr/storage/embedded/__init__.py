"""Real servers, smaller: PostgreSQL and Redis from pip packages, as children of this process.

They are what a machine without a database gets for a demo, for development and for tests, and
they are refused in production. Each owns one folder (a lock says so), listens on a unix socket
alone, keeps what it accepted over any kill, and dies with the process that started it.
"""

from ivr.storage.embedded.postgres_server import EmbeddedPostgres
from ivr.storage.embedded.redis_server import EmbeddedRedis

__all__ = ["EmbeddedPostgres", "EmbeddedRedis"]
