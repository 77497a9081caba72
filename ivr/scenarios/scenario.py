"""The scenario file as it is written: pydantic models, from which the JSON schema is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from ivr.conversation.keys import KEYS

Level = Literal["text", "loopback", "asterisk", "freeswitch"]
LEVELS: tuple[Level, ...] = ("text", "loopback", "asterisk", "freeswitch")
SWITCHES: frozenset[Level] = frozenset({"asterisk", "freeswitch"})
"""Levels that ring a switch which runs already, with workers and a bank of its own."""

UNKNOWN = "unknown"
"""As a language: no menu of the dialplan has chosen one."""
EVERYWHERE = "everywhere"

_ACTION = r"^(listen|hang_up|(transfer|record) [a-z][a-z0-9_]*|api [A-Z]+ /\S*)$"


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _as_levels(value: Any) -> Any:
    return LEVELS if value == EVERYWHERE else _as_tuple(value)


def _one_or_more(of: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [of, {"type": "array", "items": of}]}


_WRITTEN: dict[str, Any] = {"type": ["string", "integer", "number", "boolean"]}
"""A scalar that is taken as it is written, whatever an editor thinks it is."""

Written = Annotated[str, WithJsonSchema(_WRITTEN)]
Words = Annotated[
    tuple[str, ...], BeforeValidator(_as_tuple), WithJsonSchema(_one_or_more(_WRITTEN))
]
Levels = Annotated[
    tuple[Level, ...],
    BeforeValidator(_as_levels),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": [*LEVELS, EVERYWHERE]},
                {"type": "array", "items": {"type": "string", "enum": list(LEVELS)}},
            ]
        }
    ),
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Expect(_Part):
    """What must come back. What is left out is not judged; what a level cannot see, neither."""

    says: Words = ()
    """Words of the bot's answer, each whole and in any order; punctuation and case are nothing."""
    never: Words = ()
    """Words that the answer must not have."""
    intent: str | None = None
    """What the caller's sentence was taken to mean."""
    slots: Mapping[str, Written | None] = Field(default_factory=dict)
    """Slots after the answer; null: not filled."""
    node: str | None = None
    """The node that spoke last."""
    language: str | None = None
    """The language spoken now."""
    action: str | None = Field(None, pattern=_ACTION)
    """What the answer ends in (`listen`, `hang_up`, `transfer agent`, `record BOX`), or a request
    made on the way (`api POST /transfers`; the path as it begins)."""
    recorded: Words = ()
    """Recorded sentences that are heard, `moment` or `apology`, where a voice fails."""
    interrupted: bool | None = None
    """Whether what the caller did interrupted the bot."""
    within_ms: Annotated[int, Field(gt=0)] | None = None
    """From the end of what the caller said or keyed to the first sound of the answer: reported,
    and judged only with `--judge-times`."""


class RingsAgain(_Part):
    """The call is over, and its caller rings once more."""

    after_min: Annotated[float, Field(ge=0)] = 1
    dropped: bool = False
    """The line broke, and nobody had said goodbye."""
    withheld: bool = False
    """The number is not shown this time."""
    trusted: bool = True
    """It comes from a trunk whose numbers can be believed."""


class Line(_Part):
    """How the caller's line sounds; see `ivr.dialogue.inputs.LineQuality`."""

    level_dbfs: float | None = None
    noise_dbfs: float | None = None
    clipped: float | None = None
    lost: float | None = None


ACTS = (
    "say",
    "wav",
    "keys",
    "silent",
    "mumble",
    "message_s",
    "returned",
    "rings_again",
    "takeover",
    "hang_up",
)
_ONLY_TEXT = ("message_s", "returned", "rings_again", "takeover", "line", "sure")
"""What a scenario can say of a call, and a caller at a phone cannot bring about."""


