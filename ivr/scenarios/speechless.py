"""A voice that fails, as scenarios want it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from ivr.audio.format import Audio
from ivr.dialogue.lexicon import contains_phrase, spoken_form
from ivr.speech.recordings import SENTENCES, Recordings
from ivr.speech.synthesis.synthesiser import StreamingSynthesiser, SynthesisFailed, Voice

_MIDDLE_BYTES = 8000
"""Half a second of a recording, which no other sound has."""


class Speechless:
    """A `StreamingSynthesiser` that cannot make sentences that hold any of `unsayable`."""

    def __init__(self, synthesiser: StreamingSynthesiser, unsayable: Sequence[str]) -> None:
        self._synthesiser = synthesiser
        self._unsayable = [spoken_form(words) for words in unsayable]

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        """See `Synthesiser`."""
        self._refuse(text)
        return await self._synthesiser.synthesise(text, voice)

    async def stream(self, text: str, voice: Voice) -> AsyncIterator[Audio]:
        """See `StreamingSynthesiser`."""
        self._refuse(text)
        async for audio in self._synthesiser.stream(text, voice):
            yield audio

    async def close(self) -> None:
        """See `Synthesiser`: the voice behind is somebody else's."""

    def _refuse(self, text: str) -> None:
        said = spoken_form(text)
        if any(contains_phrase(said, words) for words in self._unsayable):
            raise SynthesisFailed("The scenario wants it so.")


def recordings_in(sound: Audio, recordings: Recordings, language: str) -> frozenset[str]:
    """The recorded sentences that are heard in `sound`, by name."""
    heard = set()
    for name in SENTENCES["en"]:
        pcm = recordings.get(name, language).pcm
        middle = (len(pcm) - _MIDDLE_BYTES) // 4 * 2
        if pcm[middle : middle + _MIDDLE_BYTES] in sound.pcm:
            heard.add(name)
    return frozenset(heard)
