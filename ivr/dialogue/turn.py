"""One step under way: the state as it becomes, and the actions as they gather.

Mutable, but only within `step`: it never outlives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from ivr.dialogue.actions import (
    Action,
    Expectation,
    HangUp,
    Listen,
    RecordMessage,
    Say,
    TransferTo,
)
from ivr.dialogue.state import DialogueState, PendingRequest, Spoken

if TYPE_CHECKING:
    from ivr.dialogue.flow import Flow
    from ivr.nlu.interpreter import Interpretation

HANG_UP = "hangup"
"""The verdict of a dialogue that ends with the call."""
_LONGEST_TRAIL = 16
_MOST_OFFERED = 16
_MOST_TOLD = 4
_NOTHING: Mapping[str, str] = {}


class Turn:
    """What the nodes work on."""

    __slots__ = (
        "_spoken",
        "actions",
        "flow",
        "heard",
        "new_id",
        "same_wait",
        "sentence",
        "state",
        "today",
    )

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
        self.sentence = ""
        """The caller's sentence."""
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
        self.state = self.state.with_(**changes)

    def say(
        self,
        name: str,
        values: Mapping[str, str] = _NOTHING,
        *,
        interruptible: bool = True,
        language: str | None = None,
        static: bool = False,
        notice: bool = False,
    ) -> None:
        """Say a template of the flow, or a service prompt; in every language of the flow as long
        as the caller's is not known, unless `language` says which. `static`: its `values` are the
        same in every call. Raises TemplateFailed.
        """
        state = self.state
        languages = (state.language,) if state.language_known else self.flow.languages
        for code in (language,) if language is not None else languages:
            text = self.flow.text(name, code)
            filled = text.static
            if filled is None:
                filled = text.fill({**state.slots, **values} if values else state.slots)
            if filled:
                spoken = Spoken(filled, code, static or text.static is not None)
                self._speak(spoken, interruptible=interruptible, notice=notice)

    def say_spoken(self, texts: Iterable[Spoken]) -> None:
        """Say texts again, but for what this step has said already."""
        said = {(spoken.text, spoken.language) for spoken in self._spoken}
        for spoken in texts:
            if (spoken.text, spoken.language) not in said:
                self._speak(spoken)

    def _speak(self, spoken: Spoken, *, interruptible: bool = True, notice: bool = False) -> None:
        self._spoken.append(spoken)
        self.actions.append(
            Say(
                text=spoken.text,
                language=spoken.language,
                interruptible=interruptible,
                static=spoken.static,
                slow=self.state.slow,
                notice=notice,
            )
        )

    def say_again(self) -> None:
        """Say what was said last, but for what this step has said already."""
        self.say_spoken(self.state.spoken)

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

    def tell(self, slot: str, value: str) -> None:
        """Remember that the caller spoke of this value."""
        told = self.state.told
        values = tuple(one for one in told.get(slot, ()) if one != value)
        self.change(told={**told, slot: (*values, value)[-_MOST_TOLD:]})

    def record(self, message: RecordMessage, node: str) -> None:
        """Wait for the caller's message."""
        self.change(pending=PendingRequest(request_id=message.message_id, node=node))
        self.wait(message)

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