class Step(_Part):
    """One thing that the caller does, and what must come back. The first step of a scenario may
    do nothing: its answer is the bot's opening."""

    say: Written | None = None
    """The words that the caller says; ` / ` is a pause of `pause_ms`."""
    wav: Path | None = None
    """A recording of them, 16-bit mono, beside the scenario file; `say` tells its words to the
    level that has no sound."""
    keys: Written | None = None
    """Keys, pressed one after the other."""
    silent: Annotated[int, Field(ge=1, le=3)] | None = None
    """The caller does nothing until this rung of the ladder, after 5, 30 and 60 s."""
    mumble: bool = False
    """The caller makes sounds that are no words."""
    message_s: Annotated[float, Field(ge=0, le=600)] | None = None
    """The caller leaves a message of so many seconds; 0: none could be recorded."""
    returned: bool = False
    """The agent has hung up, and the caller is here again."""
    rings_again: RingsAgain | None = None
    """The call is over, and its caller rings once more."""
    takeover: bool = False
    """The worker dies, and another one goes on."""
    hang_up: bool = False
    """The caller hangs up."""

    pause_ms: Annotated[int, Field(gt=0, le=10_000)] = 500
    snr_db: Annotated[float, Field(ge=-20, le=60)] | None = None
    """Noise under the sentence: how far it lies below the voice, in dB."""
    interrupt_ms: Annotated[int, Field(ge=0, le=30_000)] | None = None
    """So long after the bot has begun to speak, instead of when it has finished."""
    sure: Annotated[float, Field(ge=0, le=1)] | None = None
    """How sure the recogniser is of the words, where there is none."""
    line: Line | None = None
    """What was measured on the line before."""
    expect: Expect = Expect()

    @property
    def act(self) -> str | None:
        """Which of `ACTS` it is, "say" for a recording; None for the opening."""
        named = self._named(ACTS)
        return "say" if named and named[0] in ("say", "wav") else (named[0] if named else None)

    def _named(self, names: Iterable[str]) -> list[str]:
        """Those of the fields that the step sets; 0 is set."""
        values = {name: getattr(self, name) for name in names}
        return [name for name, value in values.items() if value is not None and value is not False]

    @property
    def only_text(self) -> list[str]:
        """What of it cannot be had with sound."""
        return self._named(_ONLY_TEXT)

    @model_validator(mode="after")
    def _sound(self) -> Step:
        named = set(self._named(ACTS))
        if len(named - {"wav"} if "say" in named else named) > 1:
            raise ValueError(f"a step is one of {', '.join(sorted(named))}, not several at once")
        if self.keys is not None and (not self.keys or set(self.keys) - KEYS):
            raise ValueError(f"{self.keys!r} are no keys of a phone")
        if self.snr_db is not None and self.act != "say":
            raise ValueError("snr_db needs something that is said")
        if self.sure is not None and self.act != "say":
            raise ValueError("sure needs something that is said")
        return self


class IntegrationFault(_Part):
    """What goes wrong with a request to an integration, once each, in order of arrival."""

    on: str = Field(pattern=r"^[A-Z]+ /\S*$")
    """The request, e.g. `POST /transfers`; the path as it begins."""
    times: Annotated[int, Field(ge=1, le=100)] = 1
    delay_before_s: Annotated[float, Field(ge=0, le=60)] = 0
    """It does the work so late."""
    delay_after_s: Annotated[float, Field(ge=0, le=60)] = 0
    """It has done the work, and answers so late."""
    cut: Literal["before", "after"] | None = None
    """It closes the connection without an answer, before or after the work."""
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    """It answers with this HTTP status instead of its own."""
    body: Written = ""
    """And with this."""
    content_type: str = "application/json"


class Scenario(_Part):
    """One call."""

    name: str = Field(min_length=1, max_length=200)
    at: Levels = ("text",)
    """The levels at which it must pass; `everywhere` for all."""
    language: str | None = None
    """What the dialplan's menu has chosen: a code, or `unknown`. Left out: the file's."""
    hears: Words = ("en",)
    """Languages in which the caller's speech can be recognised."""
    caller: Written = ""
    """The caller's number."""
    unsayable: Words = ()
    """The voice fails at sentences that hold any of these words (loopback)."""
    transfer_refused: bool = False
    """The switch transfers nobody."""
    integrations: tuple[IntegrationFault, ...] = ()
    never: Words = ()
    """Words that no answer may have."""
    bank: Mapping[Literal["transfers", "cards_blocked", "requests"], int] = Field(
        default_factory=dict
    )
    """What the example bank has done in the end."""
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _possible(self) -> Scenario:
        for number, step in enumerate(self.steps):
            if step.act is None and number:
                raise ValueError(f"step {number + 1} does nothing; only the first may")
            if step.act == "hang_up" and number < len(self.steps) - 1:
                raise ValueError("after hang_up nothing more can happen")
            if step.wav is not None and step.say is None and "text" in self.at:
                raise ValueError("at text level a wav needs its words: add say")
        silent = [name for step in self.steps for name in step.only_text]
        if silent and set(self.at) - {"text"}:
            raise ValueError(f"{silent[0]} is for text level only")
        if self.unsayable and set(self.at) != {"loopback"}:
            raise ValueError("unsayable is for loopback level only: write `at: loopback`")
        if SWITCHES & set(self.at) and (self.integrations or self.transfer_refused):
            raise ValueError(
                "integrations and transfer_refused cannot be had on a switch: "
                "leave asterisk and freeswitch out of `at`"
            )
        return self


class ScenarioFile(_Part):
    """A file of scenarios."""

    flow: Path | None = None
    """The flow that answers, beside this file; left out: the one of the settings."""
    language: str = UNKNOWN
    """What the dialplan's menu has chosen, for scenarios that say nothing else."""
    scenarios: tuple[Scenario, ...] = Field(min_length=1)


def spoken_parts(say: str) -> list[str]:
    """The pieces of a sentence between its pauses."""
    return [part for part in re.split(r"\s+/\s+", say.strip()) if part]
