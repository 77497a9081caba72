"""What every type of node says about itself, to the flow's check and to the executor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from ivr.dialogue.actions import Expectation

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Input, Keyed, Said
    from ivr.dialogue.positions import Path
    from ivr.dialogue.state import PendingRequest
    from ivr.dialogue.turn import Turn


class NodeConfig(BaseModel):
    """The `config` of a node; each type has its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AskingConfig(NodeConfig):
    """Of nodes that ask the caller something, by the names of templates."""

    prompt: str
    reprompt: str | None = None
    """The question in other words, after a first misunderstanding; default: the prompt."""
    keys_prompt: str | None = None
    """How to answer by keys."""
    help: str | None = None
    """What can be said here, with examples."""
    interruptible: bool = True


C = TypeVar("C", bound=NodeConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Generic[C]):
    """A node of a checked flow."""

    id: str
    kind: NodeKind[C]
    config: C
    next: Mapping[str, str]
    """Outcome to node id."""

    def leads(self, *outcomes: str) -> str:
        """The node id that the first of `outcomes` with a way out leads to."""
        return next(self.next[outcome] for outcome in outcomes if outcome in self.next)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The ways out of a node: all of one of `either`, and any of `optional`."""

    either: tuple[frozenset[str], ...] = (frozenset(),)
    optional: frozenset[str] = frozenset()
    any_name: bool = False
    """Names are the author's own: intents."""

    @property
    def known(self) -> frozenset[str]:
        """Every name that may be used."""
        return self.optional.union(*self.either)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a node asks at this point, in every form that repair may need. Names of templates."""

    prompt: str
    reprompt: str
    values: tuple[tuple[str, str], ...] = ()
    """Of prompt and reprompt."""
    each_language: tuple[tuple[str, str], ...] = ()
    """It is said once in each of these languages, (code, key), whatever is spoken now."""
    keys: str | None
    keys_values: tuple[tuple[str, str], ...] = ()
    keys_suffice: bool = False
    """`keys` alone is the whole question; else it follows the prompt."""
    help: str | None = None
    expect: Expectation


@dataclass(frozen=True, slots=True)
class Misfit:
    """An answer of the right kind that cannot be used; `why` names a service prompt."""

    why: str
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A part of a config that is a template's name or source, and where it stands there."""

    path: Path
    name: str = ""
    source: str | None = None
    for_path: bool = False
    in_body: bool = False
    """Of a request, the only place where a sensitive slot may stand."""


class NodeKind(ABC, Generic[C]):
    """A type of node: how it is configured, and what it does. Has no state of its own."""

    name: ClassVar[str]
    config: ClassVar[type[NodeConfig]]
    spoken_fields: ClassVar[tuple[str, ...]] = ("prompt",)
    """Fields of the config that name templates."""
    prompt_values: ClassVar[frozenset[str]] = frozenset()
    """Variables of its `prompt` beside slots."""
    asks: ClassVar[bool] = False
    """It waits for the caller, at the latest when it is entered again within one task."""
    ends: ClassVar[bool] = False
    """The dialogue goes no further on its own."""

    @abstractmethod
    def outcomes(self, config: C) -> Outcomes:
        """The ways out."""

    @abstractmethod
    def enter(self, turn: Turn, node: Node[C]) -> str | None:
        """Do what the node does when the dialogue comes to it.

        Returns the id of the next node, or None once `turn` waits for something.
        """

    def uses(self, config: C) -> Iterator[Use]:
        """The templates it names."""
        for field in self.spoken_fields:
            name = getattr(config, field)
            if name is not None:
                yield Use(path=(field,), name=name)

    def fills(self, config: C) -> frozenset[str]:
        """The slots it may fill."""
        return frozenset()

    def known_after(self, config: C, outcome: str, before: frozenset[str]) -> frozenset[str]:
        """The slots that are filled for certain when it is left by `outcome`, where `before` were
        when it was come to.
        """
        return before | self.fills(config)

    def mistakes(self, node: Node[C], facts: FlowFacts) -> Iterator[tuple[Path, str, str]]:
        """What else is wrong with its config: (path within it, what, suggestion)."""
        yield from ()


class AskingKind(NodeKind[C]):
    """A node that waits for the caller."""

    spoken_fields: ClassVar[tuple[str, ...]] = ("prompt", "reprompt", "keys_prompt", "help")
    asks = True

    @abstractmethod
    def question(self, turn: Turn, node: Node[C]) -> Question:
        """What it asks now."""

    @abstractmethod
    def certain(self, turn: Turn, node: Node[C], said: Said) -> Any:
        """Understand what is beyond doubt an answer: comes before the global intents.

        Returns a value for `accept`, a Misfit, or None.
        """

    def likely(self, turn: Turn, node: Node[C], said: Said) -> Any:
        """Understand what is an answer unless it is a global intent. See `certain`."""
        return None

    @abstractmethod
    def keyed(self, turn: Turn, node: Node[C], keyed: Keyed) -> Any:
        """Understand an entry of keys. See `certain`."""

    def after_silence(self, turn: Turn, node: Node[C], rung: int) -> str | None:
        """The node that a silent caller is taken to, None to go on asking."""
        return None

    @abstractmethod
    def accept(self, turn: Turn, node: Node[C], answer: Any) -> str | None:
        """Take an answer: the next node's id, or None when the node waits again."""


class AwaitingKind(NodeKind[C]):
    """A node that waits for an answer of the shell: of an integration, of a recording."""

    @abstractmethod
    def wait_on(self, turn: Turn, node: Node[C], pending: PendingRequest) -> None:
        """Go on waiting for what is under way."""

    @abstractmethod
    def replied(self, turn: Turn, node: Node[C], what: Input) -> str | None:
        """Take the answer. Returns the node to go to, or None once `turn` waits."""

    @abstractmethod
    def resumed(self, turn: Turn, node: Node[C]) -> str | None:
        """Another worker has taken over while it waited. See `replied`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowFacts:
    """What a node's own check needs to know of the whole flow."""

    languages: tuple[str, ...]
    destinations: tuple[str, ...]
    integrations: tuple[str, ...]
    intents: frozenset[str]
    """Every intent that some router routes, or that is global."""
    changing: frozenset[str]
    """The nodes whose requests change the world."""
    slots: frozenset[str] = frozenset()
    """Every slot that some node fills."""
    knowledge: frozenset[str] = frozenset()
    boxes: tuple[str, ...] = ()
    callback_numbers: tuple[str, ...] = ()
