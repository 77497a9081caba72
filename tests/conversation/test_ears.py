"""What the recogniser is given to decode: as little as can be, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ivr.audio.format import TELEPHONE, AudioFormat
from ivr.conversation.ears import Ears
from ivr.speech.recognition.recogniser import RecognitionFailed, Transcript, Word

SILENCE = TELEPHONE.silence


def voice(frames: int) -> list[bytes]:
    """A hum at 120 Hz with harmonics, as a vowel has."""
    at = np.arange(frames * TELEPHONE.frame_samples) / TELEPHONE.rate
    harmonics = np.arange(1, 20)[:, None]
    wave = (np.sin(2 * np.pi * 120 * harmonics * at) / harmonics).sum(axis=0)
    pcm = (wave * 6000).clip(-32768, 32767).astype("<i2").tobytes()
    size = TELEPHONE.frame_bytes
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


class Tape:
    """An utterance that keeps what it is fed, and says how many frames with sound there were."""

    failure = None

    def __init__(self, held: asyncio.Event) -> None:
        self.fed = b""
        self.finished = False
        self.abandoned = False
        self._held = held

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    async def finish(self) -> Transcript:
        self.finished = True
        try:
            await self._held.wait()
        except asyncio.CancelledError:
            self.abandon()
            raise
        if self.abandoned:
            raise RecognitionFailed("abandoned")
        text = str(self.frames_of_sound)
        word = Word(text=text, start_ms=0, end_ms=1, confidence=0.9)
        return Transcript(text=text, words=(word,))

    def abandon(self) -> None:
        self.abandoned = True

    @property
    def frames_of_sound(self) -> int:
        size = TELEPHONE.frame_bytes
        frames = [self.fed[at : at + size] for at in range(0, len(self.fed), size)]
        return sum(frame != SILENCE for frame in frames)


class Recorder:
    """A recogniser of tapes. `held` is set when finals may come."""

    languages = frozenset({"en", "es"})

    def __init__(self) -> None:
        self.opened: list[tuple[str, bool]] = []
        self.tapes: list[Tape] = []
        self.held = asyncio.Event()
        self.held.set()

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> Tape:
        del format, on_partial
        self.opened.append((language, phrases is not None))
        self.tapes.append(Tape(self.held))
        return self.tapes[-1]

    def close(self) -> None: ...


async def test_where_the_language_is_asked_each_is_listened_for() -> None:
    recorder = Recorder()
    ears = Ears(recorder, TELEPHONE)
    for frame in [SILENCE] * 30 + voice(10):
        ears.hear(frame)
    ears.open("en", ("english", "spanish"), 200, others=("en", "es", "tlh"))
    assert recorder.opened == [("en", True), ("en", False), ("es", False)]
    # The tapes say figures, which are no language's words.
    assert (await ears.finish()).language == ""
    ears.open("en", None, 200)
    assert recorder.opened[3:] == [("en", False)]
    ears.abandon()


class Listening:
    """Ears that are open to a caller who has begun to speak."""

    def __init__(self, phrases: Sequence[str] | None = None) -> None:
        self.recorder = Recorder()
        self.ears = Ears(self.recorder, TELEPHONE)
        self.hear([SILENCE] * 30 + voice(10))
        self.ears.open("en", phrases, onset_ms_ago=200)

    def hear(self, frames: Sequence[bytes]) -> None:
        for frame in frames:
            self.ears.hear(frame)

    async def look_held_up(self) -> asyncio.Task[Transcript | None]:
        """Look at the words, which will not come before `held` is set."""
        self.recorder.held.clear()
        look = asyncio.create_task(self.ears.peek())
        await asyncio.sleep(0)
        return look

    @property
    def live(self) -> list[Tape]:
        return [tape for tape in self.recorder.tapes if not tape.finished and not tape.abandoned]


async def test_the_end_after_a_look_is_not_decoded_again() -> None:
    listening = Listening()
    listening.hear(voice(20) + [SILENCE] * 8)
    looked = await listening.ears.peek()
    listening.hear([SILENCE] * 30)
    said = await listening.ears.finish()
    assert looked is not None
    assert looked.text == said.text == "30"
    assert len(listening.recorder.tapes) == 1
    assert len(listening.recorder.tapes[0].fed) <= (15 + 10 + 20 + 8) * TELEPHONE.frame_bytes


@pytest.mark.parametrize("phrases", [None, ("yes", "no")])
async def test_after_a_pause_within_a_word_it_is_heard_from_the_beginning(
    phrases: Sequence[str] | None,
) -> None:
    listening = Listening(phrases)
    listening.hear([SILENCE] * 5)
    looked = await listening.ears.peek()
    assert looked is not None
    assert looked.text == "10"
    listening.hear(voice(12) + [SILENCE] * 8)
    assert len(listening.live) == (1 if phrases is None else 2)
    said = await listening.ears.finish()
    assert said.text == "22"


@pytest.mark.parametrize("phrases", [None, ("yes", "no")])
async def test_after_a_pause_between_words_only_the_rest_is_decoded(
    phrases: Sequence[str] | None,
) -> None:
    listening = Listening(phrases)
    for frames in (12, 14):
        listening.hear([SILENCE] * 8)
        assert await listening.ears.peek() is not None
        listening.hear([SILENCE] * 5 + voice(frames))
    listening.hear([SILENCE] * 8)
    looked = await listening.ears.peek()
    said = await listening.ears.finish()
    assert said is looked
    assert said.text == "10 12 14"
    assert [word.start_ms for word in said.words] == sorted(word.start_ms for word in said.words)
    assert [tape.frames_of_sound for tape in listening.recorder.tapes[:: len(phrases or "-")]] == [
        10,
        12,
        14,
    ]


async def test_a_pause_within_a_word_after_one_between_words_keeps_what_came_before() -> None:
    listening = Listening()
    listening.hear([SILENCE] * 13)
    await listening.ears.peek()
    listening.hear(voice(12) + [SILENCE] * 5)
    await listening.ears.peek()
    listening.hear(voice(3) + [SILENCE] * 8)
    assert (await listening.ears.finish()).text == "10 15"


async def test_what_goes_on_after_the_end_is_heard_with_all_that_came_before() -> None:
    listening = Listening()
    listening.hear([SILENCE] * 13)
    await listening.ears.peek()
    listening.hear(voice(12) + [SILENCE] * 8)
    await listening.ears.finish()
    listening.hear([SILENCE] * 10 + voice(7))
    listening.ears.open("en", None, onset_ms_ago=140, joins=True)
    assert (await listening.ears.finish()).text == "29"


async def test_the_rest_waits_for_what_came_before() -> None:
    listening = Listening()
    listening.hear([SILENCE] * 8)
    look = await listening.look_held_up()
    listening.hear(voice(12))
    end = asyncio.create_task(listening.ears.finish())
    await asyncio.sleep(0)
    assert not end.done()
    listening.recorder.held.set()
    assert (await end).text == "10 12"
    assert await look is None


async def test_a_look_that_is_overtaken_says_nothing() -> None:
    listening = Listening()
    listening.hear([SILENCE] * 5)
    look = await listening.look_held_up()
    listening.hear(voice(12))
    listening.recorder.held.set()
    assert await look is None
    assert listening.recorder.tapes[0].abandoned
    assert (await listening.ears.finish()).text == "22"


async def test_the_end_waits_for_the_look_under_way() -> None:
    listening = Listening()
    listening.hear([SILENCE] * 8)
    look = await listening.look_held_up()
    end = asyncio.create_task(listening.ears.finish())
    await asyncio.sleep(0)
    assert len(listening.recorder.tapes) == 1
    listening.recorder.held.set()
    assert (await end).text == "10"
    assert await look is None


async def test_what_is_abandoned_is_decoded_no_more() -> None:
    listening = Listening()
    listening.hear([SILENCE] * 8)
    look = await listening.look_held_up()
    listening.hear(voice(12) + [SILENCE] * 4)
    again = asyncio.create_task(listening.ears.peek())
    await asyncio.sleep(0)
    listening.ears.abandon()
    assert await look is None
    assert await again is None
    assert all(tape.abandoned for tape in listening.recorder.tapes)
    listening.hear(voice(12))
    assert await listening.ears.peek() is None
    assert (await listening.ears.finish()).text == ""
    assert len(listening.recorder.tapes) == 2
