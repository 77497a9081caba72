"""One call over AudioSocket: a `Leg` whose frames leave on the worker's own beat, because Asterisk
paces nothing: what the caller's side loses, delays or leaves out never reaches the downlink."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import structlog

from ivr.audio.format import TELEPHONE
from ivr.telephony.audiosocket.connection import AudioSocketConnection
from ivr.telephony.audiosocket.control import AgentControl, ChannelControl
from ivr.telephony.audiosocket.protocol import Connection, Role
from ivr.telephony.call import CallEnding, CallHandler, CallInfo, EndedBy, TransferFailed
from ivr.telephony.consultation import Consultation
from ivr.telephony.leg import Leg
from ivr.telephony.media_clock import FrameClock

_SILENCE: Final = Connection(Role.WORKER).send_audio(TELEPHONE.silence)
_TOO_FAST: Final = "sound came much faster than it sounds"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a call puts up with what; all in seconds."""

    id: float = 2.0
    """Until a connection has told its call id."""
    no_audio: float = 60.0
    """Without a byte from the switch."""
    not_reading: float = 5.0
    """While the switch takes none of our frames; they are dropped meanwhile."""
    ahead: float = 30.0
    """Of sound that came faster than it sounds: more is no telephone."""
    introduction: float = 1.0
    """For the control side to say who rings."""
    farewell: float = 0.2
    """For the control side to take "hangup"."""
    verdict: float = 2.0
    """For the control side to take a transfer."""
    cause: float = 1.0
    """For the control side to say why the caller has gone."""
    broken: float = 0.2
    """For the control side to say that a connection broke because the caller hung up."""


Consult = Callable[["AudioSocketCall", str, float, CallHandler], Awaitable[Consultation]]
"""Rings an agent for a call: (call, destination, seconds of ringing, who takes the leg)."""


