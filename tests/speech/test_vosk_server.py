"""A vosk-server that is missing, dies, freezes or talks nonsense: the next engine hears."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ivr.audio.format import TELEPHONE
from ivr.errors import IvrError
from ivr.speech.recognition.hypotheses import Hypothesis
from ivr.speech.recognition.ordered import Engine, OrderedRecogniser
from ivr.speech.recognition.recogniser import RecognitionFailed
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.recognition.vosk_server import VoskServerRecogniser
from ivr.speech.recognition.vosk_wire import Partial, Result, configuration, read
from tests.speech.conftest import MODEL
from tests.speech.test_recogniser_contract import hear
from tests.speech.vosk_server_peer import DIGITS, STEP, RecordedServer, recorded_server, sound

FREEZE_S = 0.3


@pytest.fixture
def here() -> Iterator[VoskRecogniser]:
    recogniser = VoskRecogniser({"en": MODEL}, threads=2)
    recogniser.load()
    yield recogniser
    recogniser.close()


@pytest.fixture
async def peer() -> AsyncIterator[tuple[RecordedServer, str]]:
    async with recorded_server() as running:
        yield running


def in_order(url: str, here: VoskRecogniser) -> OrderedRecogniser:
    there = VoskServerRecogniser({"en": url}, answer_s=FREEZE_S)
    return OrderedRecogniser(
        [
            Engine(name="vosk-server", recogniser=there, healthy=there.healthy),
            Engine(name="vosk", recogniser=here),
        ],
        probe_s=0.05,
    )


async def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up, "it did not come to that in time"
        await asyncio.sleep(0.01)


async def told(recogniser: OrderedRecogniser) -> list[str]:
    """Hear three utterances, rightly; return what the log was told."""
    with capture_logs() as logs:
        for _ in range(3):
            assert (await hear(recogniser, sound("digits"), DIGITS)).text == "four four seven"
    return [log["event"] for log in logs]


async def test_none_there_is_told_once(here: VoskRecogniser) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused at once
        recogniser = in_order(f"ws://127.0.0.1:{taken.getsockname()[1]}", here)
        assert await told(recogniser) == ["recogniser_resting"]
        assert recogniser.uses("en") == "vosk"
        recogniser.close()


async def test_one_that_takes_connections_and_says_nothing(here: VoskRecogniser) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        recogniser = in_order(f"ws://127.0.0.1:{deaf.getsockname()[1]}", here)
        assert await told(recogniser) == ["recogniser_resting"]
        recogniser.close()


async def test_killed_in_the_middle_and_back(
    here: VoskRecogniser, peer: tuple[RecordedServer, str]
) -> None:
    server, url = peer
    recogniser = in_order(url, here)
    assert await told(recogniser) == []
    server.hang_up_after = 2
    pcm = sound("digits")
    with capture_logs() as logs:
        utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
        for at in range(0, len(pcm), STEP):
            utterance.feed(pcm[at : at + STEP])
            await asyncio.sleep(0.01)
        assert (await utterance.finish()).text == "four four seven"
        server.hang_up_after = None
        await until(lambda: any(log["event"] == "recogniser_back" for log in logs))
    assert [log["event"] for log in logs] == ["recogniser_resting", "recogniser_back"]
    assert await told(recogniser) == []
    recogniser.close()


async def test_frozen_in_the_middle_it_is_left_before_the_caller_has_finished(
    here: VoskRecogniser, peer: tuple[RecordedServer, str]
) -> None:
    server, url = peer
    recogniser = in_order(url, here)
    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
    pcm = sound("digits")
    utterance.feed(pcm[:STEP])
    await until(lambda: server.connections > 0)
    server.frozen = True
    fed = STEP
    # At the pace of a call, for longer than the server may take for an answer.
    while recogniser.uses("en") == "vosk-server":
        utterance.feed(pcm[fed : fed + 320])
        fed += 320
        assert fed < 100 * len(pcm)
        await asyncio.sleep(0.02)
    utterance.feed(pcm[fed:])
    assert (await utterance.finish()).text == "four four seven"
    server.frozen = False
    await until(lambda: recogniser.uses("en") == "vosk-server")
    recogniser.close()


async def test_frozen_at_the_end_costs_a_pause(
    here: VoskRecogniser, peer: tuple[RecordedServer, str]
) -> None:
    server, url = peer
    recogniser = in_order(url, here)
    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
    utterance.feed(sound("digits"))
    await until(lambda: server.connections > 0)
    server.frozen = True
    assert (await utterance.finish()).text == "four four seven"
    recogniser.close()


@pytest.mark.parametrize("says", [b"\x00\xff", "[]", '{"text": 7}', '{"text": "one"}', "{" * 999])
async def test_nonsense_is_not_believed(
    here: VoskRecogniser, peer: tuple[RecordedServer, str], says: str | bytes
) -> None:
    server, url = peer
    server.says = says
    recogniser = in_order(url, here)
    assert await told(recogniser) == ["recogniser_resting"]
    recogniser.close()


async def test_a_connection_is_reset_and_used_again_and_dropped_in_the_end(
    peer: tuple[RecordedServer, str],
) -> None:
    server, url = peer
    recogniser = VoskServerRecogniser({"en": url}, answer_s=5.0)
    for _ in range(3):
        await hear(recogniser, sound("digits"), DIGITS)
    assert (server.connections, server.resets) == (1, 3)
    await hear(recogniser, sound("sentence"))
    assert server.connections == 2
    recogniser.close()
    with pytest.raises(RecognitionFailed):
        recogniser.open("en", TELEPHONE)


async def test_without_another_engine_the_failure_is_the_callers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        there = VoskServerRecogniser({"en": f"ws://127.0.0.1:{taken.getsockname()[1]}"})
        utterance = there.open("en", TELEPHONE)
        await until(lambda: utterance.failure is not None)
        with pytest.raises(RecognitionFailed, match="does not answer"):
            await utterance.finish()
        assert not await there.healthy("en")
        there.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:2700", "2700", "ws://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(IvrError, match="no address of a vosk-server"):
        VoskServerRecogniser({"en": url})


def test_the_configuration_has_a_way_out() -> None:
    asked = json.loads(configuration(8000, ["Yes, please.", "no"]))["config"]
    assert asked["phrase_list"] == ["yes please", "no", "[unk]"]
    assert asked["sample_rate"] == 8000
    assert "phrase_list" not in json.loads(configuration(8000, None))["config"]


KEYS = st.sampled_from(["partial", "text", "result", "word", "conf", "start", "end"])
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | KEYS, inner),
    max_leaves=10,
)


@given(
    st.text()
    | st.binary()
    | anything.map(json.dumps)
    | st.dictionaries(KEYS, anything).map(json.dumps)
)
def test_whatever_a_server_says_is_read_or_refused(message: str | bytes) -> None:
    try:
        reply = read(message)
    except RecognitionFailed:
        return
    hypothesis = Hypothesis()
    if isinstance(reply, Partial):
        hypothesis.with_partial(reply.document)
    else:
        assert isinstance(reply, Result)
        hypothesis.add(reply.document)
        assert 0 <= hypothesis.transcript().confidence <= 1
