"""The worker's voice in one call, with sentences that come in pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ivr.audio.format import TELEPHONE, Audio
from ivr.conversation.clauses import plainer
from ivr.conversation.speaker import Speaker
from ivr.dialogue.actions import Say
from ivr.speech.recordings import shipped
from ivr.speech.synthesis.synthesiser import SynthesisFailed, Voice
from ivr.speech.synthesis.voices import default_voice
from ivr.telephony.call import CallEnding
from ivr.telephony.loopback import LoopbackCall, SteppedClock

FRAMES = 5
"""Of each piece."""


class Pieces:
    """A synthesiser that speaks word by word; a word that is in `held` waits, one in `broken`
    cannot be made."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.held = asyncio.Event()
        self.held.set()
        self.broken = ""

    async def stream(self, text: str, voice: Voice) -> AsyncIterator[Audio]:
        del voice
        for place, word in enumerate(text.split()):
            if place:
                await self.held.wait()
            if word == self.broken:
                raise SynthesisFailed("It is away.")
            self.made.append(word)
            yield Audio(bytes([len(self.made)]) * TELEPHONE.frame_bytes * FRAMES)

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        return Audio(b"".join([audio.pcm async for audio in self.stream(text, voice)]))

    async def close(self) -> None: ...


class Listener:
    """Passes on what has been played."""

    speaker: Speaker

    def audio_received(self, frame: bytes) -> None: ...

    def digit_received(self, digit: str) -> None: ...

    def played(self, mark: int) -> None:
        self.speaker.played(mark)

    def ended(self, ending: CallEnding) -> None: ...


class Scene:
    """A speaker on a loopback call, and what it told."""

    def __init__(self) -> None:
        self.pieces = Pieces()
        self.clock = SteppedClock()
        self.call = LoopbackCall(self.clock)
        self.sounds: list[str] = []
        self.heard: list[str] = []
        listener = Listener()
        self.speaker = listener.speaker = Speaker(
            self.call,
            self.pieces,
            default_voice,
            shipped(),
            on_sound=lambda say: self.sounds.append(say.text),
            on_silent=lambda: None,
            on_failure=lambda: None,
            on_heard=lambda say: self.heard.append(say.text),
        )
        self.call.ring(lambda call: call.attach(listener))

    def say(self, text: str) -> None:
        self.speaker.say([Say(text=text, language="en")])

    async def made(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.pieces.made) < count:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.005)

    def loud(self) -> list[int]:
        """Which pieces the caller heard, by their first byte."""
        return sorted({frame[0] for frame in self.call.heard if frame[0]})


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_the_first_piece_sounds_while_the_next_is_made(scene: Scene) -> None:
    scene.pieces.held.clear()
    scene.say("one two.")
    await scene.made(1)
    scene.clock.step(FRAMES + 2)
    assert scene.loud() == [1]
    assert scene.heard == []
    assert scene.speaker.speaking
    scene.pieces.held.set()
    await scene.made(2)
    scene.clock.step(FRAMES + 2)
    assert scene.loud() == [1, 2]
    # It is one sentence: it began once, and was heard once.
    assert scene.sounds == ["one two."]
    assert scene.heard == ["one two."]
    assert not scene.speaker.speaking


async def test_a_sentence_interrupted_in_any_piece_is_said_again_whole(scene: Scene) -> None:
    scene.pieces.held.clear()
    scene.say("one two. three.")
    await scene.made(1)
    scene.clock.step(FRAMES + 2)
    assert [say.text for say in scene.speaker.interrupt()] == ["one two.", "three."]
    scene.pieces.held.set()
    scene.say("one two.")
    await scene.made(3)
    scene.clock.step(FRAMES + 2)
    assert [say.text for say in scene.speaker.interrupt()] == ["one two."]
    assert scene.heard == []


async def test_what_broke_in_the_middle_was_not_heard_as_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.conversation.speaker._GIVE_UP_AFTER_S", 0.0)
    scene.pieces.broken = "two."
    scene.say("one two.")
    await scene.made(1)
    scene.clock.step(FRAMES * 200)
    await scene.speaker.finished()
    assert scene.loud()[0] == 1
    assert len(scene.loud()) > 1, "the recorded apology"
    assert scene.heard == []


async def test_what_the_engine_fails_at_is_said_in_simpler_text(scene: Scene) -> None:
    scene.pieces.broken = "<<*>>"
    scene.say("<<*>> one two.")
    await scene.made(2)
    scene.clock.step(FRAMES * 4)
    await scene.speaker.finished()
    assert scene.pieces.made == ["one", "two."]
    assert scene.heard == ["<<*>> one two."]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Your balance is 12.50, isn't it?", "Your balance is 12.50, isn't it?"),
        ("Press #, or * \u2013 <now>", "Press , or now"),
        ("आपका खाता।", "आपका खाता।"),
        ("*** ...", ""),
    ],
)
def test_simpler_text_keeps_words_and_numbers(text: str, plain: str) -> None:
    assert plainer(text) == plain
