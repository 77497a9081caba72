"""Our server against what a real FreeSWITCH said, byte for byte: CI fails when the code strays.

`python -m tests.freeswitch.record` makes the recordings.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from unittest.mock import patch
from uuid import UUID

import pytest

from ivr.telephony.freeswitch import consultation
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.record import SCENARIOS
from tests.freeswitch.recording import Passed, Recording, names
from tests.freeswitch.replay import Replay, Strayed, sounds_of
from tests.freeswitch.scripted import GREETING, ScriptedConversations

SHIFT = 3
"""Frames by which a replay may run ahead of the record, or behind, on a busy machine."""


async def replayed(
    recording: Recording, *, pieces: int = 0
) -> tuple[Replay, list[dict[str, object]]]:
    conversations = ScriptedConversations()
    server = FreeSwitchServer("127.0.0.1", 0, conversations, max_calls=recording.about["max_calls"])
    agents = map(UUID, recording.about.get("agents", ()))
    await server.start()
    try:
        replay = Replay(recording.passed, server.port, pieces=pieces)
        with patch.object(consultation, "uuid4", lambda: next(agents)):
            await replay.play()
        await asyncio.wait_for(server.wait_closed(), 3)
    finally:
        await server.stop()
    return replay, conversations.told


def test_every_scenario_is_recorded() -> None:
    assert names() == sorted(SCENARIOS)


@pytest.mark.parametrize("name", names())
async def test_what_was_recorded_happens_again(name: str) -> None:
    recording = Recording.load(name)
    replay, told = await replayed(recording)
    assert told == recording.told
    for link, frames in sounds_of(recording.passed).items():
        heard = replay.links[link].heard
        assert abs(len(heard) - len(frames)) <= SHIFT
        assert {len(frame) for frame in heard} == {len(frame) for frame in frames}
        spoken = [frame for frame in frames if any(frame)]
        again = [frame for frame in heard if any(frame)]
        assert abs(len(again) - len(spoken)) <= SHIFT
        for sound in (b"".join(spoken), b"".join(again)):
            # What was said stands there sample for sample, as far as nobody interrupted it.
            start = sound[: 10 * 320]
            assert start == GREETING.pcm[: len(start)]


@pytest.mark.parametrize("name", ["talk", "hostile", "refused"])
async def test_however_the_bytes_arrive(name: str) -> None:
    recording = Recording.load(name)
    _, told = await replayed(recording, pieces=1)
    assert told == recording.told


async def test_the_recorded_forgery_pressed_no_key() -> None:
    (told,) = Recording.load("hostile").told
    assert told["digits"] == ""
    assert told["caller"] == "+914012345678"
    raw = b"".join(each.data for each in Recording.load("hostile").passed if each.kind == "esl")
    assert b"DTMF-Digit" in raw, "the recording holds no forgery"


def said_otherwise(passed: list[Passed], old: bytes, new: bytes) -> list[Passed]:
    """The record of a worker that said something else."""
    return [
        replace(each, data=each.data.replace(old, new)) if each.by == "worker" else each
        for each in passed
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"myevents", b"myevents json"),
        (b"linger\n\n", b"linger\n\nevent plain all\n\n"),
        (b"local-port: 0", b"local-port: 1"),
    ],
)
async def test_a_worker_that_strays_is_noticed(old: bytes, new: bytes) -> None:
    recording = Recording.load("unanswered")
    other = replace(recording, passed=said_otherwise(recording.passed, old, new))
    assert other.passed != recording.passed
    with pytest.raises(Strayed):
        await replayed(other)
