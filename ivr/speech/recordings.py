"""The sentences that are always there: short recordings, shipped with the program, for when the
engine that should speak cannot."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ivr.audio.format import Audio
from ivr.audio.wav import read_wav
from ivr.errors import IvrError

FOLDER = Path(__file__).parent / "recorded"

SENTENCES: dict[str, dict[str, str]] = {
    "en": {
        "moment": "One moment, please.",
        "apology": "Sorry, something is wrong on our side. Please say that again.",
    },
    "hi": {
        "moment": "एक क्षण रुकिए।",
        "apology": "क्षमा कीजिए, हमारी ओर कुछ गड़बड़ है। कृपया फिर से बताइए।",
    },
}
"""What each recording says, by language and name. `scripts/record_sentences.py` makes them."""


class Recordings:
    """The recordings of one folder, read once: `FOLDER/<language>/<name>.wav`, 8,000 Hz."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._audio: dict[tuple[str, str], Audio] = {}
        for language, names in SENTENCES.items():
            for name in names:
                self._audio[language, name] = read_wav(folder / language / f"{name}.wav")

    def get(self, name: str, language: str) -> Audio:
        """Return the recording in `language`, in English where there is none."""
        audio = self._audio.get((language, name)) or self._audio.get(("en", name))
        if audio is None:
            raise IvrError(f"There is no recording named {name!r}.")
        return audio


@cache
def shipped() -> Recordings:
    """Return the recordings that come with the program."""
    return Recordings()
