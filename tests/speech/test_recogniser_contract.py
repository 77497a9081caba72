"""What every recogniser keeps to: Vosk in this process, a vosk-server whose answers were recorded,
and a real one where IVR_VOSK_SERVER names it (ws://HOST:PORT, with the project's model).
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

from ivr.audio.format import TELEPHONE
from ivr.speech.recognition.ordered import Engine, OrderedRecogniser
from ivr.speech.recognition.recogniser import Recogniser, RecognitionFailed, Transcript
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.recognition.vosk_server import VoskServerRecogniser
from tests.speech.conftest import MODEL
from tests.speech.vosk_server_peer import DIGITS, STEP, recorded_server, sound

REAL = os.environ.get("IVR_VOSK_SERVER")


@pytest.fixture(params=["vosk", "vosk-server", "in order", *(["real"] if REAL else [])])
async def recogniser(request: pytest.FixtureRequest) -> AsyncIterator[Recogniser]:
    here = VoskRecogniser({"en": MODEL}, threads=2)
    if request.param == "vosk":
        yield here
    elif request.param == "real":
        assert REAL is not None
        there = VoskServerRecogniser({"en": REAL}, answer_s=5.0)
        yield there
        there.close()
    else:
        async with recorded_server() as (_, url):
            there = VoskServerRecogniser({"en": url}, answer_s=5.0)
            engine = Engine(name="vosk-server", recogniser=there, healthy=there.healthy)
            order = OrderedRecogniser([engine, Engine(name="vosk", recogniser=here)])
            yield there if request.param == "vosk-server" else order
            there.close()
    here.close()


async def hear(
    recogniser: Recogniser,
    pcm: bytes,
    phrases: tuple[str, ...] | None = None,
    *,
    step: int = STEP,
    on_partial: Callable[[str], None] | None = None,
) -> Transcript:
    utterance = recogniser.open("en", TELEPHONE, phrases=phrases, on_partial=on_partial)
    for at in range(0, len(pcm), step):
        utterance.feed(pcm[at : at + step])
        await asyncio.sleep(0)
    assert utterance.failure is None
    return await utterance.finish()


async def test_it_says_what_it_knows(recogniser: Recogniser) -> None:
    assert "en" in recogniser.languages
    with pytest.raises(RecognitionFailed, match="'tlh'"):
        recogniser.open("tlh", TELEPHONE)


async def test_digits_are_heard_with_their_times(recogniser: Recogniser) -> None:
    pcm = sound("digits")
    heard = await hear(recogniser, pcm, DIGITS)
    assert heard.text == "four four seven"
    edges = [at for word in heard.words for at in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= len(pcm) / 16
    assert 0.5 < heard.confidence <= 1.0


async def test_a_sentence_is_heard_openly_and_narrowed(recogniser: Recogniser) -> None:
    pcm = sound("sentence")
    assert (await hear(recogniser, pcm)).text == "what is my balance"
    narrowed = await hear(recogniser, pcm, ("xylophone", "what is my balance"))
    assert narrowed.text == "what is my balance"


async def test_what_is_no_phrase_is_unknown(recogniser: Recogniser) -> None:
    heard = await hear(recogniser, sound("digits"), ("yes", "no"))
    assert (heard.text, heard.words, heard.confidence) == ("", (), 0.0)
    assert heard.unknown > 0


async def test_how_the_sound_is_cut_does_not_matter(recogniser: Recogniser) -> None:
    pcm = sound("digits")
    texts = {(await hear(recogniser, pcm, DIGITS, step=step)).text for step in (320, 4002, 10**6)}
    assert texts == {"four four seven"}


async def test_each_utterance_has_times_of_its_own(recogniser: Recogniser) -> None:
    first, second = [await hear(recogniser, sound("digits"), DIGITS) for _ in range(2)]
    for one, other in zip(first.words, second.words, strict=True):
        assert one.text == other.text
        assert one.start_ms == pytest.approx(other.start_ms, abs=1)
        assert one.end_ms == pytest.approx(other.end_ms, abs=1)


async def test_silence_and_nothing_are_empty(recogniser: Recogniser) -> None:
    assert (await hear(recogniser, sound("silence"), DIGITS)).text == ""
    assert (await hear(recogniser, b"", DIGITS)).text == ""


async def test_partials_come_on_the_loop_and_stop_at_the_end(recogniser: Recogniser) -> None:
    heard: list[str] = []
    threads: set[int] = set()

    def take(text: str) -> None:
        heard.append(text)
        threads.add(threading.get_ident())

    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS, on_partial=take)
    pcm = sound("digits")
    for at in range(0, len(pcm), STEP):
        utterance.feed(pcm[at : at + STEP])
    give_up = time.monotonic() + 10
    while "four four" not in heard:
        assert time.monotonic() < give_up, heard
        await asyncio.sleep(0.01)
    final = await utterance.finish()
    count = len(heard)
    await asyncio.sleep(0.05)
    assert len(heard) == count
    assert threads == {threading.get_ident()}
    assert final.text.startswith(heard[-1])


async def test_abandoned_it_has_no_words(recogniser: Recogniser) -> None:
    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
    utterance.feed(sound("digits"))
    utterance.abandon()
    utterance.abandon()
    with pytest.raises(RecognitionFailed):
        await utterance.finish()


async def test_abandoned_while_it_is_finishing(recogniser: Recogniser) -> None:
    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
    utterance.feed(sound("digits"))
    words = asyncio.ensure_future(utterance.finish())
    await asyncio.sleep(0)
    utterance.abandon()
    with pytest.raises(RecognitionFailed):
        await words


async def test_after_the_end_sound_is_ignored(recogniser: Recogniser) -> None:
    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
    utterance.feed(sound("digits"))
    heard = await utterance.finish()
    utterance.feed(sound("digits"))
    utterance.abandon()
    assert heard.text == "four four seven"


async def test_many_at_once_are_heard_as_each_alone(recogniser: Recogniser) -> None:
    kinds = [("digits", DIGITS), ("sentence", None), ("digits", ("yes", "no"))] * 5
    heard = await asyncio.gather(*(hear(recogniser, sound(n), phrases) for n, phrases in kinds))
    assert [words.text for words in heard] == ["four four seven", "what is my balance", ""] * 5


async def test_closed_it_opens_nothing(recogniser: Recogniser) -> None:
    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
    recogniser.close()
    with pytest.raises(RecognitionFailed):
        await utterance.finish()
    with pytest.raises(RecognitionFailed):
        recogniser.open("en", TELEPHONE)
