"""A whole `ivrctl serve`, as a process of its own, for tests that ring it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen
from uuid import UUID

import psutil

from ivr.errors import IvrError
from ivr.storage.reader import RecordReader, StoredCall
from ivr.storage.record import TurnTaken
from ivr.supervision.notes import ServeNotes, read_notes

T = TypeVar("T")

_START_S = 90.0
_STOP_S = 30.0
_POLL_S = 0.05


@dataclass
class Stack:
    """`with Stack(folder) as stack:` serves on free ports, everything embedded.

    `environment` adds to the settings; what the developer has set in `IVR_*` counts for nothing.
    """

    folder: Path
    workers: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] = field(init=False)
    notes: ServeNotes = field(init=False, repr=False)
    """What runs where."""

    def __enter__(self) -> Stack:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ivr.cli.main", "serve"],
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.notes = until(self._started, _START_S, "serve has started")
        except BaseException:
            self.__exit__()
            print(self.log.read_text())
            raise
        return self

    def _started(self) -> ServeNotes | None:
        assert self.process.poll() is None, "serve has ended"
        return read_notes(self.folder)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is not None:
            return
        for pid in (self.process.pid, *self.descendants()):
            send(pid, signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name[:4] != "IVR_"}
        return {
            **inherited,
            "IVR_VAR_DIR": str(self.folder),
            "IVR_AUDIOSOCKET_PORT": "0",
            "IVR_FREESWITCH_PORT": "0",
            "IVR_HTTP_PORT": "0",
            "IVR_WORKERS": str(self.workers),
            "IVR_DRAIN_S": "5",
            # One would load while tests run that need the machine.
            "IVR_SPARE_WORKERS": "0",
            # A machine that runs tests may be late; who is let in by load has tests of its own.
            "IVR_MOST_LAG_MS": "60000",
            "IVR_MOST_BACKLOG_MS": "600000",
            **self.environment,
        }

    @property
    def log(self) -> Path:
        """What it and its workers write."""
        return self.folder.with_suffix(".log")

    def until_ready(self, within_s: float = 30.0) -> None:
        """Wait until every worker takes calls."""
        for port in self.notes.http_ports:
            url = f"http://{self.notes.host}:{port}/ready"

            def ready(url: str = url) -> bool:
                with suppress(OSError), urlopen(url, timeout=2) as answer:
                    return bool(answer.status == 200)
                return False

            until(ready, within_s, f"{url} answers 200")

    # Its processes.

    def descendants(self) -> list[int]:
        """Process ids of everything below the supervisor."""
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [child.pid for child in children]

    def pids_of(self, program: str) -> list[int]:
        """Process ids below the supervisor that run this executable."""
        return [pid for pid in self.descendants() if Path(_exe(pid)).name == program]

    @property
    def synthesis_pid(self) -> int:
        """The speech-synthesis process."""
        (pid,) = [p for p in self.descendants() if "ivr.speech.synthesis.service" in _line(p)]
        return pid

    def worker_pid(self, name: str) -> int:
        """The worker of that name, e.g. "worker-0"."""
        port = self.notes.http_ports[int(name.rpartition("-")[2])]
        for pid in self.descendants():
            with suppress(psutil.Error):
                for socket in psutil.Process(pid).net_connections("tcp"):
                    if socket.status == psutil.CONN_LISTEN and socket.laddr.port == port:
                        return pid
        raise AssertionError(f"there is no {name}")

    # What it leaves behind.

    def events(self, event: str = "", call_id: UUID | None = None) -> list[dict[str, Any]]:
        """The log's lines that are events: all, or those of one kind, or of one call."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if not line.startswith("{") or not line.endswith("}"):
                continue
            entry = json.loads(line)
            if event and entry.get("event") != event:
                continue
            if call_id is None or entry.get("call_id") == str(call_id):
                found.append(entry)
        return found

    def until_logged(
        self, event: str, call_id: UUID | None = None, *, within_s: float = 10.0, **values: Any
    ) -> dict[str, Any]:
        """Wait for such a line and return it."""

        def wanted() -> dict[str, Any] | None:
            for entry in self.events(event, call_id):
                if values.items() <= entry.items():
                    return entry
            return None

        return until(wanted, within_s, f"{event} {values} in the log")

    def call(self, call_id: UUID, *, within_s: float = 20.0) -> StoredCall:
        """The call's row in PostgreSQL, once its end has arrived there."""

        def ended() -> StoredCall | None:
            with suppress(IvrError):
                row = self._records.call(call_id)
                return row if row is not None and row.finished_at is not None else None
            return None

        return until(ended, within_s, f"the end of call {call_id} in PostgreSQL")

    def turns(self, call_id: UUID) -> list[TurnTaken]:
        """The call's turns in PostgreSQL."""
        return self._records.turns_of(call_id)

    @property
    def _records(self) -> RecordReader:
        url = self.notes.database_url
        assert url is not None
        return RecordReader(url)


def until(condition: Callable[[], T | None], within_s: float, what: str) -> T:
    """Wait until `condition` returns something, and return it."""
    deadline = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(_POLL_S)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _exe(pid: int) -> str:
    try:
        return psutil.Process(pid).exe()
    except psutil.Error:
        return ""


def _line(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""
