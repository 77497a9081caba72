"""Records through a real disk into a real PostgreSQL: none lost, none doubled."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import IvrError
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.json_text import to_json
from ivr.storage.reader import RecordReader
from ivr.storage.record import CallFinished, CallStarted, TurnTaken
from ivr.storage.record_database import DatabaseAway, RecordDatabase
from ivr.storage.records import RecordJournal
from ivr.storage.schema import apply_schema
from tests.storage.conftest import Signaller

pytestmark = pytest.mark.postgres

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOWHERE = "postgresql://postgres@/postgres?host=/nowhere"


@pytest.fixture
async def journal(tmp_path: Path, postgres: EmbeddedPostgres) -> AsyncIterator[RecordJournal]:
    journal = RecordJournal(tmp_path / "records", "worker-0", postgres.url)
    journal.start()
    yield journal
    await journal.close()


def started(call_id: UUID, *, at: datetime = NOON, worker: str = "worker-0") -> CallStarted:
    return CallStarted(
        call_id=call_id,
        at=at,
        flow="bank",
        flow_version="1",
        caller="+15550100",
        called="100",
        language="en",
        worker=worker,
    )


def turn(call_id: UUID, number: int, text: str = "hello") -> TurnTaken:
    return TurnTaken(call_id=call_id, number=number, at=NOON, who="caller", text=text)


def numbers(postgres: EmbeddedPostgres, call_id: UUID) -> list[int]:
    return [taken.number for taken in RecordReader(postgres.url).turns_of(call_id)]


def refused(folder: Path) -> list[dict[str, str]]:
    lines = [line for path in folder.glob("refused-*") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def wait_until(condition: Callable[[], bool], deadline_s: float = 10.0) -> None:
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, "the condition never held"
        time.sleep(0.005)


async def test_a_call_and_its_turns_are_read_back_as_they_were(
    journal: RecordJournal, postgres: EmbeddedPostgres
) -> None:
    call_id = uuid4()
    spoken = TurnTaken(
        call_id=call_id,
        number=1,
        at=NOON + timedelta(microseconds=1),
        who="bot",
        text='Guten Tag, "Anna" \\ नमस्ते\n\u2028',
        language="de",
        node="greeting",
        intent="greet",
        confidence=0.91,
        asr_confidence=0.5,
        gap_ms=412.5,
        interrupted=True,
    )
    journal.write(started(call_id))
    journal.write(spoken)
    journal.write(CallFinished(call_id=call_id, at=NOON, cause="caller", detail="hung up", turns=1))
    assert await journal.flush(5)
    reader = RecordReader(postgres.url)
    assert reader.turns_of(call_id) == [spoken]
    call = reader.call(call_id)
    assert call is not None
    assert (call.started_at, call.finished_at) == (NOON, NOON)
    assert (call.caller, call.language, call.worker) == ("+15550100", "en", "worker-0")
    assert (call.cause, call.detail, call.turns) == ("caller", "hung up", 1)
    assert call_id in [one.id for one in reader.calls(1000)]


async def test_of_a_call_taken_over_the_first_beginning_and_the_last_end_remain(
    journal: RecordJournal, postgres: EmbeddedPostgres
) -> None:
    call_id = uuid4()
    later = NOON + timedelta(minutes=1)
    # In the order in which two journals may well arrive.
    journal.write(CallFinished(call_id=call_id, at=later, cause="bot", turns=4))
    journal.write(started(call_id, at=later, worker="worker-1"))
    journal.write(started(call_id, at=NOON, worker="worker-0"))
    journal.write(CallFinished(call_id=call_id, at=NOON, cause="line", turns=2))
    assert await journal.flush(5)
    call = RecordReader(postgres.url).call(call_id)
    assert call is not None
    assert (call.started_at, call.worker) == (NOON, "worker-0")
    assert (call.finished_at, call.cause, call.turns) == (later, "bot", 4)


async def test_a_turn_that_was_interrupted_after_all_is_one_turn_in_either_order(
    journal: RecordJournal, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    call_id = uuid4()
    whole = [turn(call_id, 1), turn(call_id, 2)]
    cut = [one.model_copy(update={"interrupted": True}) for one in whole]
    for record in (whole[0], cut[0], cut[1], whole[1]):
        journal.write(record)
    assert await journal.flush(5)
    assert RecordReader(postgres.url).turns_of(call_id) == cut
    assert refused(tmp_path / "records") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_a_database_that_dies_amid_a_stream_of_turns_has_each_once_afterwards(
    journal: RecordJournal, postgres: EmbeddedPostgres, send: Signaller, number: signal.Signals
) -> None:
    call_id = uuid4()
    longest = 0.0
    for count in range(1, 601):
        if count == 200:
            wait_until(lambda: len(numbers(postgres, call_id)) > 50)
            send(postgres, number)
        if count == 400:
            postgres.restart()
        began = time.perf_counter()
        journal.write(turn(call_id, count, f"turn {count}"))
        longest = max(longest, time.perf_counter() - began)
        if count % 50 == 0:
            time.sleep(0.01)
    assert await journal.flush(8)
    assert numbers(postgres, call_id) == list(range(1, 601))
    assert journal.backlog == 0
    # Threads of ours share the interpreter with the caller: some switches of 5 ms, no waiting.
    assert longest < 0.1


async def test_a_database_frozen_for_a_while_takes_everything_once_it_wakes(
    journal: RecordJournal, postgres: EmbeddedPostgres, send: Signaller
) -> None:
    call_id = uuid4()
    journal.write(turn(call_id, 1))
    assert await journal.flush(5)
    send(postgres, signal.SIGSTOP)
    for count in range(2, 51):
        journal.write(turn(call_id, count))
    assert not await journal.flush(0.2)
    assert journal.backlog == 49
    send(postgres, signal.SIGCONT)
    assert await journal.flush(8)
    assert numbers(postgres, call_id) == list(range(1, 51))


def test_a_frozen_database_holds_the_shipper_for_three_seconds_at_most(
    postgres: EmbeddedPostgres, send: Signaller
) -> None:
    database = RecordDatabase(postgres.url)
    call_id = uuid4()
    assert database.ship([turn(call_id, 1)]) == []
    send(postgres, signal.SIGSTOP)
    for _ in ("in the middle of a connection", "at its beginning"):
        began = time.monotonic()
        with pytest.raises(DatabaseAway):
            database.ship([turn(call_id, 2)])
        assert 1.5 < time.monotonic() - began < 3.5
    send(postgres, signal.SIGCONT)
    assert database.ship([turn(call_id, 2)]) == []
    database.close()
    assert numbers(postgres, call_id) == [1, 2]


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
from tests.storage.test_records import turn
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


async def test_a_record_refused_for_ever_is_put_away_and_holds_nobody_up(
    journal: RecordJournal, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    call_id = uuid4()
    for count in range(1, 40):
        journal.write(turn(call_id, count))
        if count == 20:
            journal.write(turn(call_id, 1 << 40))
    journal.write(turn(call_id, 7, "another turn seven"))
    journal.write(turn(call_id, 8))  # the same again: no news
    assert await journal.flush(5)
    assert numbers(postgres, call_id) == list(range(1, 40))
    entries = refused(tmp_path / "records")
    assert {(json.loads(entry["line"])["number"], entry["why"]) for entry in entries} == {
        (1 << 40, "integer out of range"),
        (7, "another turn has this number"),
    }


async def test_tables_that_are_missing_are_waited_for_and_made(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    try:
        journal = RecordJournal(tmp_path / "records", "worker-0", server.url)
        journal.start()
        call_id = uuid4()
        journal.write(turn(call_id, 1))
        assert await journal.flush(5)
        assert numbers(server, call_id) == [1]
        # A record is not to blame for a table that somebody has dropped.
        with psycopg.connect(server.url) as connection:
            connection.execute("ALTER TABLE turns RENAME TO hidden")
        journal.write(turn(call_id, 2))
        assert not await journal.flush(0.3)
        with psycopg.connect(server.url) as connection:
            connection.execute("ALTER TABLE hidden RENAME TO turns")
        assert await journal.flush(5)
        assert numbers(server, call_id) == [1, 2]
        assert refused(tmp_path / "records") == []
        await journal.close()
    finally:
        server.stop()


@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(codec=None)), words=st.text(max_size=5))
def test_any_text_arrives(cluster: EmbeddedPostgres, text: str, words: str) -> None:
    call_id = uuid4()
    taken = turn(call_id, 1, text).model_copy(update={"intent": words})
    sent = TurnTaken.model_validate_json(to_line(taken))
    database = RecordDatabase(cluster.url)
    assert database.ship([sent]) == []
    database.close()
    [stored] = RecordReader(cluster.url).turns_of(call_id)
    carried = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    assert stored == sent.model_copy(
        update={"text": carried, "intent": words.replace("\0", "\ufffd")}
    )


def to_line(record: TurnTaken) -> str:
    line = to_json(record)
    assert "\n" not in line
    return line


def test_workers_that_start_at_once_make_the_tables_once(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    try:
        failures: list[IvrError] = []

        def make() -> None:
            try:
                apply_schema(server.url)
            except IvrError as error:
                failures.append(error)

        threads = [threading.Thread(target=make) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        apply_schema(server.url)
        assert RecordReader(server.url).calls() == []
    finally:
        server.stop()


def test_a_database_that_is_away_is_told_in_a_sentence() -> None:
    with pytest.raises(IvrError, match="IVR_DATABASE_URL"):
        apply_schema(NOWHERE)
    with pytest.raises(IvrError, match="IVR_DATABASE_URL"):
        RecordReader(NOWHERE).calls()


def test_a_folder_that_cannot_be_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(IvrError, match="Records cannot be kept"):
        RecordJournal(tmp_path / "file" / "records", "worker-0", NOWHERE).start()


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from structlog.testing import capture_logs
from tests.storage.test_records import turn
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
