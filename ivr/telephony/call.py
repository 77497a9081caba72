"""The port that every switch implements: one call, its sound both ways, its digits, its end.

Rules:
- The listener's methods run on the event loop, in the order in which things happened on the
  line; they return at once and never raise.
- `ended` comes exactly once, last, whoever ended the call.
- What is played is queued; a frame leaves every 20 ms whatever the caller's side does.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from ivr.audio.format import Audio, AudioFormat
from ivr.errors import IvrError

if TYPE_CHECKING:
    from ivr.telephony.consultation import Consultation


class EndedBy(enum.Enum):
    """Who or what ended the call, as far as the switch tells us."""

    CALLER = "caller"
    """The far side closed: caller hung up, or the switch took the call elsewhere."""
    BOT = "bot"
    """We hung up or transferred."""
    LINE = "line"
    """The media connection broke: reset, protocol error, no audio for too long."""
    NEVER_SPOKE = "never_spoke"
    """A connection that never became a call (no UUID in time)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnding:
    """How a call ended; `detail` is for the log. `cause` is the switch's own word for why, one
    of `causes.CAUSES` such as "normal_clearing", where it tells one."""

    by: EndedBy
    detail: str = ""
    cause: str = ""


class Bridged(enum.Enum):
    """How it went with the agent whom the caller was to talk to."""

    TALKED = "talked"
    """They were connected, and the agent has hung up."""
    FAILED = "failed"
    """The switch could not connect them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInfo:
    """What the switch told us about the call. Everything here is untrusted text.

    `caller` is empty where the number is withheld. `language` is a code such as "en" when the
    dialplan's own menu has chosen one, else None.
    `switch_channel` is the switch's name for the channel, where known. `bridged` is set on a call
    that comes back from an agent. `variables` holds what else is known, such as the trunk's own
    SIP headers by name in lower case ("x-account").
    """

    caller: str = ""
    called: str = ""
    language: str | None = None
    switch_channel: str = ""
    bridged: Bridged | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


class TransferFailed(IvrError):
    """The switch would not take the call; the caller is still with us."""


class CallListener(Protocol):
    """Who listens to the call: the conversation."""

    def audio_received(self, frame: bytes) -> None:
        """One frame (`call.format.frame_bytes` bytes) of the caller's sound."""

    def digit_received(self, digit: str) -> None:
        """One key: one of 0-9, *, #, A-D."""

    def played(self, mark: int) -> None:
        """The last frame of the sound queued with `mark` has left."""

    def ended(self, ending: CallEnding) -> None:
        """The call is over; nothing comes after this."""


class Call(Protocol):
    """One call on one switch."""

    @property
    def id(self) -> UUID:
        """Stable for the whole call, also when another worker takes it over."""
        ...

    @property
    def info(self) -> CallInfo:
        """Who rings whom."""
        ...

    @property
    def format(self) -> AudioFormat:
        """The format of the frames, both ways."""
        ...

    @property
    def ending(self) -> CallEnding | None:
        """How the call ended; None while it lives."""
        ...

    def attach(self, listener: CallListener) -> None:
        """Say who listens; frames that came earlier are delivered now, in order."""

    def overhear(self, hears: Callable[[bytes], None]) -> None:
        """Have `hears` called with each frame that leaves to the caller, silence too, from now
        on until the call ends. It returns at once and never raises. One may overhear.
        """

    def play(self, audio: Audio, *, mark: int) -> None:
        """Queue sound behind what is queued; `listener.played(mark)` follows when it has left.

        Does nothing once the call has ended. Raises ValueError when `audio.format.rate`
        differs from `self.format.rate`.
        """

    def clear(self) -> float:
        """Barge-in: drop what is queued, at once. Returns the ms of sound that were dropped.

        Marks of dropped sounds are never reported. A pause ends too.
        """
        ...

    def pause(self) -> None:
        """Hold what is queued, at once: silence leaves until `resume` or `clear`."""

    def resume(self) -> None:
        """Go on where `pause` stopped; harmless where nothing is held."""

    @property
    def pending_ms(self) -> float:
        """How much sound is queued, in ms."""
        ...

    @property
    def played_dbfs(self) -> float:
        """Level of the loudest frame that left in the last 300 ms."""
        ...

    async def hang_up(self) -> None:
        """End the call; `listener.ended` follows with EndedBy.BOT. Twice is harmless."""

    def drop(self) -> None:
        """Let go of the sound without a word to the switch, which then goes on as it does when a
        worker dies: the caller comes back to another one. `listener.ended` follows."""

    async def transfer(self, destination: str) -> None:
        """Hand the caller to `destination`, a name the switch's dialplan knows ("agent").

        Ends our part of the call. Raises TransferFailed when the switch refuses.
        """

    async def consult(
        self, destination: str, *, ring_s: float, on_agent: CallHandler
    ) -> Consultation:
        """Ring an agent for the caller, who stays with us: see `consultation`.

        `on_agent` is called with the agent's leg when they pick up, and must attach a listener.
        Raises TransferFailed when the switch cannot ring `destination`.
        """
        ...


CallHandler = Callable[[Call], None]
"""Called on the event loop for each new call; it must `attach` a listener before it returns."""
