"""Records, by way of the disk, into PostgreSQL.

    write ── queue ── writer thread ── journal ── shipper thread ── PostgreSQL
                  └── memory, while the disk takes nothing ──┘

Rules:
- What is on disk outlives the process; another worker adopts it (see `journal_segment`).
- A record leaves the disk when PostgreSQL has it, or has refused it for ever: that one goes to
  `refused-WORKER.jsonl` with the reason.
- Neither a database that is away nor a full disk reaches the caller of `write`: no lock that it
  needs is ever held over a system call.
"""

from __future__ import annotations

import asyncio
import errno
import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from ivr.errors import IvrError
from ivr.storage.journal_segment import SUFFIX, Segment
from ivr.storage.json_text import to_json
from ivr.storage.record import AnyRecord, Record
from ivr.storage.record_database import DatabaseAway, RecordDatabase

_SEGMENT_BYTES = 1 << 20
_BATCH = 200
_MEMORY_RECORDS = 20_000
"""What waits in memory at most where the disk takes nothing: some 10 MiB."""
_ADOPT_S = 5.0
"""How often the folder is searched for what dead workers have left."""
_DISK_S = 1.0
"""How often a disk that took nothing is tried again."""
_PAUSES_S = (0.1, 0.2, 0.4, 0.8)
"""Between tries of a database that is away; the last goes on."""
_CLOSE_S = 2.0
_TOGETHER_S = 0.2
"""Records of so long go into the database, and are synced to the disk, together: each trip costs
the same, and calls wait while a thread of ours holds the interpreter."""

