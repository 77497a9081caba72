"""What `ivrctl serve` leaves word of in `var_dir`, for `ivrctl` commands of the same user: what
runs where. The file is readable by its owner alone, since URLs may hold passwords."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivr.settings import Settings
from ivr.supervision.worker_ports import WorkerPorts

NOTES = "serve.json"
"""In `var_dir`, while `serve` runs."""


class ServeNotes(BaseModel):
    """What runs where. Ports are listed worker by worker."""

    model_config = ConfigDict(frozen=True)

    pid: int = Field(gt=0)
    host: str
    audiosocket_ports: tuple[int, ...] = Field(min_length=1)
    freeswitch_ports: tuple[int, ...] = Field(min_length=1)
    http_ports: tuple[int, ...] = Field(min_length=1)
    database_url: str | None = None
    redis_url: str | None = None
    synthesis_url: str | None = None
    synthesis_engines: tuple[str, ...] = ()
    integrations: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings, ports: WorkerPorts) -> ServeNotes:
        """Notes of this process, which serves with these settings."""
        database, redis = settings.database_url, settings.redis_url
        return cls(
            pid=os.getpid(),
            host=settings.host,
            audiosocket_ports=ports.audiosocket,
            freeswitch_ports=ports.freeswitch,
            http_ports=ports.http,
            database_url=database and database.get_secret_value(),
            redis_url=redis and redis.get_secret_value(),
            synthesis_url=settings.synthesis_url,
            synthesis_engines=settings.synthesis_engines,
            integrations=settings.integrations,
        )

    def write(self, var_dir: Path) -> None:
        """Leave them. They appear whole or not at all. Raises OSError."""
        path = var_dir / NOTES
        part = path.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self.model_dump_json(indent=1))
        part.replace(path)


def read_notes(var_dir: Path) -> ServeNotes | None:
    """The notes of the `serve` that runs on `var_dir`; None where none runs, or somebody else's."""
    try:
        notes = ServeNotes.model_validate_json((var_dir / NOTES).read_bytes())
        os.kill(notes.pid, 0)
    except (OSError, OverflowError, ValidationError):
        return None
    return notes


def remove_notes(var_dir: Path) -> None:
    """Take our own notes away; another `serve`'s are left alone."""
    notes = read_notes(var_dir)
    if notes is not None and notes.pid == os.getpid():
        with suppress(OSError):
            (var_dir / NOTES).unlink()
