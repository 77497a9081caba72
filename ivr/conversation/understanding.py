"""From what happens on the line to what it means to the dialogue."""

from __future__ import annotations

import asyncio

from ivr.conversation.ears import Ears
from ivr.conversation.records import CallLog
from ivr.conversation.states import ConversationState, Whereabouts
from ivr.conversation.turns import (
    KeysEntered,
    SpeechEnded,
    StayedSilent,
    TurnEvent,
    TurnTaker,
)
from ivr.dialogue.actions import Expectation
from ivr.dialogue.inputs import Input, Keyed, Said, Silence
from ivr.dialogue.state import DialogueState
from ivr.nlu.interpreter import Interpretation, Interpreter

_NOISE_MS = 300
"""Speech shorter than this in which no word was made out was a noise."""
_COUGH_MS = 1200
"""The same for what interrupted us: we go on speaking rather than ask what was said."""
_UNDERSTOOD = 0.85
"""Confidence from which words make sense as they are, and need no more to come."""


class Understanding:
    """Understands one caller."""

    def __init__(
        self,
        ears: Ears,
        turns: TurnTaker,
        interpreter: Interpreter,
        whereabouts: Whereabouts,
        log: CallLog,
    ) -> None:
        self._ears = ears
        self._turns = turns
        self._interpreter = interpreter
        self._whereabouts = whereabouts
        self._log = log

    async def peek(self, language: str) -> None:
        """Look at the words so far, so that what is complete need not wait for long silence."""
        words = await self._ears.peek()
        if words is None or not words.text:
            return
        meaning = await self._interpreter.interpret(words.text, language)
        self._turns.partial(words.text, understood=meaning.confidence >= _UNDERSTOOD)

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
        noise_ms = _COUGH_MS if unheard else _NOISE_MS
        if not transcript.text and event.speech_ms < noise_ms:
            self._whereabouts.go(ConversationState.LISTENING)
            return None
        language = transcript.language or state.language
        texts = (transcript.text, *transcript.alternatives) if transcript.text else ()
        understood = (self._interpreter.interpret(text, language) for text in texts)
        meaning, *others = await asyncio.gather(*understood) or [Interpretation(text="")]
        self._turns.caller_acted()
        self._log.caller_said(meaning, transcript.confidence, state)
        return Said(
            interpretation=meaning,
            asr_confidence=transcript.confidence,
            others=tuple(others),
            word_confidences=tuple(word.confidence for word in transcript.words),
            language=transcript.language,
            unheard=unheard,
        )
