"""What can happen to a dialogue: the inputs of the executor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ivr.dialogue.returning import Returning
from ivr.nlu.interpreter import Interpretation


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A call begins. `language` is set where the dialplan's own menu has chosen one.
    `speech_languages` are those that can be recognised here: in the others keys must do.
    `caller` is the number that rings, empty where it is withheld. `returning` is set where this
    caller rang shortly before; see `ivr.dialogue.returning` for who may be taken for that."""

    language: str | None = None
    caller: str = ""
    returning: Returning | None = None
    speech_languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The caller spoke. `asr_confidence` 0..1; an empty interpretation text means that sound was
    heard but no words were understood. `unheard` is what the caller did not let us say, by
    clauses, the interrupted one first. `others` is what else it may have been, likeliest first,
    `word_confidences` (0..1) how sure the recogniser is of each word, `language` the one that was
    plainly spoken, where that was the question.
    """

    interpretation: Interpretation
    asr_confidence: float = 1.0
    others: tuple[Interpretation, ...] = ()
    word_confidences: tuple[float, ...] = ()
    language: str = ""
    unheard: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """The caller keyed a complete entry, without its terminator. `unheard`: see `Said`."""

    digits: str
    unheard: tuple[str, ...] = ()


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
class MessageRecorded:
    """The recording `message_id` is over; not `ok`: there is none to be kept."""

    message_id: str
    ok: bool
    duration_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineQuality:
    """How the caller's line sounds, measured over the last seconds of speech: `level_dbfs` and
    `noise_dbfs` are means of speech and of pauses, `clipped` the share of samples at full scale,
    `lost` the share of frames that did not come. What was not measured is None.

    It may come at any time; nothing is said to it until the caller is not understood.
    """

    level_dbfs: float | None = None
    noise_dbfs: float | None = None
    clipped: float | None = None
    lost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRefused:
    """The switch would not transfer, or the agent would not take the caller, who is still here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The caller has talked to the agent, who has hung up, and is here again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Another worker has taken the call over: bridge, and go on from the last turn."""


Input = (
    Started
    | Said
    | Keyed
    | Silence
    | ApiReplied
    | MessageRecorded
    | LineQuality
    | TransferRefused
    | Returned
    | Resumed
)
