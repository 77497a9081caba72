"""What the stack stands on is killed and frozen in mid-call, and the caller is helped all the same.

Each fault strikes while the caller says the account number: before the balance is asked for and
the session saved, before the sentence with the balance, which no cache has, is made, and before
both turns are recorded. A lost Redis or PostgreSQL stays lost until the balance has been heard:
meanwhile the supervisor, which would bring it back, is frozen as well.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import pytest
import redis

from ivr.languages.spoken_values import money
from ivr.phone.audiosocket import AudioSocketPhone
from ivr.telephony.call import EndedBy
from tests.e2e.records import assert_recorded_once
from tests.e2e.stack import Stack, send
from tests.e2e.talk import LONGEST_SILENCE_MS, Talk

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

KILL, FREEZE = signal.SIGKILL, signal.SIGSTOP
ACCOUNT = "447123"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One for all faults: its supervisor mends what they break."""
    with Stack(tmp_path_factory.mktemp("faults") / "var") as stack:
        yield stack


@pytest.fixture
def balance(stack: Stack) -> str:
    """What the account holds, as the bot will say it: an amount that it never said before."""
    bank = stack.notes.integrations["bank"]
    transfer = Request(
        f"{bank}/transfers",
        json.dumps({"from": ACCOUNT, "to": "123456", "amount": "1"}).encode(),
        {"Idempotency-Key": f"test-{next(_keys)}"},
    )
    with urlopen(transfer) as answer:
        assert answer.status == 201
    with urlopen(f"{bank}/accounts/{ACCOUNT}") as answer:
        account = json.load(answer)
    return money(account["balance"], account["currency"], "en")


_keys = count(1)


async def ask_for_balance(talk: Talk) -> None:
    """Up to the account number, the caller being quick; the number itself is still to be said."""
    await talk.ring()
    await talk.hear_begin()
    await talk.press("1")
    await talk.hear_begin()
    await talk.say("what is my balance")
    await talk.hear("what is your account number")


async def say_goodbye(talk: Talk, phone: AudioSocketPhone) -> None:
    await talk.say("no thank you")
    await talk.hear("goodbye")
    async with asyncio.timeout(5):
        await phone.ended.wait()
    assert phone.ending is not None
    assert phone.ending.by is EndedBy.BOT


def session_of(stack: Stack, call_id: UUID) -> dict[str, Any]:
    """The live session in Redis, as last saved."""
    client = redis.Redis.from_url(str(stack.notes.redis_url))
    try:
        session = json.loads(client.get(f"ivr:session:{call_id}") or "null")
    finally:
        client.close()
    assert isinstance(session, dict)
    return session


@pytest.mark.parametrize("number", [KILL, FREEZE])
async def test_without_its_voice(
    stack: Stack, talk: Talk, phone: AudioSocketPhone, balance: str, number: signal.Signals
) -> None:
    await ask_for_balance(talk)
    await talk.say("four four seven one two three")
    send(stack.synthesis_pid, number)
    await talk.hear(f"balance of your account is {balance}")
    assert stack.events("synthesis_failed", phone.call_id), "the fault struck nobody"
    await say_goodbye(talk, phone)
    print(f"longest silences of the bot, in ms: {talk.silences_ms}")
    assert max(talk.silences_ms) <= LONGEST_SILENCE_MS
    turns = assert_recorded_once(stack, phone.call_id)
    assert any(balance in turn.text for turn in turns)


@pytest.mark.parametrize("number", [KILL, FREEZE])
@pytest.mark.parametrize(
    ("program", "evidence"),
    [("redis-server", "session_not_saved_yet"), ("postgres", "database_away")],
)
async def test_without_a_store(
    stack: Stack,
    talk: Talk,
    phone: AudioSocketPhone,
    balance: str,
    program: str,
    evidence: str,
    number: signal.Signals,
) -> None:
    await ask_for_balance(talk)
    send(stack.process.pid, signal.SIGSTOP)
    try:
        for pid in stack.pids_of(program):
            send(pid, number)
        await talk.say("four four seven one two three")
        await talk.hear(f"balance of your account is {balance}")
        stack.until_logged(evidence)
    finally:
        send(stack.process.pid, signal.SIGCONT)
    await say_goodbye(talk, phone)
    print(f"longest silences of the bot, in ms: {talk.silences_ms}")
    assert max(talk.silences_ms) <= LONGEST_SILENCE_MS
    turns = assert_recorded_once(stack, phone.call_id)
    assert any(balance in turn.text for turn in turns)
    assert session_of(stack, phone.call_id)["turn"] == turns[-1].number


@pytest.mark.parametrize("number", [KILL, FREEZE])
async def test_money_is_not_sent_while_nothing_can_be_written_down(
    stack: Stack, talk: Talk, phone: AudioSocketPhone, number: signal.Signals
) -> None:
    def transfers() -> int:
        with urlopen(f"{stack.notes.integrations['bank']}/stats") as answer:
            return int(json.load(answer)["transfers"])

    before = transfers()
    await talk.ring()
    await talk.hear_begin()
    for keys, question in (
        ("1", None),
        ("2", "number of the account"),
        (f"{ACCOUNT}", "how much would you like to send"),
        ("50#", None),
        ("2", "is that right"),
    ):
        await talk.press(keys)
        await (talk.hear(question) if question else talk.hear_begin())
    send(stack.process.pid, signal.SIGSTOP)
    try:
        for pid in stack.pids_of("redis-server"):
            send(pid, number)
        await talk.press("1")
        await talk.hear("something went wrong")
        stack.until_logged("intent_not_saved", phone.call_id)
        assert transfers() == before
    finally:
        send(stack.process.pid, signal.SIGCONT)
    await talk.hang_up()
    assert transfers() == before


async def test_a_voice_that_is_long_away_is_waited_for_aloud(
    stack: Stack, talk: Talk, phone: AudioSocketPhone, balance: str
) -> None:
    await ask_for_balance(talk)
    send(stack.process.pid, signal.SIGSTOP)
    try:
        send(stack.synthesis_pid, KILL)
        await talk.say("four four seven one two three")
        await talk.hear("one moment please")
        await talk.hear("one moment please one moment please")
    finally:
        send(stack.process.pid, signal.SIGCONT)
    await talk.hear(balance)
    await say_goodbye(talk, phone)
    print(f"longest silences of the bot, in ms: {talk.silences_ms}")
    assert max(talk.silences_ms) <= LONGEST_SILENCE_MS
    turns = assert_recorded_once(stack, phone.call_id)
    assert any(balance in turn.text for turn in turns)
