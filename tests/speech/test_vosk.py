"""The real model on real speech, and everything that can cross on the way."""

from __future__ import annotations

import asyncio
import gc
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from ivr.audio.format import SAMPLE_BYTES, TELEPHONE
from ivr.errors import IvrError
from ivr.settings import PROJECT
from ivr.speech.recognition.recogniser import RecognitionFailed, Transcript
from ivr.speech.recognition.utterance import VoskUtterance
from ivr.speech.recognition.vosk import VoskRecogniser
from ivr.speech.recognition.warm import Recognizer, WarmRecognizers
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.voices import default_voice
from tests.speech.conftest import MODEL, SHARED_SPEECH, read_pcm, recording

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PIN = "real-en/fsdd_lucas_pin1.8k.wav"  # four four six five one seven
CHUNK = 5 * TELEPHONE.frame_bytes


def feed(utterance: VoskUtterance, pcm: bytes) -> None:
    for at in range(0, len(pcm), CHUNK):
        utterance.feed(pcm[at : at + CHUNK])


async def hear(vosk: VoskRecogniser, pcm: bytes, phrases: list[str] | None = None) -> Transcript:
    utterance = vosk.open("en", TELEPHONE, phrases=phrases)
    feed(utterance, pcm)
    return await utterance.finish()


def live_utterances() -> int:
    gc.collect()
    return sum(isinstance(one, VoskUtterance) for one in gc.get_objects())


async def until(condition: Callable[[], bool], deadline_s: float = 5.0) -> None:
    give_up = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < give_up, "it did not come to that in time"
        await asyncio.sleep(0.005)


async def test_it_hears_the_digits_of_a_speaker_it_never_met(recogniser: VoskRecogniser) -> None:
    files = sorted((SHARED_SPEECH / "fsdd-lucas").glob("*.wav"))
    if not files:
        pytest.skip("the recordings fsdd-lucas are not beside the project (../shared/speech)")
    quiet = bytes(4800)
    right = 0
    for file in files:
        heard = await hear(recogniser, quiet + read_pcm(file) + quiet, DIGITS)
        right += heard.text == DIGITS[int(file.name[0])]
    assert right / len(files) >= 0.88


async def test_words_lie_within_the_sound_and_in_order(recogniser: VoskRecogniser) -> None:
    pcm = recording(PIN)
    heard = await hear(recogniser, pcm, DIGITS)
    assert len(heard.words) == 6
    assert heard.text.split()[:2] == ["four", "four"]
    edges = [at for word in heard.words for at in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= len(pcm) / 16 + 100
    assert 0.5 < heard.confidence <= 1.0


async def test_how_the_sound_was_cut_does_not_matter(recogniser: VoskRecogniser) -> None:
    pcm = recording(PIN)
    texts = set()
    for chunk in (2, 320, 3201 * 2, len(pcm)):
        utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
        for at in range(0, len(pcm), chunk):
            utterance.feed(pcm[at : at + chunk])
        texts.add((await utterance.finish()).text)
    assert len(texts) == 1


async def test_twenty_callers_at_once_are_heard_as_each_alone(recogniser: VoskRecogniser) -> None:
    pins = [recording(f"real-en/fsdd_lucas_pin{number}.8k.wav") for number in range(6)]
    alone = [(await hear(recogniser, pcm, DIGITS)).text for pcm in pins]
    utterances = [recogniser.open("en", TELEPHONE, phrases=DIGITS) for _ in range(20)]
    longest = max(len(pcm) for pcm in pins)
    for at in range(0, longest, CHUNK):
        for number, utterance in enumerate(utterances):
            utterance.feed(pins[number % 6][at : at + CHUNK])
        await asyncio.sleep(0)
    together = await asyncio.gather(*(utterance.finish() for utterance in utterances))
    assert [heard.text for heard in together] == [alone[number % 6] for number in range(20)]
    assert recogniser.backlog_ms == 0


async def test_partials_come_on_the_loop_when_they_change_and_stop_at_the_end(
    recogniser: VoskRecogniser,
) -> None:
    heard: list[str] = []
    threads: set[int] = set()

    def take(text: str) -> None:
        heard.append(text)
        threads.add(threading.get_ident())

    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS, on_partial=take)
    feed(utterance, recording(PIN))
    await until(lambda: len(heard) > 0 and utterance.backlog_ms == 0)
    final = await utterance.finish()
    count = len(heard)
    await asyncio.sleep(0.05)
    assert len(heard) == count
    assert threads == {threading.get_ident()}
    assert all(one != next_ for one, next_ in itertools.pairwise(heard))
    assert final.text.startswith(heard[0])


