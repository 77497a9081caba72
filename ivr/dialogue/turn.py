"""One step under way: the state as it becomes, and the actions as they gather.

Mutable, but only within `step`: it never outlives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from ivr.dialogue.actions import Action, Expectation, HangUp, Listen, Say, TransferTo
from ivr.dialogue.state import DialogueState, Spoken

if TYPE_CHECKING:
    from ivr.dialogue.flow import Flow
    from ivr.nlu.interpreter import Interpretation

HANG_UP = "hangup"
"""The verdict of a dialogue that ends with the call."""
_LONGEST_TRAIL = 16
_MOST_OFFERED = 16
_NOTHING: Mapping[str, str] = {}


class Turn:
    """What the nodes work on."""

    __slots__ = ("_spoken", "actions", "flow", "heard", "new_id", "same_wait", "state", "today")

    def __init__(
        self, flow: Flow, state: DialogueState, today: date, new_id: Callable[[], str]
    ) -> None:
        self.flow = flow
        self.state = state
        self.today = today
        self.new_id = new_id
        self.actions: list[Action] = []
        self.heard: tuple[tuple[str, str], ...] = ()
        """What the caller's sentence told, as (kind of entity, value)."""
        self.same_wait = False
        self._spoken: list[Spoken] = []

    @property
    def by_speech(self) -> bool:
        """Whether the caller's speech can be recognised in the language spoken now."""
        return self.state.language in self.state.speech_languages

    def understood(self, meaning: Interpretation) -> bool:
        """Whether the interpreter is sure enough of its best intent."""
        return meaning.confidence >= self.flow.thresholds.nlu

    def change(self, **changes: Any) -> None:
        """Set fields of the state."""
        self.state = self.state.model_copy(update=changes)

    def say(
        self, name: str, values: Mapping[str, str] = _NOTHING, *, interruptible: bool = True
    ) -> None:
        """Say a template of the flow, or a service prompt; in every language of the flow as long
        as the caller's is not known. Raises TemplateFailed.
        """
        state = self.state
        languages = (state.language,) if state.language_known else self.flow.languages
        for language in languages:
            text = self.flow.text(name, language)
            static = text.static is not None
            filled = text.static
            if filled is None:
                filled = text.fill({**state.slots, **values} if values else state.slots)
            if filled:
                self._spoken.append(Spoken(filled, language, static))
                self.actions.append(
                    Say(text=filled, language=language, interruptible=interruptible, static=static)
                )

    def say_again(self) -> None:
        """Say what was said last, but for what this step has said already."""
        said = {(spoken.text, spoken.language) for spoken in self._spoken}
        for spoken in self.state.spoken:
            if (spoken.text, spoken.language) in said:
                continue
            self._spoken.append(spoken)
            self.actions.append(
                Say(text=spoken.text, language=spoken.language, static=spoken.static)
            )

    def speak(self, language: str) -> None:
        """Switch to `language`, and say so where it cannot be recognised here."""
        self.change(language=language, language_known=True)
        if not self.by_speech:
            self.say("keys_only")

    def keep_offers(self, but: str) -> None:
        """Keep what else the sentence told, for the questions to come."""
        told = tuple(pair for pair in self.heard if pair[0] != but)
        if told:
            self.change(offered=(*self.state.offered, *told)[-_MOST_OFFERED:])

    def wait(self, action: Action) -> None:
        """End the step with what the dialogue waits for."""
        self.actions.append(action)

    def listen(self, expect: Expectation) -> None:
        """Wait for the caller at the current node, and remember the way back to it."""
        trail, node = self.state.trail, self.state.node
        if not trail or trail[-1] != node:
            self.change(trail=(*trail, node)[-_LONGEST_TRAIL:])
        self.wait(Listen(expect=expect))

    def hang_up(self) -> None:
        """End the call once everything has been said."""
        self.change(finished=True, verdict=HANG_UP, pending=None)
        self.wait(HangUp())

    def transfer(self, destination: str) -> None:
        """Hand the caller over."""
        self.change(finished=True, verdict=destination, pending=None)
        self.wait(TransferTo(destination=destination))

    def settle(self) -> DialogueState:
        """Return the state after the step."""
        if self._spoken:
            self.change(spoken=tuple(self._spoken))
        return self.state
