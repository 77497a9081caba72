"""Records through a real disk into a real PostgreSQL: none lost, none doubled."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import IvrError
from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.json_text import to_json
from ivr.storage.reader import RecordReader
from ivr.storage.record import CallFinished, SoundKept, TurnTaken
from ivr.storage.record_database import DatabaseAway, RecordDatabase
from ivr.storage.records import RecordJournal
from ivr.storage.schema import apply_schema
from tests.storage.conftest import Signaller
from tests.storage.samples import (
    NOON,
    NOWHERE,
    numbers,
    refused,
    started,
    turn,
    wait_until,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
async def journal(tmp_path: Path, postgres: EmbeddedPostgres) -> AsyncIterator[RecordJournal]:
    journal = RecordJournal(tmp_path / "records", "worker-0", postgres.url)
    journal.start()
    yield journal
    await journal.close()


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


async def test_where_sounds_lie_is_kept_once(
    journal: RecordJournal, postgres: EmbeddedPostgres
) -> None:
    call_id = uuid4()
    call = SoundKept(call_id=call_id, at=NOON, what="call", path="/var/a.wav", duration_ms=60_000)
    message = SoundKept(
        call_id=call_id,
        at=NOON + timedelta(seconds=1),
        what="message",
        path="/var/messages/desk/b.wav",
        duration_ms=2000,
        whole=False,
        box="desk",
        node="leave",
        language="en",
    )
    for record in (message, call, message):
        journal.write(record)
    assert await journal.flush(5)
    assert RecordReader(postgres.url).sounds_of(call_id) == [call, message]


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


@pytest.mark.parametrize("lost_first", [True, False])
async def test_what_one_that_was_there_says_of_the_end_is_worth_more_than_that_nobody_was(
    journal: RecordJournal, postgres: EmbeddedPostgres, lost_first: bool
) -> None:
    call_id = uuid4()
    ends = [
        CallFinished(call_id=call_id, at=NOON + timedelta(minutes=1), cause="lost", turns=4),
        CallFinished(call_id=call_id, at=NOON, cause="caller", turns=5),
    ]
    for end in ends if lost_first else reversed(ends):
        journal.write(end)
    assert await journal.flush(5)
    call = RecordReader(postgres.url).call(call_id)
    assert call is not None
    assert (call.finished_at, call.cause, call.turns) == (NOON, "caller", 5)


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
        (7, "another turn has this number and moment"),
    }


async def test_two_workers_who_could_not_know_of_each_other_may_use_a_number_twice(
    journal: RecordJournal, postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    call_id = uuid4()
    first = turn(call_id, 7, "said by one that died while Redis was away")
    second = turn(call_id, 7, "said by the next").model_copy(
        update={"at": first.at + timedelta(seconds=3)}
    )
    for record in (second, first, first):
        journal.write(record)
    assert await journal.flush(5)
    assert RecordReader(postgres.url).turns_of(call_id) == [first, second]
    assert refused(tmp_path / "records") == []


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
