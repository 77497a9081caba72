"""The flow file as it is written: a JSON document, validated by shape. What its parts mean to
one another is checked in `flow_check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

Languages = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Part):
    """Where a call begins, by whether its language is known already; `home` is where callers come
    back to: after cancel and start over, and after a transfer that was refused.
    """

    language_unknown: str | None = None
    language_known: str
    home: str | None = None


class Thresholds(_Part):
    """Below these confidences, 0..1, the caller was not understood."""

    asr: float = Field(0.6, ge=0, le=1)
    """Of the recogniser's words."""
    nlu: float = Field(0.7, ge=0, le=1)
    """Of an intent."""
    switch: float = Field(0.8, ge=0, le=1)
    """Of another task's intent, to leave a question unanswered for it."""


class GlobalIntent(_Part):
    """`intents` of the interpreter mean it; `next` is a node to go to instead of what is built
    in.
    """

    intents: tuple[str, ...] | None = None
    next: str | None = None


class NodePart(_Part):
    """A node. `next` maps each outcome to a node's id; a bare id means {"done": id}."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: str
    config: Mapping[str, Any] = Field(default_factory=dict)
    next: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("next", mode="before")
    @classmethod
    def _bare_id(cls, value: Any) -> Any:
        return {"done": value} if isinstance(value, str) else value


class KnowledgeEntry(_Part):
    """Something that can be asked: how callers ask for it, by language; the templates of the
    `answer` and of what there is `more` to say; the key for it; and the `source` of the answer,
    for those who keep it true.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    phrases: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    key: str | None = Field(None, pattern=r"^[1-9]$")
    answer: str
    more: str | None = None
    source: str = ""


class EntityName(_Part):
    """One of the names that callers may say, and the `phrases` for it, by language: the whole name
    and its common short forms. It is found by its sound. `intent` is what is meant where a
    name was said and the interpreter is not sure of anything.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    phrases: Mapping[str, tuple[str, ...]]
    intent: str | None = None


class Subflow(_Part):
    """Nodes that several places of the flow use. A way to "@name" leaves the subflow; the node
    that uses it says where `name` leads.
    """

    entry: str
    nodes: tuple[NodePart, ...] = Field(min_length=1)


class RecordingPart(_Part):
    """Calls of this flow are recorded. `announce` is the template that says so to the caller, at
    the call's beginning, without interruption: nothing is recorded before it has been heard. Where
    nothing is announced, the caller has to know from elsewhere.
    """

    announce: str | None = None


class VoiceOfLanguage(_Part):
    """Who speaks a language, how fast (words per minute) and how high (0..100); what is left out is
    as usual. `names` is what each engine calls the voice: {"espeak": "+f3", "coqui": "p225"}.
    """

    rate: int | None = Field(None, ge=80, le=450)
    pitch: int | None = Field(None, ge=0, le=100)
    names: Mapping[str, str] = Field(default_factory=dict)


class LanguageFile(_Part):
    """A flow's texts in one more language, in a file of its own beside it: `bank.es.json`."""

    language: str
    templates: Mapping[str, str] = Field(default_factory=dict)
    phrases: Mapping[str, Mapping[str, tuple[str, ...]]] = Field(default_factory=dict)
    """Node (or part of the knowledge, or kind of entity) to option (or entry, or name) to the
    phrases for it."""


class FlowFile(_Part):
    """The document."""

    editor_schema: str | None = Field(None, alias="$schema")
    """Where editors find the schema of this file: `flows/flow.schema.json`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    description: str = ""
    languages: Languages = Field(min_length=1)
    """Codes; the first is spoken until the caller's is known."""
    entry: Entry
    nodes: tuple[NodePart, ...] = Field(min_length=1)
    templates: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    """Name to language to Jinja2 source."""
    global_intents: Mapping[str, GlobalIntent] = Field(default_factory=dict)
    global_keys: Mapping[str, str] = Field(default_factory=lambda: {"0": "agent", "*": "repeat"})
    """Key to global intent, where the key is no answer to the question."""
    examples: str | None = None
    """A template that tells what can be asked, for what is out of scope."""
    lasting_slots: frozenset[str] = frozenset()
    """Slots that outlive a task; all others are forgotten when the next begins."""
    thresholds: Thresholds = Field(default_factory=Thresholds)
    intents: Mapping[str, str] = Field(default_factory=dict)
    """Intent to the template that names it within a sentence: "your balance"."""
    knowledge: Mapping[str, tuple[KnowledgeEntry, ...]] = Field(default_factory=dict)
    """What knowledge nodes can answer."""
    entities: Mapping[str, tuple[EntityName, ...]] = Field(default_factory=dict)
    """Kind of entity to the names of that kind: they fill slots of the kind unasked, and choose
    the entry of the same name where a knowledge node answers."""
    subflows: Mapping[str, Subflow] = Field(default_factory=dict)
    authentication_slots: frozenset[str] = frozenset()
    """Slots that prove who the caller is: never restored in a later call."""
    recording: RecordingPart | None = None
    integrations: tuple[str, ...] = ()
    transfer_destinations: tuple[str, ...] = ()
    callback_numbers: tuple[str, ...] = ()
    """How the numbers begin that may be called back: "+91". Emergency and premium numbers never
    may."""
    voices: Mapping[str, VoiceOfLanguage] = Field(default_factory=dict)
    """Language to the voice that speaks it."""
    message_boxes: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], ...] = ()
    """Where callers may leave messages."""
