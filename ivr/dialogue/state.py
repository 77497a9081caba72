"""Where a dialogue is: everything that the next step needs, and nothing of the flow itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Phase = Literal["ask", "confirm"]
"""Within a node: asking for a value, or asking whether the value is right."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Spoken(NamedTuple):
    """A text that was said, kept so that it can be repeated."""

    text: str
    language: str
    static: bool = False


class PendingRequest(_Frozen):
    """The request whose reply is waited for: `request_id` of the node `node`."""

    request_id: str
    node: str


class Change(_Frozen):
    """A change of the world that was asked for, and whose outcome is not known for certain.

    `fingerprint` stands for what was asked: the same again keeps its `key`, so that a server
    that honours idempotency keys does it once.
    """

    key: str
    fingerprint: str


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

    node: str = ""
    """Id of the node that waits; empty before the dialogue began."""
    phase: Phase = "ask"
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

    pending: PendingRequest | None = None
    changes: Mapping[str, Change] = Field(default_factory=dict)
    """By node: changes of the world under way or in doubt."""

    finished: bool = False
    verdict: str = ""
    """Where the caller goes when finished: "hangup", or a destination of the flow's list."""

    def with_(self, **changes: Any) -> DialogueState:
        """Return a state that differs in `changes`."""
        return self.model_copy(update=changes)