async def test_silence_and_nothing_are_empty(recogniser: VoskRecogniser) -> None:
    assert (await hear(recogniser, b"")).text == ""
    assert (await hear(recogniser, bytes(16000), DIGITS)).text == ""


async def test_speech_outside_the_grammar_can_come_out_empty(
    recogniser: VoskRecogniser, client: SynthesisClient
) -> None:
    digits = await client.synthesise("four four seven", default_voice("en"))
    heard = await hear(recogniser, digits.pcm, ["yes", "no"])
    assert (heard.text, heard.confidence) == ("", 0.0)
    assert heard.unknown > 0


async def test_a_grammar_of_unknown_words_falls_back_to_the_whole_language(
    recogniser: VoskRecogniser,
) -> None:
    pcm = recording(PIN)
    assert await hear(recogniser, pcm, ["xylophone"]) == await hear(recogniser, pcm)


async def test_what_is_fed_after_the_end_is_ignored(recogniser: VoskRecogniser) -> None:
    pcm = recording(PIN)
    utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS)
    feed(utterance, pcm)
    finishing = asyncio.ensure_future(utterance.finish())
    await asyncio.sleep(0)
    feed(utterance, pcm)
    assert len((await finishing).words) == 6
    feed(utterance, pcm)
    utterance.abandon()
    assert utterance.backlog_ms == 0


async def test_misuse_is_told(recogniser: VoskRecogniser) -> None:
    utterance = recogniser.open("en", TELEPHONE)
    with pytest.raises(ValueError, match="whole number"):
        utterance.feed(b"\0\0\0")
    await utterance.finish()
    with pytest.raises(RuntimeError, match="before"):
        await utterance.finish()
    with pytest.raises(RecognitionFailed, match="'tlh'"):
        recogniser.open("tlh", TELEPHONE)


async def test_abandoned_before_and_during_the_finish(recogniser: VoskRecogniser) -> None:
    before = recogniser.open("en", TELEPHONE)
    feed(before, bytes(160_000))
    before.abandon()
    before.abandon()
    assert before.backlog_ms == 0
    with pytest.raises(RecognitionFailed, match="abandoned"):
        await before.finish()

    during = recogniser.open("en", TELEPHONE)
    feed(during, bytes(1_600_000))
    finishing = asyncio.ensure_future(during.finish())
    await asyncio.sleep(0.01)
    during.abandon()
    with pytest.raises(RecognitionFailed, match="abandoned"):
        await finishing


async def test_a_cancelled_finish_stops_the_decoding(recogniser: VoskRecogniser) -> None:
    utterance = recogniser.open("en", TELEPHONE)
    feed(utterance, bytes(1_600_000))
    finishing = asyncio.ensure_future(utterance.finish())
    await asyncio.sleep(0.01)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert recogniser.backlog_ms == 0


async def test_a_caller_who_is_far_behind_does_not_hold_back_the_others() -> None:
    vosk = VoskRecogniser({"en": MODEL}, threads=1)
    pcm = recording(PIN)
    flood = vosk.open("en", TELEPHONE)
    flood.feed(pcm * 80)
    # Before anything is known of the model: 336 s of sound, a twentieth of that in work.
    assert vosk.backlog_ms > 15_000
    heard = await hear(vosk, pcm, DIGITS)
    assert len(heard.words) == 6
    assert 0 < flood.waiting_ms <= flood.backlog_ms
    vosk.close()


async def test_the_loop_goes_on_while_vosk_works(recogniser: VoskRecogniser) -> None:
    pcm = recording(PIN)
    utterances = [recogniser.open("en", TELEPHONE) for _ in range(4)]
    for utterance in utterances:
        utterance.feed(pcm * 4)
    finishing = asyncio.gather(*(utterance.finish() for utterance in utterances))
    turns = 0
    while not finishing.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns >= 5
    await finishing


