"""Drawn timelines: what the caller and the bot do, character by character, 20 ms each."""

from __future__ import annotations

from ivr.conversation.endpointing import Look
from ivr.conversation.turns import TurnEvent, TurnTaker

FRAME_MS = 20.0


class Timeline:
    """Drives a TurnTaker along a drawing: `#` is a frame of speech, `?` one that may be no more
    than an echo, `.` a frame of silence, `~` one that stirs, `x` one that never came (only time
    passes)."""

    def __init__(self, turns: TurnTaker) -> None:
        self.turns = turns
        self.now_ms = 0.0
        self.events: list[tuple[float, TurnEvent]] = []

    def draw(self, drawing: str) -> list[TurnEvent]:
        """Play a drawing; returns the events it caused."""
        before = len(self.events)
        for mark in drawing.replace(" ", ""):
            self.now_ms += FRAME_MS
            if mark != "x":
                speech, doubtful = mark in "#?", mark == "?"
                self._note(
                    self.turns.frame(speech, self.now_ms, doubtful=doubtful, stirs=mark == "~")
                )
            if self.now_ms % 100 == 0:
                self._note(self.turns.tick(self.now_ms))
        return [event for _, event in self.events[before:]]

    def wait(self, ms: float, mark: str = ".") -> list[TurnEvent]:
        """Let `ms` of the same frame pass."""
        return self.draw(mark * round(ms / FRAME_MS))

    def look(self, text: str, confidence: float = 0.95, **found: bool) -> list[TurnEvent]:
        """A look at the words has found this."""
        events = self.turns.looked(Look(text, confidence, **found), self.now_ms)
        self._note(events)
        return events

    def key(self, key: str) -> list[TurnEvent]:
        """Press a key now."""
        events = self.turns.key(key, self.now_ms)
        self._note(events)
        return events

    def _note(self, events: list[TurnEvent]) -> None:
        self.events.extend((self.now_ms, event) for event in events)