class AudioSocketCall(Leg):
    """See `Call`. `on_finished(call)` is called once, when it has ended."""

    def __init__(
        self,
        connection: AudioSocketConnection,
        call_id: UUID,
        *,
        control: ChannelControl | None,
        agents: AgentControl | None = None,
        consult: Consult | None = None,
        clock: FrameClock,
        limits: Limits,
        is_agent: bool = False,
        on_finished: Callable[[AudioSocketCall], None],
    ) -> None:
        super().__init__(call_id)
        self._connection = connection
        self._control = control
        self._agents = agents
        self._consult = consult
        self._clock = clock
        self._limits = limits
        self._is_agent = is_agent
        self._on_finished = on_finished
        self._no_audio_beats = _beats(limits.no_audio)
        self._not_reading_beats = _beats(limits.not_reading)
        self._most_ahead = _beats(limits.ahead) * self._frame_bytes
        self._beats_without_audio = 0
        self._beats_unread = 0
        self._ahead = 0
        """Bytes that have come for beats that have not."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def peer(self) -> str:
        """Who connected, for the log."""
        return self._connection.peer

    def start(self, on_call: Callable[[AudioSocketCall], None]) -> None:
        """Let frames leave, ask the control side who rings, and hand the call over."""
        self._clock.subscribe(self.tick)
        if self._control is None:
            self.hand_over(on_call)
        else:
            self._spawn(self._introduce(self._control, on_call))

    # What the connection tells.

    def frame_received(self, pcm: bytes) -> None:
        """The caller's sound, in one whole frame, as nearly always."""
        self._beats_without_audio = 0
        self._ahead += self._frame_bytes
        if self._ahead > self._most_ahead:
            self.fail(_TOO_FAST)
        else:
            self.frame_arrived(pcm)

    def audio_received(self, pcm: bytes, rate: int) -> None:
        """The caller's sound, in a piece of any length."""
        self._beats_without_audio = 0
        self._ahead += len(pcm)
        if rate != self._format.rate:
            self.fail(
                f"sound at {rate} Hz on a line of {self._format.rate} Hz: "
                "Dial(AudioSocket/...) needs /c(slin)"
            )
        elif self._ahead > self._most_ahead:
            self.fail(_TOO_FAST)
        else:
            self.sound_arrived(pcm)

    def digit_received(self, digit: str) -> None:
        """A key of the caller's."""
        self._beats_without_audio = 0
        self._ahead += self._frame_bytes
        if self._ahead > self._most_ahead:
            self.fail("keys came faster than anybody presses them")
        else:
            self.digit_arrived(digit)

    def far_side_ended(self, ending: CallEnding) -> None:
        """The switch ended the call."""
        self._connection.close()
        if self._agents is None or self._leaving:
            self.finish(ending)
            return
        self._leaving = True
        self._spawn(self._learn_cause(self._agents, ending, self._limits.cause))

    def line_broke(self, detail: str) -> None:
        """The connection broke: also what a hang-up looks like when Asterisk closes over frames
        of ours that it has not read."""
        broken = CallEnding(by=EndedBy.LINE, detail=detail)
        if self._is_agent:
            # However it ends, the dialplan takes an agent to nobody else.
            self.finish(replace(broken, by=EndedBy.CALLER))
        elif self._agents is None or self._leaving:
            self.finish(broken)
        else:
            self._leaving = True
            self._spawn(self._learn_cause(self._agents, broken, self._limits.broken, broke=True))

    def fail(self, detail: str) -> None:
        """The line is of no use: let go of it as a process that dies does."""
        self._connection.reset()
        self.finish(CallEnding(by=EndedBy.LINE, detail=detail))

    def tick(self) -> None:
        """20 ms have passed: one frame leaves, whatever the caller's side does."""
        connection = self._connection
        marks: tuple[int, ...] = ()
        if self._queue.is_silent and not self._sounded_lately and self._overhears is None:
            # Silence that nobody wants to know of, as for most of a call.
            sound = _SILENCE
        else:
            frame = self.next_frame()
            marks = frame.marks
            sound = connection.codec.send_audio(frame.pcm) if frame.carries_sound else _SILENCE
        if connection.peer_reads:
            self._beats_unread = 0
            connection.send(sound)
        else:
            self._beats_unread += 1
            if self._beats_unread >= self._not_reading_beats:
                self.fail("the switch does not read")
                return
        if marks:
            self.left(marks)
        if self._ahead > 0:
            self._ahead -= self._frame_bytes
        self._beats_without_audio += 1
        if self._beats_without_audio == self._no_audio_beats:
            self._spawn(self._say_goodbye(CallEnding(by=EndedBy.LINE, detail="no audio")))

    # The rest of `Call`.

    async def hang_up(self) -> None:
        """See `Call`."""
        await self._say_goodbye(CallEnding(by=EndedBy.BOT, detail="hung up"))

    async def transfer(self, destination: str) -> None:
        """See `Call`."""
        self.require_caller()
        if self._control is None:
            raise TransferFailed(
                "A call over AudioSocket alone cannot be transferred.",
                remedy="Set IVR_AMI_SECRET, so that the worker can talk to Asterisk.",
            )
        async with self.leaving(f"transfer to {destination}"):
            await self._control.set_next(self._id, destination)

    async def consult(
        self, destination: str, *, ring_s: float, on_agent: CallHandler
    ) -> Consultation:
        """See `Call`."""
        self.require_caller()
        if self._consult is None:
            raise TransferFailed(
                "Nobody can be rung for a call over AudioSocket alone.",
                remedy="Set IVR_AMI_SECRET, so that the worker can talk to Asterisk.",
            )
        return await self._consult(self, destination, ring_s, on_agent)

    @asynccontextmanager
    async def leaving(self, detail: str) -> AsyncIterator[None]:
        """Tell the dialplan, in this context, where the caller goes, then let go of them. Raises
        TransferFailed, and the caller is still here."""
        async with self.handing_on(self._limits.verdict):
            yield
        self._connection.hang_up()
        self.finish(CallEnding(by=EndedBy.BOT, detail=detail))

    def finish(self, ending: CallEnding) -> bool:
        """See `Leg`."""
        if not super().finish(ending):
            return False
        self._clock.unsubscribe(self.tick)
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if self._control is not None:
            self._control.forget(self._id)
        self._on_finished(self)
        return True

    def give_up(self, ending: CallEnding) -> None:
        """See `Leg`."""
        self._connection.reset()
        self.finish(ending)

    # Inside.

    async def _introduce(
        self, control: ChannelControl, on_call: Callable[[AudioSocketCall], None]
    ) -> None:
        try:
            async with asyncio.timeout(self._limits.introduction):
                info = await control.info(self._id)
        except Exception:  # noqa: BLE001 - who rings is good to know, never worth a call
            _log.exception("introduction_failed", call_id=str(self._id))
            info = None
        self._info = info or CallInfo()
        if self._ending is None:
            self.hand_over(on_call)

    async def _say_goodbye(self, ending: CallEnding) -> None:
        """Tell the dialplan that the call is done, best effort, then end it in good order."""
        if self._ending is not None or self._leaving:
            return
        self._leaving = True
        self._queue.clear()
        try:
            if self._control is not None:
                async with asyncio.timeout(self._limits.farewell):
                    await self._control.set_next(self._id, "hangup")
        except (TransferFailed, TimeoutError) as error:
            _log.info("switch_not_told", call_id=str(self._id), reason=str(error))
        except Exception:  # noqa: BLE001 - the caller is to be let go in any case
            _log.exception("switch_not_told", call_id=str(self._id))
        finally:
            self._connection.hang_up()
            self.finish(ending)

    async def _learn_cause(
        self, agents: AgentControl, ending: CallEnding, within: float, *, broke: bool = False
    ) -> None:
        """End the call with its cause; one that `broke` was ended by the caller if it has one."""
        try:
            cause = await agents.cause(self._id, within)
        except Exception:  # noqa: BLE001 - good to know, never worth more
            _log.exception("cause_unknown", call_id=str(self._id))
            cause = ""
        by = EndedBy.CALLER if broke and cause else ending.by
        self.finish(replace(ending, by=by, cause=cause))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _beats(seconds: float) -> int:
    return round(seconds * 1000 / TELEPHONE.ptime_ms)