_log = structlog.get_logger(__name__)
_record: TypeAdapter[AnyRecord] = TypeAdapter(Record)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Lines under way: from `segment` up to `offset`, or from memory."""

    lines: Sequence[bytes]
    segment: Segment | None = None
    offset: int = 0


class RecordJournal:
    """A `RecordStore`. Workers may share `folder`; `worker` names ours.

    Three threads of its own do the work. `write` may come from any thread.
    """

    def __init__(self, folder: Path, worker: str, database_url: str) -> None:
        self._folder = folder
        self._worker = worker
        self._database = RecordDatabase(database_url)
        self._lock = threading.Lock()
        # Each waits for something of its own, and a record wakes only who has to do with it.
        self._queued = threading.Condition(self._lock)
        self._unsynced_more = threading.Condition(self._lock)
        self._shippable = threading.Condition(self._lock)
        self._hurry = threading.Condition(self._lock)
        self._settling = threading.Condition(self._lock)
        self._awaited = 0
        """Who waits for what was written to be settled: nothing is put off then."""
        self._queue: deque[bytes] = deque()
        self._memory: deque[bytes] = deque()
        self._segments: deque[Segment] = deque()
        self._unsynced: set[Segment] = set()
        self._active: Segment | None = None
        self._taken = 0
        self._settled = 0
        self._lost = 0
        self._disk_fails = False
        self._disk_again_at = 0.0
        self._away = 0
        self._closing = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin; adopts what dead workers have left. Raises IvrError where the folder is none."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise IvrError(
                    f"Records cannot be kept in {self._folder}: {error.strerror or error}.",
                    remedy="Set IVR_VAR_DIR to a folder that may be written.",
                ) from None
        self._adopt()
        for name, work in (
            ("writer", self._writing),
            ("syncer", self._syncing),
            ("shipper", self._shipping),
        ):
            thread = threading.Thread(target=work, name=f"records-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    @property
    def backlog(self) -> int:
        """Records that PostgreSQL does not have yet, with those adopted."""
        with self._lock:
            return self._taken - self._settled + self._adopted()

    def _adopted(self) -> int:
        return sum(segment.left for segment in self._segments if segment.adopted)

    def write(self, record: AnyRecord) -> None:
        """See `RecordStore.write`."""
        try:
            line = to_json(record).encode() + b"\n"
        except Exception as error:  # noqa: BLE001 - a call must not end for want of a record
            _log.error("record_unwritable", call_id=str(record.call_id), why=str(error))
            return
        with self._lock:
            full = len(self._queue) + len(self._memory) >= _MEMORY_RECORDS
            if not full and not self._closing:
                self._queue.append(line)
                self._taken += 1
                self._queued.notify()
                return
            self._lost += 1
            first = self._lost == 1
        if first:
            why = "closed" if self._closing else "neither disk nor database take records"
            _log.error("records_lost", why=why)

    # The disk's side.

    def _writing(self) -> None:
        while True:
            with self._lock:
                pause = _DISK_S if self._memory else None
                self._queued.wait_for(lambda: self._queue or self._closing, pause)
                lines = list(self._queue)
                self._queue.clear()
                if not lines and self._closing:
                    return
            self._to_disk(lines)

    def _to_disk(self, lines: list[bytes]) -> None:
        with self._lock:
            if time.monotonic() < self._disk_again_at and not self._closing:
                self._memory.extend(lines)
                self._shippable.notify()
                return
            # What came while the disk took nothing goes first; the shipper may have it already.
            lines = [*self._memory, *lines]
            self._memory.clear()
        if not lines:
            return
        try:
            segment = self._room()
            segment.append(b"".join(lines))
        except OSError as error:
            with self._lock:
                self._memory.extend(lines)
                self._active = None
                self._disk_again_at = time.monotonic() + _DISK_S
                self._shippable.notify()
            if not self._disk_fails:
                _log.error("journal_disk_fails", folder=str(self._folder), why=error.strerror)
            self._disk_fails = True
            return
        with self._lock:
            segment.left += len(lines)
            if segment not in self._unsynced:
                self._unsynced.add(segment)
                self._unsynced_more.notify()
            self._shippable.notify()
        if self._disk_fails:
            _log.info("journal_disk_works", folder=str(self._folder))
        self._disk_fails = False

    def _syncing(self) -> None:
        """What was written outlives this process at once, and the machine once it is synced; the
        disk takes its time for that, and nobody waits for it, least of all the next record."""
        while True:
            with self._lock:
                self._unsynced_more.wait_for(lambda: self._unsynced or self._closing)
                self._unsynced_more.wait_for(lambda: self._closing, _TOGETHER_S)
                segments, self._unsynced = self._unsynced, set()
                if not segments:
                    return
            for segment in segments:
                _sync(segment)

    def _room(self) -> Segment:
        if self._active is None or self._active.size >= _SEGMENT_BYTES:
            segment = Segment.create(self._folder, self._worker)
            with self._lock:
                self._active = segment
                self._segments.append(segment)
        return self._active

    def _adopt(self) -> None:
        with self._lock:
            ours = {segment.path for segment in self._segments}
        for path in sorted(set(self._folder.glob(f"*{SUFFIX}")) - ours):
            try:
                segment = Segment.adopt(path)
                if segment is None:
                    continue
                segment.left = segment.count()
            except OSError as error:
                _log.error("journal_unreadable", file=path.name, why=error.strerror)
                continue
            _log.info("journal_adopted", file=path.name, records=segment.left)
            if segment.torn:
                _log.warning("journal_torn", file=path.name, bytes=len(segment.torn))
                self._refuse(segment.torn, "the last line of a journal, torn by a crash")
            with self._lock:
                self._segments.appendleft(segment)

    # The database's side.

    def _shipping(self) -> None:
        adopt_at = time.monotonic() + _ADOPT_S
        while True:
            with self._lock:
                self._shippable.wait_for(
                    lambda: self._closing or self._memory or self._unfinished(),
                    max(adopt_at - time.monotonic(), 0),
                )
                self._hurry.wait_for(self._in_a_hurry, _TOGETHER_S)
                if self._closing:
                    return
            if time.monotonic() >= adopt_at:
                self._adopt()
                adopt_at = time.monotonic() + _ADOPT_S
            self._remove_finished()
            batch = self._next_batch()
            if batch is None:
                continue
            try:
                self._ship(batch)
            except DatabaseAway as error:
                if batch.segment is None:
                    with self._lock:
                        self._memory.extendleft(reversed(batch.lines))
                self._wait_for_database(error)
            else:
                if self._away:
                    _log.info("database_back")
                self._away = 0

    def _in_a_hurry(self) -> bool:
        waiting = len(self._memory) + sum(segment.left for segment in self._segments)
        return self._closing or self._awaited > 0 or waiting >= _BATCH

    def _wait_for_database(self, error: DatabaseAway) -> None:
        if not self._away:
            _log.warning("database_away", why=error.what, backlog=self.backlog)
        pause = _PAUSES_S[min(self._away, len(_PAUSES_S) - 1)]
        self._away += 1
        with self._lock:
            self._shippable.wait_for(lambda: self._closing, pause)

    def _unfinished(self) -> Segment | None:
        return next((segment for segment in self._segments if not segment.finished), None)

    def _remove_finished(self) -> None:
        with self._lock:
            done = [one for one in self._segments if one.finished and one is not self._active]
            for segment in done:
                self._segments.remove(segment)
        for segment in done:
            segment.remove()

    def _next_batch(self) -> _Batch | None:
        with self._lock:
            if self._memory:
                most = min(_BATCH, len(self._memory))
                return _Batch([self._memory.popleft() for _ in range(most)])
            segment = self._unfinished()
        if segment is None:
            return None
        try:
            lines, offset = segment.read(_BATCH)
        except OSError as error:
            with self._lock:
                self._segments.remove(segment)
                if segment is self._active:
                    self._active = None
                self._settle(segment, segment.left)
            aside = segment.set_aside()
            _log.error("journal_unreadable", file=str(aside), why=error.strerror)
            return None
        return _Batch(lines, segment, offset)

    def _ship(self, batch: _Batch) -> None:
        records: list[AnyRecord] = []
        places: list[int] = []
        refused: list[tuple[int, str]] = []
        for place, line in enumerate(batch.lines):
            try:
                records.append(_record.validate_json(line))
                places.append(place)
            except ValidationError as error:
                refused.append((place, str(error.errors(include_url=False)[0]["msg"])))
        refused += [(places[one.index], one.why) for one in self._database.ship(records)]
        for place, why in refused:
            self._refuse(batch.lines[place], why)
        if batch.segment is not None:
            batch.segment.shipped_to(batch.offset)
        with self._lock:
            self._settle(batch.segment, len(batch.lines))

    def _settle(self, segment: Segment | None, lines: int) -> None:
        if segment is not None:
            segment.left -= lines
        if segment is None or not segment.adopted:
            self._settled += lines
        self._settling.notify_all()

    def _refuse(self, line: bytes, why: str) -> None:
        """Put a line away where a person may look at it."""
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", self._worker)[:64]
        path = self._folder / f"refused-{name}.jsonl"
        _log.error("record_refused", why=why, file=str(path))
        entry = {
            "at": datetime.now(UTC).isoformat(),
            "why": why,
            "line": line.decode("utf-8", "backslashreplace"),
        }
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            _log.error("record_refused_and_lost", why=error.strerror)

    # The end.

    async def flush(self, timeout_s: float) -> bool:
        """See `RecordStore.flush`; waits for adopted records too."""
        with self._lock:
            target = self._taken

        def arrived() -> bool:
            # Records overtake each other only where the disk fails.
            enough = self._taken if self._disk_fails else target
            return self._settled >= enough and not self._adopted()

        return await asyncio.to_thread(self._wait, arrived, timeout_s)

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        with self._lock:
            self._awaited += 1
            self._hurry.notify()
            try:
                return self._settling.wait_for(condition, timeout_s)
            finally:
                self._awaited -= 1

    async def close(self) -> None:
        """See `RecordStore.close`; takes some seconds at most. Twice is harmless."""
        if not self._threads:
            return
        await self.flush(_CLOSE_S)
        with self._lock:
            self._closing = True
            for waiting in (self._queued, self._unsynced_more, self._shippable, self._hurry):
                waiting.notify_all()
        self._database.cut()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        for thread in self._threads:
            thread.join(_CLOSE_S)
        if any(thread.is_alive() for thread in self._threads):
            # A disk or a name server that hangs; the locks end with the process.
            _log.error("journal_not_closed", backlog=self.backlog)
            return
        self._threads.clear()
        self._database.close()
        self._to_disk([])
        for segment in self._unsynced:
            _sync(segment)
        if self._memory:
            _log.error("records_lost", number=len(self._memory), why="the disk takes nothing")
        for segment in self._segments:
            if segment.finished:
                segment.remove()
            else:
                segment.close()
        self._segments.clear()
        self._active = None


def _sync(segment: Segment) -> None:
    try:
        segment.sync()
    except OSError as error:
        if error.errno != errno.EBADF:  # shipped and removed meanwhile
            _log.error("journal_not_synced", why=error.strerror)
