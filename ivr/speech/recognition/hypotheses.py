"""Vosk's answers made into transcripts. Vosk answers in JSON:

    partial   {"partial": "what is my"}
    result    {"text": "yes", "result": [{"word": "yes", "conf": 0.98, "start": 0.3, "end": 0.6}]}

An utterance can have several results: Vosk cuts it where it finds a pause, in spite of our own
endpointing. `start` and `end` are in seconds from the utterance's first sample in all of them.
"""

from __future__ import annotations

import json
from dataclasses import replace

from ivr.speech.recognition.grammar import UNKNOWN
from ivr.speech.recognition.recogniser import Transcript, Word


class Hypothesis:
    """What has been understood of one utterance so far."""

    def __init__(self) -> None:
        self._words: list[Word] = []
        self._unknown = 0

    def add(self, result: str) -> None:
        """Take a result that will not change any more."""
        for found in json.loads(result).get("result", ()):
            if found["word"] in UNKNOWN:
                self._unknown += 1
                continue
            self._words.append(
                Word(
                    text=found["word"],
                    start_ms=found["start"] * 1000,
                    end_ms=found["end"] * 1000,
                    confidence=min(max(found["conf"], 0.0), 1.0),
                )
            )

    def with_partial(self, partial: str) -> str:
        """Return the running text: what is certain, and Vosk's `partial` behind it."""
        running = json.loads(partial).get("partial", "").split()
        words = [word.text for word in self._words]
        return " ".join(words + [word for word in running if word not in UNKNOWN])

    def transcript(self, *, since_ms: float = 0.0) -> Transcript:
        """Return what was understood; the utterance began `since_ms` after its recogniser did."""
        text = " ".join(word.text for word in self._words)
        # Whole ms: the engine's own clock counts seconds in single precision.
        words = [
            replace(
                word,
                start_ms=round(word.start_ms - since_ms),
                end_ms=round(word.end_ms - since_ms),
            )
            for word in self._words
        ]
        return Transcript(text=text, words=tuple(words), unknown=self._unknown)