async def test_close_ends_what_is_open_and_the_threads(recogniser: VoskRecogniser) -> None:
    vosk = VoskRecogniser({"en": MODEL}, threads=2)
    utterance = vosk.open("en", TELEPHONE)
    feed(utterance, bytes(1_600_000))
    finishing = asyncio.ensure_future(utterance.finish())
    await asyncio.sleep(0.01)
    vosk.close()
    with pytest.raises(RecognitionFailed):
        await finishing
    utterance.feed(bytes(320))
    with pytest.raises(RecognitionFailed):
        vosk.open("en", TELEPHONE)
    pool = vosk._pool._threads
    await until(lambda: not any(thread.is_alive() for thread in pool))


async def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    vosk = VoskRecogniser({"en": tmp_path}, threads=1)
    with pytest.raises(IvrError, match="no Vosk model"):
        await asyncio.to_thread(vosk.load)
    utterance = vosk.open("en", TELEPHONE)
    utterance.feed(bytes(320))
    with pytest.raises(RecognitionFailed, match="no Vosk model"):
        await utterance.finish()
    vosk.close()


def test_a_loop_that_closes_under_a_running_decode_harms_nobody() -> None:
    vosk = VoskRecogniser({"en": MODEL}, threads=1)

    async def leave() -> None:
        vosk.open("en", TELEPHONE, on_partial=lambda _: None).feed(bytes(160_000))

    asyncio.run(leave())

    async def go_on() -> Transcript:
        return await hear(vosk, bytes(3200))

    assert asyncio.run(go_on()).text == ""
    vosk.close()


def test_a_process_that_ends_in_mid_decode_ends_at_once() -> None:
    leave = (
        "import asyncio\n"
        "from ivr.audio.format import TELEPHONE\n"
        "from ivr.speech.recognition.vosk import VoskRecogniser\n"
        "from tests.speech.conftest import MODEL\n"
        "async def main():\n"
        "    vosk = VoskRecogniser({'en': MODEL}, threads=2)\n"
        "    for _ in range(4):\n"
        "        vosk.open('en', TELEPHONE).feed(bytes(8_000_000))\n"
        "    await asyncio.sleep(0.1)\n"
        "    assert vosk.backlog_ms > 50_000\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", leave],
        capture_output=True,
        text=True,
        timeout=20,
        cwd=PROJECT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_five_hundred_utterances_leave_nothing_behind(recogniser: VoskRecogniser) -> None:
    pcm = recording(PIN)[:16000]
    process = psutil.Process()

    async def utterances(count: int) -> None:
        for number in range(count):
            utterance = recogniser.open("en", TELEPHONE, phrases=DIGITS if number % 2 else None)
            feed(utterance, pcm)
            if number % 3 == 0:
                utterance.abandon()
                continue
            finishing = asyncio.ensure_future(utterance.finish())
            if number % 3 == 1:
                await asyncio.sleep(0)
                finishing.cancel()
            await asyncio.gather(finishing, return_exceptions=True)

    await utterances(100)
    before = (process.num_threads(), process.num_fds(), process.memory_info().rss)
    await utterances(500)
    await until(lambda: recogniser.backlog_ms == 0)
    await until(lambda: live_utterances() == 0)
    assert process.num_threads() <= before[0]
    assert process.num_fds() <= before[1]
    assert process.memory_info().rss - before[2] < 8_000_000


async def test_what_is_being_decoded_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()
    take = WarmRecognizers.take

    def take_late(*arguments: Any) -> Recognizer:
        held.wait(10)
        return take(*arguments)

    monkeypatch.setattr(WarmRecognizers, "take", take_late)
    vosk = VoskRecogniser({"en": MODEL}, threads=1)
    portion = bytes(200 * TELEPHONE.rate // 1000 * SAMPLE_BYTES)
    utterance = vosk.open("en", TELEPHONE)
    utterance.feed(portion)
    await until(lambda: vosk.waiting_ms == 0)
    assert vosk.backlog_ms == 10
    utterance.feed(portion)
    assert (vosk.waiting_ms, vosk.backlog_ms) == (10, 20)
    held.set()
    await until(lambda: vosk.backlog_ms == 0)
    assert vosk.waiting_ms == 0
    vosk.close()
