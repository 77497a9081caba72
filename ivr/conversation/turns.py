"""Who has the floor: the pure heart of turn-taking.

Fed with what happens on the line (each frame's voice activity, keys, looks at the words, the
bot's own speech) and the time, it says what follows: the caller began to speak, interrupted,
finished, keyed an entry, stayed silent. It touches no sound, no clock and no task. All times in ms
on any monotonic scale.

Rules it keeps:
- Speech counts from its onset, also when it began while the bot spoke.
- The bot pauses at once for whoever speaks into its words, and gives them up only when those turn
  out to be words; else it goes on where it paused.
- Speech right after a turn's end may be the rest of it; then it is answered as one.
- While the floor is nobody's (we are deciding), speech is not a turn; if it still goes on when
  the floor is offered again, it counts from then on.
- Silence is counted from the bot's last sound or the caller's last act, and prompts that only
  repeat do not start it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ivr.conversation.endpointing import Look, endpoint_silence_ms
from ivr.conversation.interrupting import goes_on, interrupts, pauses_bot
from ivr.conversation.keys import KeyCollector
from ivr.conversation.rejoining import may_go_on
from ivr.conversation.rules import TurnRules
from ivr.dialogue.actions import DigitEntry, Expectation


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Open the recogniser: speech has been going on since `onset_ms`. `joins`: it may be the rest
    of the turn before, and is to be heard together with it."""

    onset_ms: float
    joins: bool = False


@dataclass(frozen=True, slots=True)
class BotPaused:
    """Somebody speaks: hold what the bot is saying, at once."""


@dataclass(frozen=True, slots=True)
class BotReleased:
    """It was nobody: go on with what was held."""


@dataclass(frozen=True, slots=True)
class BargedIn:
    """The caller interrupts: give up what the bot was saying."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The caller goes on with the turn that we took to be over: give up the answer to it."""


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The caller has paused within a turn: find out what the words so far are. `joins`: see
    `SpeechBegan`."""

    joins: bool = False


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The turn is over; the last sound of speech was at `end_ms`. `joins`: it is the turn before,
    and what was said after that."""

    end_ms: float
    speech_ms: float
    joins: bool = False


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
    SpeechBegan
    | BotPaused
    | BotReleased
    | BargedIn
    | TakenBack
    | SpeechPaused
    | SpeechEnded
    | SpeechDropped
    | KeysEntered
    | StayedSilent
)


