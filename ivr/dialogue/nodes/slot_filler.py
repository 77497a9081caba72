"""slot_filler: asks for one value until it has it; spoken and keyed forms fill the same slot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ivr.dialogue.actions import Expectation
from ivr.dialogue.checksums import Checksum
from ivr.dialogue.nodes.expecting import ONE_KEY, expect
from ivr.dialogue.nodes.kind import AskingConfig, AskingKind, FlowFacts, Node, Outcomes, Question
from ivr.dialogue.nodes.options import Option, option_mistakes, set_by_all
from ivr.dialogue.nodes.slot_type import Heard, KeysPrompt, SlotType
from ivr.dialogue.nodes.slot_types import SLOT_TYPES
from ivr.dialogue.repair import ask, ask_in_other_words, to_agent

if TYPE_CHECKING:
    from ivr.dialogue.inputs import Keyed, Said
    from ivr.dialogue.positions import Path
    from ivr.dialogue.turn import Turn

_MOST_DIGITS = 32


class SlotConfig(AskingConfig):
    """`digits` is an exact length, `min_digits` and `max_digits` a range. `confirm` names a
    template that reads the value back; a no asks again. `attempts` is how often it is asked anew
    within one task before an agent takes over. A `sensitive` value is keyed, never spoken, and
    leaves no trace.
    """

    slot: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: Literal[
        "digits", "amount", "date", "time", "card_type", "yes_no", "choice", "name", "text"
    ]
    digits: int | None = Field(None, ge=1, le=_MOST_DIGITS)
    min_digits: int = Field(1, ge=1, le=_MOST_DIGITS)
    max_digits: int = Field(_MOST_DIGITS, ge=1, le=_MOST_DIGITS)
    checksum: Checksum | None = None
    """Of digits: what finds most slips."""
    options: tuple[Option, ...] = ()
    entity: str | None = None
    """Kind of entity that fills it; by default that of the type."""
    sensitive: bool = False
    confirm: str | None = None
    attempts: int = Field(3, ge=1, le=10)

    @property
    def digit_range(self) -> tuple[int, int]:
        """The fewest and the most digits."""
        if self.digits is not None:
            return self.digits, self.digits
        return self.min_digits, self.max_digits

    def filled_by(self, value: str) -> dict[str, str]:
        """Every slot that the value fills: options may set more."""
        chosen = next((option for option in self.options if option.name == value), None)
        return {**(chosen.set if chosen is not None else {}), self.slot: value}

    @property
    def entity_kind(self) -> str:
        """The kind of entity that fills it unasked."""
        return SLOT_TYPES[self.type].entity_kind(self)


class SlotFiller(AskingKind[SlotConfig]):
    """Ways out: `done`, or one for each value where the values are few (yes and no, options);
    `exhausted` after the last attempt, by default an agent.
    """

    name = "slot_filler"
    config = SlotConfig
    spoken_fields = ("prompt", "reprompt", "keys_prompt", "help", "confirm")

    def outcomes(self, config: SlotConfig) -> Outcomes:
        """See `NodeKind`."""
        values = SLOT_TYPES[config.type].values(config)
        either = (frozenset({"done"}), values) if values else (frozenset({"done"}),)
        return Outcomes(either=either, optional=frozenset({"exhausted"}))

    def fills(self, config: SlotConfig) -> frozenset[str]:
        """See `NodeKind`."""
        return frozenset({config.slot}).union(*(option.set for option in config.options))

    def known_after(
        self, config: SlotConfig, outcome: str, before: frozenset[str]
    ) -> frozenset[str]:
        """See `NodeKind`."""
        if outcome == "exhausted":
            return before - {config.slot}
        if config.sensitive:
            return before | {config.slot}
        return before | {config.slot} | set_by_all(config.options, outcome)

    def mistakes(self, node: Node[SlotConfig], facts: FlowFacts) -> Iterator[tuple[Path, str, str]]:
        """See `NodeKind`."""
        config = node.config
        for path, what, suggestion in option_mistakes(config.options, facts.languages):
            yield ("options", *path), what, suggestion
        if config.type == "choice" and not config.options:
            yield ("type",), "A choice needs options.", 'Add "options".'
        if config.type == "choice" and config.keys_prompt is None:
            yield (
                ("type",),
                "A choice has to say which key stands for what.",
                'Add a "keys_prompt".',
            )
        if config.digit_range[0] > config.digit_range[1]:
            yield ("min_digits",), "min_digits is more than max_digits.", "Swap them."
        if config.sensitive and SLOT_TYPES[config.type].keys(config) is None:
            what = f"A sensitive slot is keyed, and a {config.type} cannot be."
            yield ("sensitive",), what, "Use another type."
        if config.confirm is not None and (config.type == "yes_no" or config.sensitive):
            what = "A yes or no, or a sensitive value, is not read back."
            yield ("confirm",), what, 'Leave "confirm" out.'

    def enter(self, turn: Turn, node: Node[SlotConfig]) -> str | None:
        """See `NodeKind`."""
        config = node.config
        if node.id not in turn.state.visits:
            known = self._known(turn, config)
            # Filled without being asked: come back to, it is asked after all.
            turn.change(visits={**turn.state.visits, node.id: 0})
            if known is not None:
                return node.leads(known, "done")
            offered = self._take_offered(turn, config)
            if offered is not None:
                return self.take(turn, node, offered)
        self._forget(turn, config)
        if not self._may_ask(turn, node):
            return node.next.get("exhausted") or to_agent(turn)
        ask(turn, node)
        return None

    def question(self, turn: Turn, node: Node[SlotConfig]) -> Question:
        """See `AskingKind`."""
        config = node.config
        if turn.state.phase == "confirm" and config.confirm is not None:
            return self._confirmation(turn, config, config.confirm)
        type_ = SLOT_TYPES[config.type]
        built_in = type_.keys_prompt(config)
        own: KeysPrompt | None = (config.keys_prompt, ()) if config.keys_prompt else None
        keys, values = own or built_in or (None, ())
        if config.sensitive:
            expected = Expectation(speech=False, keys=type_.keys(config), sensitive=True)
        else:
            expected = expect(
                turn,
                phrases=type_.phrases(config, turn.state.language),
                keys=type_.keys(config) or ONE_KEY,
                spoken_digits=type_.spoken_digits(config),
            )
        return Question(
            prompt=config.prompt,
            reprompt=config.reprompt or config.prompt,
            keys=keys,
            keys_values=values,
            help=config.help,
            expect=expected,
        )

    def certain(self, turn: Turn, node: Node[SlotConfig], said: Said) -> Heard:
        """See `AskingKind`."""
        config, type_ = self._asked(turn, node)
        if config.sensitive:
            return None
        meaning, language = said.interpretation, turn.state.language
        if type_.value_first:
            value = type_.spoken(config, meaning, language, turn.today)
            return value if isinstance(value, str) else None
        return type_.exact(config, meaning.text, language)

    def likely(self, turn: Turn, node: Node[SlotConfig], said: Said) -> Heard:
        """See `AskingKind`."""
        config, type_ = self._asked(turn, node)
        if config.sensitive:
            return None
        meaning = said.interpretation
        heard = type_.spoken(config, meaning, turn.state.language, turn.today)
        if heard is None and config.type == "yes_no" and turn.understood(meaning):
            return {"affirm": "yes", "deny": "no"}.get(meaning.intent)
        return heard

    def keyed(self, turn: Turn, node: Node[SlotConfig], keyed: Keyed) -> Heard:
        """See `AskingKind`."""
        config, type_ = self._asked(turn, node)
        return type_.keyed(config, keyed.digits, turn.today)

    def accept(self, turn: Turn, node: Node[SlotConfig], answer: str) -> str | None:
        """See `AskingKind`."""
        config = node.config
        if turn.state.phase == "confirm":
            turn.change(phase="ask", misunderstood=0)
            known = self._known(turn, config)
            if answer == "yes" and known is not None:
                return node.leads(known, "done")
            self._forget(turn, config)
            if not self._may_ask(turn, node):
                return node.next.get("exhausted") or to_agent(turn)
            turn.say("all_right")
            ask_in_other_words(turn, node)
            return None
        turn.keep_offers(config.entity_kind)
        return self.take(turn, node, answer)

    def _may_ask(self, turn: Turn, node: Node[SlotConfig]) -> bool:
        """Count one more asking; False when there have been enough, or nobody could answer."""
        config, visits = node.config, turn.state.visits
        asked = visits.get(node.id, 0) + 1
        turn.change(visits={**visits, node.id: asked})
        answerable = turn.by_speech or SLOT_TYPES[config.type].keys(config) is not None
        return answerable and asked <= config.attempts

    def _known(self, turn: Turn, config: SlotConfig) -> str | None:
        """The value that the slot has already, if it is one of its type."""
        state = turn.state
        value = (state.secrets if config.sensitive else state.slots).get(config.slot)
        if value is None:
            return None
        heard = SLOT_TYPES[config.type].canonical(config, value, turn.today)
        return heard if isinstance(heard, str) else None

    def _asked(self, turn: Turn, node: Node[SlotConfig]) -> tuple[SlotConfig, SlotType]:
        """What is being asked for now: the value, or a yes or no to it."""
        if turn.state.phase == "confirm":
            return _YES_NO, SLOT_TYPES["yes_no"]
        return node.config, SLOT_TYPES[node.config.type]

    def _confirmation(self, turn: Turn, config: SlotConfig, prompt: str) -> Question:
        type_ = SLOT_TYPES["yes_no"]
        return Question(
            prompt=prompt,
            reprompt=prompt,
            keys="keys_yes_no",
            help=config.help,
            expect=expect(turn, phrases=type_.phrases(_YES_NO, turn.state.language)),
        )

    def take(self, turn: Turn, node: Node[SlotConfig], value: str) -> str | None:
        """Fill the slot: the next node's id, or None when the value is read back first."""
        config, state = node.config, turn.state
        if config.sensitive:
            turn.change(secrets={**state.secrets, config.slot: value})
            return node.leads(value, "done")
        turn.change(slots={**state.slots, **config.filled_by(value)})
        if config.type != "yes_no":
            turn.tell(config.slot, value)
        if config.confirm is None:
            return node.leads(value, "done")
        turn.change(phase="confirm", misunderstood=0)
        ask(turn, node)
        return None

    def _forget(self, turn: Turn, config: SlotConfig) -> None:
        state = turn.state
        if config.slot not in state.slots and config.slot not in state.secrets:
            return
        turn.change(
            slots={name: one for name, one in state.slots.items() if name != config.slot},
            secrets={name: one for name, one in state.secrets.items() if name != config.slot},
        )

    def _take_offered(self, turn: Turn, config: SlotConfig) -> str | None:
        """The value that an earlier sentence told already; it is taken once."""
        if config.sensitive:
            return None
        type_ = SLOT_TYPES[config.type]
        for place, (kind, value) in enumerate(turn.state.offered):
            if kind != config.entity_kind or kind == "yes_no":
                continue
            heard = type_.canonical(config, value, turn.today)
            if isinstance(heard, str):
                offered = turn.state.offered
                turn.change(offered=offered[:place] + offered[place + 1 :])
                return heard
        return None


_YES_NO = SlotConfig(slot="confirmed", type="yes_no", prompt="")
