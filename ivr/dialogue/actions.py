"""What a dialogue wants done: the outputs of the executor.

Every step's actions are any number of `Say`, then exactly one of `Listen`, `CallApi`,
`RecordMessage`, `TransferTo`, `HangUp`: what the dialogue waits for next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitEntry:
    """How keys make an entry: complete at `most` keys, or at `terminator` from `least` on, or
    when no further key comes for `gap_ms`.
    """

    least: int = 1
    most: int = 1
    terminator: str = "#"
    gap_ms: int = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the dialogue expects to hear.

    `phrases` are the likely answers, which a recogniser may be narrowed to beside listening
    openly; None where anything is likely. `spoken_digits` is the number of
    digits that make a spoken answer complete, 0 where that says nothing. `sensitive` forbids
    any trace of the answer: no log, no store, no recording, no speech recognition. `languages`
    are those that the answer may be in, where that is the question.
    """

    speech: bool = True
    phrases: tuple[str, ...] | None = None
    keys: DigitEntry | None = field(default_factory=DigitEntry)
    spoken_digits: int = 0
    sensitive: bool = False
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak `text` in `language`; the caller may interrupt unless `interruptible` is False.

    `static` says that the text is the same in every call, and so worth rendering beforehand.
    `slow` asks for slower speech. Until a `notice` has been heard, the call is not recorded. The
    text is plain: see `ivr.dialogue.ssml`.
    """

    text: str
    language: str
    interruptible: bool = True
    static: bool = False
    slow: bool = False
    notice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Wait for the caller."""

    expect: Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class CallApi:
    """Ask the integration `name`: `path` is appended to its base URL; `body` is sent as JSON.

    `idempotency_key` is set for requests that change the world, else None: those are never
    repeated blindly. `timeout_ms` covers the whole request. A `request_id` that is under way
    already is the same request: it is not to be made twice. `body` may hold a sensitive value
    and so is never shown.
    """

    request_id: str
    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    timeout_ms: int = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMessage:
    """After a tone, record what the caller says, into the box `box` of the flow's list, until a
    key, `silence_ms` without speech or `longest_ms`. Answered by `MessageRecorded`; a shell that
    cannot record answers at once that it is not ok.
    """

    message_id: str
    box: str
    longest_ms: int = 120_000
    silence_ms: int = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Consult:
    """Ask the agent before they get the caller: ring them for `ring_s` seconds, let them hear
    `says`, and have them press one for yes, two for no. `returns`: the caller comes back when
    the agent hangs up.
    """

    says: tuple[Say, ...]
    ring_s: int
    returns: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTo:
    """Hand the caller to `destination`, a name of the flow's allow-list; with `consult` only when
    the agent takes them (attended transfer).
    """

    destination: str
    consult: Consult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """End the call, once what was said has been heard."""


Action = Say | Listen | CallApi | RecordMessage | TransferTo | HangUp
