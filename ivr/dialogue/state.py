"""Where a dialogue is: everything that the next step needs, and nothing of the flow itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from ivr.dialogue.changes import Change
from ivr.dialogue.returning import Returning
from ivr.dialogue.topic import Topic

Phase = Literal["ask", "confirm"]
"""Within a node: asking for a value, or asking whether the value is right."""
Aside = Literal["", "which", "language", "return"]
"""A question of our own, laid over that of the node; see `ivr.dialogue.asides`."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spoken(NamedTuple):
    """A text that was said, kept so that it can be repeated."""

    text: str
    language: str
    static: bool = False


class PendingRequest(_Frozen):
    """The request, or the recording, whose end is waited for: `request_id` of the node `node`."""

    request_id: str
    node: str


class DialogueState(_Frozen):
    """Immutable; as JSON data by `model_dump(mode="json")`, back by `model_validate`.

    `secrets` holds sensitive slots: it is neither dumped nor shown, so that after a takeover by
    another worker the caller is asked again.
    """

    language: str
    """Code of the language spoken now: the flow's first until `language_known`."""
    language_known: bool = False
    speech_languages: frozenset[str] = frozenset()
    """Languages that can be recognised here; in the others keys must do."""

    caller: str = ""
    """The number that rings; empty where it is withheld."""
    slow: bool = False
    """The caller has asked for slower speech."""

    node: str = ""
    """Id of the node that waits; empty before the dialogue began."""
    phase: Phase = "ask"
    aside: Aside = ""
    between: tuple[str, ...] = ()
    """The intents that the aside "which" asks about."""
    returning: Returning | None = None
    """Where the caller was in the call before, until they have said whether to go on there."""
    task: str = ""
    """The intent that is being helped with."""
    slots: Mapping[str, str] = Field(default_factory=dict)
    secrets: Mapping[str, str] = Field(default_factory=dict, exclude=True, repr=False)
    offered: tuple[tuple[str, str], ...] = ()
    """Values heard before they were asked for: (kind of entity, value)."""

    misunderstood: int = 0
    """Times in a row that the current question got no usable answer."""
    detours: int = 0
    """Courtesies and things out of scope since the last progress."""
    insults: int = 0
    """Times that the caller swore at us in this call."""
    silence: int = 0
    """The last rung of silence, 0 since the caller did something."""
    refusals: int = 0
    """Transfers that the switch refused."""
    visits: Mapping[str, int] = Field(default_factory=dict)
    """How often each slot filler asked anew within the current task."""
    trail: tuple[str, ...] = ()
    """The nodes that asked something, oldest first: the way back."""
    spoken: tuple[Spoken, ...] = ()
    """What was said last, for `repeat`."""
    unheard: tuple[Spoken, ...] = ()
    """What was interrupted, from its last clause on, for `go_on`."""
    turns: int = 0
    """How often the caller has said or keyed something."""
    topics: tuple[Topic, ...] = ()
    """What the caller was told of late, oldest first."""
    told: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """By slot: the values it had in this call, oldest first."""
    line: str = ""
    """The service prompt that says what is wrong with the line, if anything."""
    line_told: bool = False

    pending: PendingRequest | None = None
    changes: Mapping[str, Change] = Field(default_factory=dict)
    """By node: changes of the world under way or in doubt."""

    finished: bool = False
    verdict: str = ""
    """Where the caller goes when finished: "hangup", or a destination of the flow's list."""

    def with_(self, **changes: Any) -> DialogueState:
        """Return a state that differs in `changes`, which are not validated.

        As `model_copy`, but ten times as fast: a step makes several, and steps are what a worker
        does most.
        """
        made = object.__new__(type(self))
        object.__setattr__(made, "__dict__", self.__dict__ | changes)
        for slot in ("__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__"):
            object.__setattr__(made, slot, getattr(self, slot))
        return made
