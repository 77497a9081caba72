"""Who has the floor: the pure heart of turn-taking.

Fed with what happens on the line (each frame's voice activity, keys, partial words, the bot's
own speech) and the time, it says what follows: the caller began to speak, interrupted, finished,
keyed an entry, stayed silent. It touches no sound, no clock and no task. All times in ms on any
monotonic scale.

Rules it keeps:
- Speech counts from its onset, also when it began while the bot spoke.
- While the floor is nobody's (we are deciding), speech is not a turn; if it still goes on when
  the floor is offered again, it counts from then on.
- Silence is counted from the bot's last sound or the caller's last act, and prompts that only
  repeat do not start it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ivr.conversation.keys import KeyCollector
from ivr.conversation.rules import TurnRules, endpoint_silence_ms
from ivr.dialogue.actions import DigitEntry, Expectation


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Open the recogniser: speech has been going on since `onset_ms`."""

    onset_ms: float


@dataclass(frozen=True, slots=True)
class BargedIn:
    """The caller interrupts: stop speaking, at once."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The caller has paused within a turn: find out what the words so far are."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The turn is over; the last sound of speech was at `end_ms`."""

    end_ms: float
    speech_ms: float


@dataclass(frozen=True, slots=True)
class SpeechDropped:
    """What began was no turn: throw the utterance away."""


@dataclass(frozen=True, slots=True)
class KeysEntered:
    """A complete entry of keys; the last key was at `end_ms`."""

    keys: str
    end_ms: float


@dataclass(frozen=True, slots=True)
class StayedSilent:
    """Neither speech nor keys: `rung` counts from 1."""

    rung: int


TurnEvent = (
    SpeechBegan | BargedIn | SpeechPaused | SpeechEnded | SpeechDropped | KeysEntered | StayedSilent
)


@dataclass(slots=True)
class _Speech:
    """One stretch of speech under way."""

    onset_ms: float
    last_ms: float
    speech_ms: float = 0.0
    opened: bool = False
    paused: bool = False
    partial: str = ""
    understood: bool = False


@dataclass(slots=True)
class TurnTaker:
    """The floor of one call."""

    rules: TurnRules = field(default_factory=TurnRules)
    frame_ms: float = 20.0
    expect: Expectation | None = None
    bot_speaking: bool = False
    interruptible: bool = True
    _keys: KeyCollector = field(default_factory=KeyCollector)
    _speech: _Speech | None = None
    _silent_since: float | None = None
    _rung: int = 0

    def listen(self, expect: Expectation, now_ms: float) -> None:
        """Offer the floor to the caller; the bot may still be speaking."""
        self.expect = expect
        self._keys.entry = expect.keys or DigitEntry()
        if not self.bot_speaking and self._silent_since is None:
            self._silent_since = now_ms

    def take_floor(self) -> None:
        """We have what we need: nothing the caller does is a turn until `listen`."""
        self.expect = None
        self._speech = None

    def caller_acted(self) -> None:
        """Something was understood: silence is counted anew."""
        self._silent_since = None
        self._rung = 0

    def bot_began(self, *, interruptible: bool) -> None:
        """The bot's turn begins, or goes on with the next sentence."""
        self.bot_speaking = True
        self.interruptible = interruptible

    def bot_fell_silent(self, now_ms: float) -> None:
        """The bot's last sound has left."""
        self.bot_speaking = False
        if self._silent_since is None:
            self._silent_since = now_ms

    @property
    def hears_speech(self) -> bool:
        """Whether a stretch of speech is under way: without one, a frame of silence is nothing."""
        return self._speech is not None

    def frame(self, speech: bool, now_ms: float) -> list[TurnEvent]:
        """Take the voice activity of one frame that ends at `now_ms`."""
        current = self._speech
        if not speech and current is None:
            return []
        if self.expect is None or not self.expect.speech:
            self._speech = None
            return [SpeechDropped()] if current and current.opened else []
        if self.bot_speaking and not self.interruptible:
            self._speech = None
            return [SpeechDropped()] if current and current.opened else []
        if not speech:
            return self._silence_in_speech(now_ms)
        return self._speech_frame(now_ms)

    def partial(self, text: str, *, understood: bool = False) -> None:
        """Take the words so far; `understood` when they already make sense as they are."""
        if self._speech is not None:
            self._speech.partial = text
            self._speech.understood = understood

    def key(self, key: str, now_ms: float) -> list[TurnEvent]:
        """Take one key of the caller; any key interrupts the bot where it may be interrupted."""
        if self.expect is None:
            return []
        if self.bot_speaking and not self.interruptible:
            return []
        events: list[TurnEvent] = []
        if self._speech is not None:
            if self._speech.opened:
                events.append(SpeechDropped())
            self._speech = None
        if self.bot_speaking:
            self.bot_speaking = False
            events.append(BargedIn())
        entry = self._keys.press(key, now_ms)
        self.caller_acted()
        self._silent_since = now_ms
        if entry is not None:
            events.append(KeysEntered(entry, now_ms))
        return events

    def tick(self, now_ms: float) -> list[TurnEvent]:
        """Let time pass: also when no frame comes at all."""
        if self.expect is None:
            return []
        entry = self._keys.tick(now_ms)
        if entry is not None:
            return [KeysEntered(entry, self._keys.last_ms)]
        if self._speech is not None:
            return self._silence_in_speech(now_ms)
        if self.bot_speaking or self._silent_since is None or self._keys.keys:
            return []
        rungs = self.rules.silence_rungs_ms
        if self._rung < len(rungs) and now_ms - self._silent_since >= rungs[self._rung]:
            self._rung += 1
            return [StayedSilent(self._rung)]
        return []

    def _speech_frame(self, now_ms: float) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        if self._speech is None:
            self._speech = _Speech(onset_ms=now_ms - self.frame_ms, last_ms=now_ms)
        speech = self._speech
        speech.last_ms = now_ms
        speech.paused = False
        speech.understood = False
        speech.speech_ms += self.frame_ms
        if not speech.opened and speech.speech_ms >= self.rules.speech_onset_ms:
            speech.opened = True
            events.append(SpeechBegan(speech.onset_ms))
        if self.bot_speaking and speech.speech_ms >= self.rules.barge_in_ms:
            self.bot_speaking = False
            events.append(BargedIn())
        if now_ms - speech.onset_ms >= self.rules.longest_turn_ms:
            events.append(self._end(speech))
        return events

    def _silence_in_speech(self, now_ms: float) -> list[TurnEvent]:
        speech = self._speech
        if speech is None or self.expect is None:
            return []
        silence = now_ms - speech.last_ms
        if not speech.opened:
            if silence >= self.rules.endpoint_complete_ms:
                self._speech = None
            return []
        wanted = endpoint_silence_ms(
            self.rules, self.expect, speech.partial, understood=speech.understood
        )
        if silence < wanted:
            if silence < self.rules.pause_ms or speech.paused:
                return []
            speech.paused = True
            return [SpeechPaused()]
        if self.bot_speaking and speech.speech_ms < self.rules.barge_in_ms:
            self._speech = None
            return [SpeechDropped()]
        return [self._end(speech)]

    def _end(self, speech: _Speech) -> SpeechEnded:
        self._speech = None
        return SpeechEnded(speech.last_ms, speech.speech_ms)
