"""From what happens on the line to what it means to the dialogue; and, while the caller may still
go on, what it would lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ivr.conversation.ears import Ears
from ivr.conversation.endpointing import Look
from ivr.conversation.records import CallLog
from ivr.conversation.states import ConversationState, Whereabouts
from ivr.conversation.turns import (
    KeysEntered,
    SpeechEnded,
    StayedSilent,
    TurnEvent,
    TurnTaker,
)
from ivr.dialogue.actions import Expectation, Say
from ivr.dialogue.executor import Step
from ivr.dialogue.inputs import Input, Keyed, Said, Silence
from ivr.dialogue.lexicon import global_intent, is_any, lexicon, spoken_form
from ivr.dialogue.state import DialogueState
from ivr.nlu.endings import Endings
from ivr.nlu.interpreter import Interpretation, Interpreter
from ivr.speech.recognition.recogniser import Transcript

_NOISE_MS = 300
"""Speech shorter than this in which no word was made out was a noise."""
_COUGH_MS = 1200
"""The same for what interrupted us: we go on speaking rather than ask what was said."""

_NOTHING_KNOWN = Endings(())


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What these words mean in this state, and where they lead."""

    words: Transcript
    state: DialogueState
    said: Said
    step: Step


class Understanding:
    """Understands one caller. `step` is the dialogue's next step, were this the input, and changes
    nothing; `prepare` is told what would be said; `mark` that a stage of the waterfall is done."""

    def __init__(
        self,
        ears: Ears,
        turns: TurnTaker,
        interpreter: Interpreter,
        whereabouts: Whereabouts,
        log: CallLog,
        *,
        endings: Mapping[str, Endings],
        mark: Callable[[str], None],
        step: Callable[[DialogueState, Input], Step],
        prepare: Callable[[Sequence[Say]], None],
    ) -> None:
        self._ears = ears
        self._turns = turns
        self._interpreter = interpreter
        self._whereabouts = whereabouts
        self._log = log
        self._endings = endings
        self._mark = mark
        self._step = step
        self._prepare = prepare
        self._foreseen: _Foreseen | None = None

    async def look(
        self, state: DialogueState, *, unheard: tuple[str, ...], late: bool
    ) -> Look | None:
        """Look at the words so far, and work out where they lead: understood, stepped and made
        into sound while the caller may still go on; thrown away when they do. None when they do
        so meanwhile. `late`: see `Look`."""
        words = await self._ears.peek()
        if words is None or not words.text:
            return None if words is None else Look("")
        said = await self._said(words, state, unheard)
        step = self._step(state, said)
        self._foreseen = _Foreseen(words, state, said, step)
        self._prepare([action for action in step.actions if isinstance(action, Say)])
        endings = self._endings.get(state.language, _NOTHING_KNOWN)
        return Look(
            words.text,
            words.confidence,
            accepted=_is_accepted(state, step),
            ends=endings.likelihood(words.text),
            wants_more=endings.wants_more(words.text),
            backchannel=_is_backchannel(words.text, state.language),
            halts=_halts(words.text, state.language),
            disputed=words.disputed,
            late=late,
        )

    def foreseen(self, what: Input, state: DialogueState) -> Step | None:
        """The step that `what` leads to in `state`, where that was worked out beforehand."""
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is None or foreseen.said is not what or foreseen.state is not state:
            return None
        return foreseen.step

    async def of(
        self,
        event: TurnEvent,
        expect: Expectation,
        state: DialogueState,
        *,
        unheard: tuple[str, ...],
    ) -> Input | None:
        """What an event on the line means to the dialogue in `state`; None when it was nothing.
        `unheard` is what the event has interrupted."""
        self._whereabouts.go(ConversationState.PROCESSING)
        if isinstance(event, StayedSilent):
            return Silence(rung=event.rung)
        if isinstance(event, KeysEntered):
            self._turns.caller_acted()
            self._log.caller_keyed(event.keys, state, sensitive=expect.sensitive)
            return Keyed(digits=event.keys, unheard=unheard)
        if not isinstance(event, SpeechEnded):
            return None
        transcript = await self._ears.finish()
        self._mark("recognition")
        noise_ms = _COUGH_MS if unheard else _NOISE_MS
        if not transcript.text and event.speech_ms < noise_ms:
            self._whereabouts.go(ConversationState.LISTENING)
            return None
        said = await self._said(transcript, state, unheard)
        self._mark("understanding")
        self._turns.caller_acted()
        self._log.caller_said(said.interpretation, transcript.confidence, state)
        return said

    async def _said(
        self, words: Transcript, state: DialogueState, unheard: tuple[str, ...]
    ) -> Said:
        known = self._foreseen
        if known is not None and known.words is words and known.state is state:
            same = known.said.unheard == unheard
            return known.said if same else replace(known.said, unheard=unheard)
        language = words.language or state.language
        texts = (words.text, *words.alternatives) if words.text else ()
        understood = (self._interpreter.interpret(text, language) for text in texts)
        meaning, *others = await asyncio.gather(*understood) or [Interpretation(text="")]
        return Said(
            interpretation=meaning,
            asr_confidence=words.confidence,
            others=tuple(others),
            word_confidences=tuple(word.confidence for word in words.words),
            language=words.language,
            unheard=unheard,
        )


def _is_accepted(state: DialogueState, step: Step) -> bool:
    """Whether the step takes what was said for an answer."""
    after = step.state
    return (
        not step.same_wait
        and after.misunderstood <= state.misunderstood
        and after.detours <= state.detours
    )


def _is_backchannel(text: str, language: str) -> bool:
    """Whether these are words of a listener, and nothing else. A yes is one as well, until there
    is something to say yes to."""
    words = lexicon(language)
    phrases = (*words.backchannels, *words.yes)
    said = spoken_form(text)
    return is_any(said, phrases) or all(is_any(word, phrases) for word in said.split())


def _halts(text: str, language: str) -> bool:
    """Whether these words are said to stop somebody, or are understood anywhere ("repeat"): they
    need not be an answer to be meant."""
    said = spoken_form(text)
    words = lexicon(language).interruptions
    return (
        is_any(said, words)
        or all(is_any(word, words) for word in said.split())
        or global_intent(said, language) is not None
    )
