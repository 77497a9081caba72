"""What can happen to a dialogue: the inputs of the executor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ivr.nlu.interpreter import Interpretation


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A call begins. `language` is set where the dialplan's own menu has chosen one.
    `speech_languages` are those that can be recognised here: in the others keys must do."""

    language: str | None = None
    caller: str = ""
    speech_languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The caller spoke. `asr_confidence` 0..1; an empty interpretation text means that sound was
    heard but no words were understood.
    """

    interpretation: Interpretation
    asr_confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """The caller keyed a complete entry, without its terminator."""

    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """The caller has said and keyed nothing: `rung` 1, 2, 3 after 5, 30 and 60 s."""

    rung: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiReplied:
    """An integration answered `request_id`, or failed: `status` is the HTTP status, 0 for none;
    `data` is the decoded JSON body (None when there is none).
    """

    request_id: str
    ok: bool
    status: int = 0
    data: Any = field(default=None)
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRefused:
    """The switch would not transfer, or the agent would not take the caller, who is still here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The caller has talked to the agent, who has hung up, and is here again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Another worker has taken the call over: bridge, and go on from the last turn."""


Input = Started | Said | Keyed | Silence | ApiReplied | TransferRefused | Returned | Resumed
