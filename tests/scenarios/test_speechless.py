"""A voice that fails where a scenario wants it to, and what is heard instead."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ivr.audio.format import TELEPHONE, Audio
from ivr.scenarios.speechless import Speechless, recordings_in
from ivr.speech.recordings import shipped
from ivr.speech.synthesis.synthesiser import SynthesisFailed, Voice
from tests.conversation.stand_ins import Choir

VOICE = Voice(language="en")


async def pieces(stream: AsyncIterator[Audio]) -> list[Audio]:
    return [audio async for audio in stream]


async def test_only_sentences_with_these_words_cannot_be_made() -> None:
    voice = Speechless(Choir(), ("your balance",))
    assert await pieces(voice.stream("What is your account number?", VOICE))
    with pytest.raises(SynthesisFailed):
        await pieces(voice.stream("Your balance is nine.", VOICE))
    with pytest.raises(SynthesisFailed):
        await voice.synthesise("That is your Balance.", VOICE)


def test_a_recording_is_found_in_what_was_heard() -> None:
    apology = shipped().get("apology", "hi")
    silence = TELEPHONE.silence * 30
    heard = Audio(silence + apology.pcm + silence)
    assert recordings_in(heard, shipped(), "hi") == {"apology"}
    assert recordings_in(heard, shipped(), "en") == frozenset()
    assert recordings_in(Audio(silence), shipped(), "hi") == frozenset()
