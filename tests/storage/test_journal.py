"""The journal on disk: what a worker leaves there, another one brings home."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import pytest

from ivr.errors import IvrError
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.journal_segment import Segment
from ivr.storage.records import RecordJournal
from tests.storage.conftest import Signaller
from tests.storage.samples import (
    NOWHERE,
    journals,
    numbers,
    refused,
    turn,
    wait_until,
)

pytestmark = pytest.mark.postgres


async def test_closing_before_a_frozen_database_takes_seconds_and_keeps_all_on_disk(
    tmp_path: Path, postgres: EmbeddedPostgres, send: Signaller
) -> None:
    journal = RecordJournal(tmp_path, "worker-0", postgres.url)
    journal.start()
    call_id = uuid4()
    journal.write(turn(call_id, 1))
    assert await journal.flush(5)
    send(postgres, signal.SIGSTOP)
    journal.write(turn(call_id, 2))
    began = time.monotonic()
    await journal.close()
    assert time.monotonic() - began < 3.5
    send(postgres, signal.SIGCONT)
    heir = RecordJournal(tmp_path, "worker-1", postgres.url)
    heir.start()
    assert await heir.flush(5)
    await heir.close()
    assert numbers(postgres, call_id) == [1, 2]
    assert journals(tmp_path) == []


async def test_what_is_written_while_there_is_no_database_at_all_waits_for_one(
    tmp_path: Path, postgres: EmbeddedPostgres
) -> None:
    call_id = uuid4()
    journal = RecordJournal(tmp_path, "worker-0", NOWHERE)
    journal.start()
    for count in range(1, 101):
        journal.write(turn(call_id, count))
    assert not await journal.flush(0.3)
    await journal.close()
    journal.write(turn(call_id, 101))  # after the end: refused, not stored where nobody looks
    heir = RecordJournal(tmp_path, "worker-0", postgres.url)
    heir.start()
    assert heir.backlog <= 100
    assert await heir.flush(5)
    await heir.close()
    assert numbers(postgres, call_id) == list(range(1, 101))


WRITER = """
import sys, time
from pathlib import Path
from tests.storage.samples import turn
from ivr.storage.journal_segment import Segment
from ivr.storage.records import RecordJournal
from uuid import UUID

journal = RecordJournal(Path(sys.argv[1]), "worker-0", sys.argv[2])
journal.start()
for count in range(1, 1_000_000):
    journal.write(turn(UUID(sys.argv[3]), count, "x" * 200))
    if count % 20 == 0:
        time.sleep(0.001)
"""


@pytest.mark.parametrize("url_known", [True, False], ids=["shipping", "database away"])
async def test_another_worker_adopts_what_a_killed_one_had_on_disk(
    tmp_path: Path, postgres: EmbeddedPostgres, url_known: bool
) -> None:
    call_id = uuid4()
    url = postgres.url if url_known else NOWHERE
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, url, str(call_id)]) as writer:
        # More than one segment of 1 MiB.
        wait_until(lambda: sum(path.stat().st_size for path in journals(tmp_path)) > 1_500_000)
        living = RecordJournal(tmp_path, "worker-1", NOWHERE)
        living.start()
        assert living.backlog == 0, "the files of a living worker were adopted"
        await living.close()
        writer.kill()
    on_disk = [
        json.loads(line)["number"]
        for path in journals(tmp_path)
        for line in path.read_bytes().split(b"\n")[1:-1]
    ]
    assert len(on_disk) > 1000
    heir = RecordJournal(tmp_path, "worker-1", postgres.url)
    heir.start()
    assert await heir.flush(20)
    await heir.close()
    stored = numbers(postgres, call_id)
    assert stored == list(range(1, len(stored) + 1))
    assert set(on_disk) <= set(stored)
    assert journals(tmp_path) == []


async def test_what_is_written_is_on_disk_at_once_however_slowly_the_disk_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may be killed at any moment: a record must not wait in it for another's sync."""
    go_on = threading.Event()
    syncing = threading.Event()

    def slow(_: Segment) -> None:
        syncing.set()
        go_on.wait(30)

    monkeypatch.setattr(Segment, "sync", slow)
    call_id = uuid4()
    journal = RecordJournal(tmp_path, "worker-0", NOWHERE)
    journal.start()
    journal.write(turn(call_id, 1))
    await asyncio.to_thread(syncing.wait, 10)
    journal.write(turn(call_id, 2))
    lines = [turn(call_id, number).model_dump_json().encode() for number in (1, 2)]
    wait_until(lambda: all(line in journals(tmp_path)[0].read_bytes() for line in lines))
    go_on.set()
    await journal.close()


async def test_a_running_worker_adopts_too_and_a_torn_line_is_put_away(
    tmp_path: Path, postgres: EmbeddedPostgres
) -> None:
    call_id = uuid4()
    whole = turn(call_id, 1).model_dump_json()
    torn = turn(call_id, 2).model_dump_json()[:40]
    (tmp_path / "dead-1-1.journal").write_text(f"ivr-journal 1 {31:016d}\n{whole}\n{torn}")
    (tmp_path / "dead-2-1.journal").write_text("")
    (tmp_path / "dead-3-1.journal").write_text("ivr-jour")
    (tmp_path / "dead-4-1.journal").write_text(f"not ours\n{turn(call_id, 3).model_dump_json()}\n")
    (tmp_path / "dead-5-1.journal").write_text(
        f"ivr-journal 1 {9999:016d}\n{turn(call_id, 4).model_dump_json()}\n"
    )
    journal = RecordJournal(tmp_path, "worker-0", postgres.url)
    journal.start()
    assert await journal.flush(5)
    await journal.close()
    assert numbers(postgres, call_id) == [1, 3, 4]
    assert sorted(entry["line"] for entry in refused(tmp_path)) == ["ivr-jour", "not ours", torn]
    assert journals(tmp_path) == []


def test_a_folder_that_cannot_be_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IvrError, match="Records cannot be kept"):
        RecordJournal(tmp_path / "file" / "records", "worker-0", NOWHERE).start()


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from structlog.testing import capture_logs
from tests.storage.samples import turn
from ivr.storage.journal_segment import Segment
from ivr.storage.records import RecordJournal
from uuid import UUID

async def main():
    folder, sockets, call_id = Path(sys.argv[1]), sys.argv[2], UUID(sys.argv[3])
    way = folder / "way"
    url = f"postgresql://postgres@/postgres?host={way}"
    journal = RecordJournal(folder, "worker-0", url)
    journal.start()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, unlimited[1]))
    with capture_logs() as log:
        for count in range(1, 501):
            journal.write(turn(call_id, count, "x" * 1000))
            await asyncio.sleep(0)
        # No disk and no database: what is in memory goes to and fro until there is one.
        while "database_away" not in [entry["event"] for entry in log]:
            await asyncio.sleep(0.01)
        assert not await journal.flush(0.3)
        assert journal.backlog == 500
        way.symlink_to(sockets)
        assert await journal.flush(10), journal.backlog
        assert [entry["event"] for entry in log].count("journal_disk_fails") == 1, log
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        journal.write(turn(call_id, 501))
        assert await journal.flush(10)
    await journal.close()

asyncio.run(main())
"""


def test_a_full_disk_is_gone_round(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    # A limit on the size of files stands for a disk without room: both fail the write.
    call_id = uuid4()
    sockets = unquote(postgres.url.partition("host=")[2])
    subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path, sockets, str(call_id)],
        check=True,
        timeout=30,
    )
    assert numbers(postgres, call_id) == list(range(1, 502))
    assert journals(tmp_path) == []
