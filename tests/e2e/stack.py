"""A whole `ivrctl serve`, as a process of its own, for tests that ring it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from ivr.ports import free_ports
from ivr.supervision.supervisor import NOTES

_START_S = 90.0


@dataclass
class Stack:
    """`with Stack(folder) as stack:` serves on free ports, everything embedded."""

    folder: Path
    workers: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    audiosocket_port: int = 0
    http_port: int = 0

    def __enter__(self) -> Stack:
        ports = _consecutive(self.workers), _consecutive(self.workers)
        self.audiosocket_port, self.http_port = ports
        environment = {
            **os.environ,
            "IVR_VAR_DIR": str(self.folder),
            "IVR_AUDIOSOCKET_PORT": str(ports[0]),
            "IVR_HTTP_PORT": str(ports[1]),
            "IVR_WORKERS": str(self.workers),
            "IVR_DRAIN_S": "5",
            **self.environment,
        }
        self.log = self.folder.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ivr.cli.main", "serve"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_S
        while not (self.folder / NOTES).exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"serve did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        for pid in self.descendants():
            _signal(pid, signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    @property
    def notes(self) -> dict[str, Any]:
        """What runs where."""
        data = json.loads((self.folder / NOTES).read_text())
        assert isinstance(data, dict)
        return data

    def descendants(self) -> list[int]:
        """Process ids of everything below the supervisor."""
        assert self.process is not None
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [child.pid for child in children]

    def pids(self, *words: str) -> list[int]:
        """Process ids below the supervisor whose command line holds every word."""
        found = []
        for pid in self.descendants():
            try:
                line = " ".join(psutil.Process(pid).cmdline())
            except psutil.Error:
                continue
            if all(word in line for word in words):
                found.append(pid)
        return found

    def events(self) -> list[dict[str, Any]]:
        """The log's lines that are events."""
        return [
            json.loads(line)
            for line in self.log.read_text(errors="replace").splitlines()
            if line.startswith("{")
        ]

    def turns(self, call_id: object, *, at_least: int, within_s: float = 20.0) -> list[Any]:
        """The call's turns in PostgreSQL, once at least so many are there."""
        deadline = time.monotonic() + within_s
        rows: list[Any] = []
        while time.monotonic() < deadline:
            try:
                with psycopg.connect(self.notes["database_url"], connect_timeout=2) as connection:
                    rows = connection.execute(
                        "select number, who, text from turns where call_id = %s order by number",
                        (str(call_id),),
                    ).fetchall()
            except psycopg.Error:
                rows = []
            if len(rows) >= at_least:
                return rows
            time.sleep(0.1)
        return rows


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _consecutive(count: int) -> int:
    """Return a free port that is followed by `count` - 1 more."""
    while True:
        first = free_ports(1)[0]
        if first + count > 65535:
            continue
        try:
            from ivr.ports import refuse_used_port

            for port in range(first, first + count):
                refuse_used_port("127.0.0.1", port, "")
        except Exception:
            continue
        return first
