"""A switch in memory: calls without sockets, for scenarios, the demo and tests.

The far side is a handful of methods: what the caller says, keys and does, and what the caller
heard. Time is real with a `MediaClock`, or passes when told with a `SteppedClock`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from ivr.audio.format import TELEPHONE, AudioFormat
from ivr.telephony.asked_agent import AskedAgent
from ivr.telephony.call import CallEnding, CallHandler, CallInfo, EndedBy, TransferFailed
from ivr.telephony.leg import Leg
from ivr.telephony.media_clock import FrameClock, Tick


class SteppedClock:
    """A `FrameClock`, and a `Clock`, whose time passes only when it is told to."""

    def __init__(self, format: AudioFormat = TELEPHONE) -> None:
        self._period_s = format.ptime_ms / 1000
        self._beats = 0
        self._ticks: dict[Tick, None] = {}
        self._began = datetime(2026, 1, 1, tzinfo=UTC)

    def subscribe(self, tick: Tick) -> None:
        """See `FrameClock`."""
        self._ticks[tick] = None

    def unsubscribe(self, tick: Tick) -> None:
        """See `FrameClock`."""
        self._ticks.pop(tick, None)

    @property
    def subscribers(self) -> int:
        """How many ticks are called."""
        return len(self._ticks)

    def monotonic(self) -> float:
        """See `Clock`."""
        return self._beats * self._period_s

    def now(self) -> datetime:
        """See `Clock`."""
        return self._began + timedelta(seconds=self.monotonic())

    def step(self, frames: int = 1) -> None:
        """Let the time of so many frames pass."""
        for _ in range(frames):
            self._beats += 1
            for tick in tuple(self._ticks):
                if tick in self._ticks:
                    tick()


class LoopbackCall(Leg):
    """A `Call` whose other end is in the same process.

    `hear` is given each frame that the caller hears; without it they are kept in `heard`.
    """

    def __init__(
        self,
        clock: FrameClock,
        *,
        call_id: UUID | None = None,
        info: CallInfo | None = None,
        format: AudioFormat = TELEPHONE,
        destinations: Collection[str] = ("agent",),
        hear: Callable[[bytes], None] | None = None,
    ) -> None:
        super().__init__(call_id or uuid4(), info, format)
        self._clock = clock
        self._destinations = frozenset(destinations)
        self.heard: list[bytes] = []
        """Each frame that the caller heard, in order."""
        self.verdict = ""
        """Where the caller went: "hangup", a destination, "bridge" or "bridge and return", or
        empty when nobody said."""
        self.consultations: list[LoopbackConsultation] = []
        """Agents that were rung, in order."""
        self._hear = hear or self.heard.append

    def ring(self, on_call: CallHandler) -> None:
        """Begin; `on_call` must attach a listener."""
        self._clock.subscribe(self._tick)
        on_call(self)

    # The far side.

    def caller_frame(self, frame: bytes) -> None:
        """The caller's phone sends sound."""
        self.sound_arrived(frame)

    def caller_digit(self, digit: str) -> None:
        """The caller presses a key."""
        self.digit_arrived(digit)

    def caller_hangs_up(self) -> None:
        """The caller puts the receiver down."""
        self.finish(CallEnding(by=EndedBy.CALLER, detail="caller hung up"))

    def line_breaks(self, detail: str = "reset") -> None:
        """The connection fails."""
        self.finish(CallEnding(by=EndedBy.LINE, detail=detail))

    # The rest of `Call`.

    async def hang_up(self) -> None:
        """See `Call`."""
        self._leave("hangup", "hung up")

    async def transfer(self, destination: str) -> None:
        """See `Call`."""
        self._require(destination)
        self._leave(destination, f"transfer to {destination}")

    async def consult(
        self, destination: str, *, ring_s: float, on_agent: CallHandler
    ) -> LoopbackConsultation:
        """See `Call`."""
        self._require(destination)
        consultation = LoopbackConsultation(self, self._clock, ring_s, on_agent)
        self.consultations.append(consultation)
        return consultation

    def leave_for_bridge(self, verdict: str) -> None:
        """The switch connects the caller with an agent."""
        if self.ending is not None:
            raise TransferFailed("The caller has gone.")
        self._leave(verdict, "bridged with an agent")

    def finish(self, ending: CallEnding) -> bool:
        """See `Leg`."""
        self._clock.unsubscribe(self._tick)
        return super().finish(ending)

    def _require(self, destination: str) -> None:
        self.require_caller()
        if destination not in self._destinations:
            raise TransferFailed(f"The dialplan has no destination {destination!r}.")

    def _leave(self, verdict: str, detail: str) -> None:
        if self.ending is None:
            self.verdict = verdict
            self.finish(CallEnding(by=EndedBy.BOT, detail=detail))

    def _tick(self) -> None:
        frame = self.next_frame()
        self._hear(frame.pcm)
        if frame.marks:
            self.left(frame.marks)


class LoopbackConsultation(AskedAgent[LoopbackCall]):
    """A `Consultation` whose agent is in the same process."""

    def __init__(
        self, caller: LoopbackCall, clock: FrameClock, ring_s: float, on_agent: CallHandler
    ) -> None:
        super().__init__(on_agent)
        self.ring_s = ring_s
        self._caller = caller
        self._clock = clock

    @property
    def leg(self) -> LoopbackCall | None:
        """The agent's leg, once they have picked up."""
        return self._agent

    @property
    def closed(self) -> bool:
        """Whether the agent was let go, or has the caller."""
        return self._over

    # The far side.

    def agent_picks_up(self) -> LoopbackCall:
        """The agent answers."""
        leg = LoopbackCall(self._clock)
        leg.ring(lambda _: self._came(leg))
        return leg

    def agent_refuses(self, cause: str) -> None:
        """The agent does not answer."""
        self._gone(cause)

    # What `AskedAgent` leaves open.

    async def _connect(self, *, returns: bool) -> None:
        assert self._agent is not None
        self._caller.leave_for_bridge("bridge and return" if returns else "bridge")
        self._agent.finish(CallEnding(by=EndedBy.BOT, detail="bridged with the caller"))

    async def _dismiss(self) -> None:
        """Nobody rings."""

    def _forget(self) -> None:
        """Nobody is looked up."""