@dataclass(slots=True)
class _Speech:
    """One stretch of speech under way. `expect`: what it may answer. `into_bot`: it began while
    the bot spoke, and has not interrupted it yet; `holds`: the bot has paused for it."""

    onset_ms: float
    last_ms: float
    expect: Expectation
    joins: bool = False
    into_bot: bool = False
    holds: bool = False
    speech_ms: float = 0.0
    certain_ms: float = 0.0
    opened: bool = False
    stirs: bool = False
    asked: bool = False
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class _Ended:
    """The turn before: when it ended, what was said, what it answered."""

    at_ms: float
    said: str
    expect: Expectation


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
    _ended: _Ended | None = None
    _bot_since: float | None = None
    _silent_since: float | None = None
    _rung: int = 0

    @property
    def hears_speech(self) -> bool:
        """Whether speech is under way, a pause within it included."""
        return self._speech is not None

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

    def settle(self) -> None:
        """What the last turn led to cannot be taken back any more."""
        self._ended = None

    def caller_acted(self) -> None:
        """Something was understood: silence is counted anew."""
        self._silent_since = None
        self._rung = 0

    def bot_began(self, *, interruptible: bool, now_ms: float | None = None) -> None:
        """The bot's turn begins, or goes on with the next sentence; its first sound leaves at
        `now_ms`, where there is sound yet."""
        if not self.bot_speaking:
            self._bot_since = None
        self.bot_speaking = True
        self.interruptible = interruptible
        if self._bot_since is None:
            self._bot_since = now_ms

    def bot_fell_silent(self, now_ms: float) -> None:
        """The bot's last sound has left."""
        self.bot_speaking = False
        if self._silent_since is None:
            self._silent_since = now_ms

    def frame(
        self,
        speech: bool,
        now_ms: float,
        *,
        began_ms_ago: float | None = None,
        doubtful: bool = False,
        stirs: bool = False,
    ) -> list[TurnEvent]:
        """Take the voice activity of one frame that ends at `now_ms`.

        `began_ms_ago`: where the detector knows better when this speech began. `doubtful`: see
        `pauses_bot`. `stirs`: there is no speech in it, but it may be where speech begins.
        """
        current = self._speech
        if not speech and current is None:
            return []
        if self.expect is None or not self.expect.speech:
            return self._drop()
        if current is None:
            current = self._begin(self.expect, now_ms, began_ms_ago)
        current.stirs = stirs
        if self.bot_speaking and not self.interruptible and not current.joins:
            return self._drop()
        if not speech:
            return self._silence_in_speech(current, now_ms)
        return self._speech_frame(current, now_ms, doubtful=doubtful)

    def looked(self, look: Look, now_ms: float) -> list[TurnEvent]:
        """Take what a look at the words so far has found."""
        speech = self._speech
        if speech is None or self.expect is None:
            return []
        speech.look = look
        return self._silence_in_speech(speech, now_ms)

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
        self._ended = None
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
            return self._silence_in_speech(self._speech, now_ms)
        if self.bot_speaking or self._silent_since is None or self._keys.keys:
            return []
        rungs = self.rules.silence_rungs_ms
        if self._rung < len(rungs) and now_ms - self._silent_since >= rungs[self._rung]:
            self._rung += 1
            return [StayedSilent(self._rung)]
        return []

    # Speech.

    def _begin(self, expect: Expectation, now_ms: float, began_ms_ago: float | None) -> _Speech:
        onset = now_ms - max(self.frame_ms, began_ms_ago or 0.0)
        joins = False
        ended = self._ended
        if ended is not None and self.bot_speaking:
            heard = 0.0 if self._bot_since is None else now_ms - self._bot_since
            joins = may_go_on(
                self.rules, since_end_ms=onset - ended.at_ms, bot_heard_ms=max(0.0, heard)
            )
            expect = ended.expect if joins else expect
        self._speech = _Speech(
            onset, now_ms, expect, joins=joins, into_bot=self.bot_speaking
        )  # fmt: skip
        return self._speech

    def _drop(self) -> list[TurnEvent]:
        """Nothing that is said now is a turn."""
        speech, self._speech = self._speech, None
        if speech is None:
            return []
        events: list[TurnEvent] = [BotReleased()] if speech.holds and speech.into_bot else []
        return [*events, SpeechDropped()] if speech.opened else events

    def _speech_frame(self, speech: _Speech, now_ms: float, *, doubtful: bool) -> list[TurnEvent]:
        events: list[TurnEvent] = []
        speech.last_ms = now_ms
        speech.asked = False
        speech.look = None
        speech.speech_ms += self.frame_ms
        if not doubtful:
            speech.certain_ms += self.frame_ms
        if speech.into_bot and not self.bot_speaking:
            # The bot has finished: what goes on into its silence is a turn like any other.
            speech.into_bot = False
        pauses = (
            speech.into_bot
            and not speech.holds
            and pauses_bot(self.rules, now_ms - speech.onset_ms, doubtful=doubtful)
        )
        if not speech.opened and (pauses or speech.speech_ms >= self.rules.speech_onset_ms):
            speech.opened = True
            events.append(SpeechBegan(speech.onset_ms, speech.joins))
        if pauses:
            speech.holds = True
            events.append(BotPaused())
        if speech.into_bot and speech.certain_ms >= self.rules.commit_ms:
            events += self._interrupt(speech)
        if now_ms - speech.onset_ms >= self.rules.longest_turn_ms:
            events += self._end(speech)
        return events

    def _silence_in_speech(self, speech: _Speech, now_ms: float) -> list[TurnEvent]:
        silence = now_ms - speech.last_ms
        rules = self.rules
        if speech.into_bot and not self.bot_speaking:
            speech.into_bot = False
            if speech.certain_ms < rules.speech_onset_ms:
                # The bot's own last words, come back.
                return self._drop()
        if not speech.opened:
            if silence >= rules.release_ms:
                self._speech = None
            return []
        stirs = speech.stirs and not speech.asked
        if silence < rules.look_ms + (rules.stir_ms if stirs else 0):
            return []
        events: list[TurnEvent] = []
        if not speech.asked:
            speech.asked = True
            events.append(SpeechPaused(speech.joins))
        if speech.into_bot:
            meant = self._is_meant(speech)
            if not meant:
                patience = rules.release_ms if meant is False else rules.endpoint_unheard_ms
                return [*events, *self._drop()] if silence >= patience else events
            events += self._interrupt(speech)
        if silence >= endpoint_silence_ms(rules, speech.expect, speech.look):
            events += self._end(speech)
        return events

    def _is_meant(self, speech: _Speech) -> bool | None:
        """Whether what is said into the bot's words is meant for it; None: not known yet."""
        look = speech.look
        if look is None:
            return None
        if speech.certain_ms < self.rules.meant_ms:
            return False
        if speech.joins and self._ended is not None:
            return goes_on(look, self._ended.said)
        return interrupts(look)

    def _interrupt(self, speech: _Speech) -> list[TurnEvent]:
        speech.into_bot = False
        self.bot_speaking = False
        return [TakenBack() if speech.joins else BargedIn()]

    def _end(self, speech: _Speech) -> list[TurnEvent]:
        self._speech = None
        said = speech.look.text if speech.look is not None else ""
        self._ended = _Ended(speech.last_ms, said, speech.expect)
        return [SpeechEnded(speech.last_ms, speech.speech_ms, speech.joins)]
