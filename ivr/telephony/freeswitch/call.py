"""One call over the Event Socket and unicast: a `Leg` whose frames leave one for each that comes.

The road of a call, in an order that keeps FreeSWITCH 1.10.12 alive (`unicast` before the media is
up aborts the whole process):

    channel data → answer, where it is unanswered, and wait for CHANNEL_ANSWER
    → a port of ours → unicast → the first datagram → the conversation
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

import structlog

from ivr.audio.format import AudioFormat
from ivr.audio.playout import PlayoutQueue
from ivr.clock import Clock
from ivr.errors import IvrError
from ivr.telephony.call import CallEnding, CallHandler, EndedBy, TransferFailed
from ivr.telephony.causes import cause_of_name
from ivr.telephony.freeswitch import commands
from ivr.telephony.freeswitch.channel import Channel, line_format
from ivr.telephony.freeswitch.commands import Command
from ivr.telephony.freeswitch.consultation import FreeSwitchConsultation
from ivr.telephony.freeswitch.errors import LocalProtocolError
from ivr.telephony.freeswitch.esl import ApiReply, ChannelGone, CommandReply, Event, SwitchEvent
from ivr.telephony.freeswitch.headers import Headers
from ivr.telephony.freeswitch.link import EslLink, LinkClosed
from ivr.telephony.freeswitch.pacing import DownlinkPacer, heard
from ivr.telephony.freeswitch.rounds import ReadingRounds
from ivr.telephony.freeswitch.unicast import MediaPorts, UnicastSocket
from ivr.telephony.leg import Leg

DIGITS = frozenset("0123456789*#ABCD")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a call puts up with what; all in seconds."""

    channel_data: float = 5.0
    """Until a connection has told whose call it is."""
    answer: float = 10.0
    """From `answer` to CHANNEL_ANSWER."""
    first_datagram: float = 0.5
    """From `unicast` on: a port that FreeSWITCH could not open shows in nothing else."""
    no_sound: float = 10.0
    """Without a datagram. FreeSWITCH sends 50 a second, also for a caller who sends none."""
    ending: float = 2.0
    """From our hang-up or transfer until the channel has gone."""


class CallNotOpened(IvrError):
    """The call's sound could not be opened; the dialplan goes on to the next worker."""


class CommandRefused(IvrError):
    """FreeSWITCH answered a command with an error."""


class FreeSwitchCall(Leg):
    """See `Call`. `on_finished(call)` is called once, when it has ended. `expected` is where legs
    of agents who are rung are looked up; `worker` is where they have to come, as host:port."""

    def __init__(
        self,
        link: EslLink,
        channel: Channel,
        data: Headers,
        *,
        ports: MediaPorts,
        rounds: ReadingRounds,
        expected: MutableMapping[UUID, Callable[[FreeSwitchCall], None]],
        worker: str,
        limits: Limits,
        clock: Clock,
        on_finished: Callable[[FreeSwitchCall], None],
    ) -> None:
        super().__init__(channel.id, channel.info)
        self._link = link
        self._channel = channel
        self._data = data
        self._since = _sequence(data)
        self._ports = ports
        self._rounds = rounds
        self._expected = expected
        self._worker = worker
        self._consultation: FreeSwitchConsultation | None = None
        self._limits = limits
        self._clock = clock
        self._on_finished = on_finished
        self._loop = asyncio.get_running_loop()
        self._answered: asyncio.Future[Headers] = self._loop.create_future()
        self._left_park: asyncio.Future[None] = self._loop.create_future()
        self._unicast: UnicastSocket | None = None
        self._line = AudioFormat()
        self._datagram_bytes = self._line.frame_bytes
        self._pacer = DownlinkPacer(self._line, 0.0)
        self._opening: asyncio.Task[None] | None = None
        self._last_datagram = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._doubt: asyncio.TimerHandle | None = None
        self._ending_timer: asyncio.TimerHandle | None = None
        self._cause = ""

    def start(self, on_call: Callable[[FreeSwitchCall], None]) -> None:
        """Open the sound, then hand the call over."""
        self._opening = self._loop.create_task(self._open(on_call))

    # What the Event Socket tells.

    def switch_event(self, event: Event) -> None:
        """Something happened on the channel."""
        if isinstance(event, ChannelGone):
            self._close_media()
            # Its hangup cause follows; where it does not, the connection's end does.
            self._ending_timer = self._loop.call_later(self._limits.ending, self.channel_gone)
        elif isinstance(event, SwitchEvent):
            self._channel_event(event)

    def _channel_event(self, event: SwitchEvent) -> None:
        headers = event.headers
        if _sequence(headers) < self._since:
            # FreeSWITCH delivers events some time after they have happened: a key of its own
            # menu, the end of the last worker's park.
            return
        match event.name:
            case "DTMF":
                digit = headers.text("DTMF-Digit").upper()
                if digit in DIGITS:
                    self.digit_arrived(digit)
            case "CHANNEL_ANSWER":
                if not self._answered.done():
                    self._answered.set_result(headers)
            case "CHANNEL_HANGUP" | "CHANNEL_HANGUP_COMPLETE":
                self._cause = headers.text("Hangup-Cause")
                self.channel_gone()
            case "CHANNEL_UNPARK" if headers.text("Answer-State") == "hangup":
                # Of a hang-up two threads of FreeSWITCH tell, and this one may be first.
                self._cause = headers.text("Hangup-Cause")
                self.channel_gone()
            case "CHANNEL_UNPARK":
                self._unparked()
            case "CHANNEL_EXECUTE_COMPLETE":
                self._application_ran(headers.text("Application"))
            case "BACKGROUND_JOB":
                if self._consultation is not None:
                    self._consultation.job_done(event)

    def channel_gone(self) -> None:
        """The channel is down, whoever hung up."""
        by = EndedBy.BOT if self._leaving else EndedBy.CALLER
        detail = self._cause or "the channel has gone"
        self.finish(CallEnding(by=by, detail=detail, cause=cause_of_name(self._cause)))

    def link_down(self, reason: str) -> None:
        """The Event Socket is closed."""
        if self._leaving:
            self.channel_gone()
        else:
            self.finish(CallEnding(by=EndedBy.LINE, detail=reason or "FreeSWITCH closed"))

    def _unparked(self) -> None:
        """The dialplan took the channel back: because we said so, or somebody else did."""
        if not self._left_park.done():
            self._left_park.set_result(None)
        if not self._leaving and self._unicast is not None:
            self._resume(on=False)
            self.finish(CallEnding(by=EndedBy.CALLER, detail="the switch took the call elsewhere"))

    # Sound.

    def _datagram(self, datagram: bytes) -> None:
        now = self._clock.monotonic()
        self._last_datagram = now
        if len(datagram) != self._datagram_bytes:
            detail = f"a datagram of {len(datagram)} bytes, not {self._datagram_bytes}"
            self.give_up(CallEnding(by=EndedBy.LINE, detail=detail))
            return
        if self._pacer.may_send(now) and self._unicast is not None:
            frame = self.next_frame()
            self._unicast.send(frame.pcm)
            if frame.marks:
                self.left(frame.marks)
        if self._datagram_bytes == self._frame_bytes:
            self.frame_arrived(heard(datagram))
        else:
            self.sound_arrived(heard(datagram))

    def _watch_sound(self) -> None:
        """Notice when FreeSWITCH sends no more."""
        silent = self._clock.monotonic() - self._last_datagram
        if silent >= self._limits.no_sound:
            detail = f"no sound from FreeSWITCH for {silent:.0f} s"
            self.give_up(CallEnding(by=EndedBy.LINE, detail=detail))
        else:
            self._watch = self._loop.call_later(self._limits.no_sound - silent, self._watch_sound)

    def _application_ran(self, application: str) -> None:
        """The switch ran something on the channel, for us or for an operator. What plays or
        records a prompt ends unicast, and the same park never takes it again (switch_ivr_park
        keeps its first connection): look whether the sound is still there."""
        if self._unicast is None or self._leaving:
            return
        if self._doubt is not None:
            self._doubt.cancel()
        self._doubt = self._loop.call_later(
            self._limits.first_datagram, self._sound_ended, application, self._last_datagram
        )

    def _sound_ended(self, application: str, heard_at: float) -> None:
        """Let the dialplan hand the call over anew, where nothing has come since `heard_at`."""
        if self._last_datagram <= heard_at and not self._leaving:
            name = commands.plain(application, 64)
            detail = f"the switch ran `{name}`, which ended the sound"
            self.give_up(CallEnding(by=EndedBy.LINE, detail=detail))

    # The rest of `Call`.

    async def hang_up(self) -> None:
        """See `Call`."""
        await self.hang_up_with("NORMAL_CLEARING")

    async def hang_up_with(self, cause: str) -> None:
        """End the call with a cause by name, such as USER_BUSY."""
        if self.ending is not None or self._leaving:
            return
        self._leaving = True
        self._queue.clear()
        try:
            await self.ask(commands.hang_up(cause))
            async with asyncio.timeout(self._limits.ending):
                await asyncio.shield(self._left_park)
        except (LinkClosed, TimeoutError) as error:
            _log.warning("hang_up_unconfirmed", call_id=str(self.id), reason=str(error))
        self.channel_gone()

    async def transfer(self, destination: str) -> None:
        """See `Call`. Destinations are extensions of the dialplan's context `ivr_transfer`."""
        self.require_caller()
        if destination not in self._channel.destinations:
            raise TransferFailed(
                f"The dialplan has no destination {commands.plain(destination)!r}.",
                remedy="Name it in ivr_destinations, and give it an extension in ivr_transfer.",
            )
        async with self.leaving(f"transfer to {destination}"):
            await self.ask(commands.execute("transfer", f"{destination} XML ivr_transfer"))

    async def consult(
        self, destination: str, *, ring_s: float, on_agent: CallHandler
    ) -> FreeSwitchConsultation:
        """See `Call`. Who a destination is, the dialplan says in `ivr_endpoint_<destination>`."""
        self.require_caller()
        endpoint = self._channel.endpoints.get(destination)
        if endpoint is None:
            raise TransferFailed(
                f"The dialplan names nobody to be rung as {commands.plain(destination)!r}.",
                remedy="Set ivr_endpoint_ and the destination's name to a dial string.",
            )
        consultation = FreeSwitchConsultation(self, self._link, self._expected, on_agent)
        self._consultation = consultation
        self._post(commands.events("BACKGROUND_JOB"))
        await consultation.ring(endpoint, self._worker, ring_s)
        return consultation

    @asynccontextmanager
    async def leaving(self, detail: str) -> AsyncIterator[None]:
        """Tell the switch, in this context, where the caller goes, and wait until it has them.
        Raises TransferFailed, and the caller is still here."""
        try:
            async with self.handing_on(self._limits.ending):
                try:
                    await self.ask(commands.resume(self.id, on=False))
                    yield
                except (LinkClosed, LocalProtocolError, CommandRefused) as error:
                    raise TransferFailed(f"The switch did not take the call: {error}") from None
                await asyncio.shield(self._left_park)
        except TransferFailed:
            self._resume(on=True)
            raise
        self.finish(CallEnding(by=EndedBy.BOT, detail=detail))

    async def ask(self, command: Command) -> None:
        """Send a command and wait until FreeSWITCH has taken it. Raises LinkClosed and
        CommandRefused."""
        reply = await self._link.request(command)
        if isinstance(reply, CommandReply | ApiReply) and not reply.ok:
            raise CommandRefused(f"FreeSWITCH refused `{command.verb}`: {reply.text}.")

    def forget_consultation(self, consultation: FreeSwitchConsultation) -> None:
        """That agent is no longer asked."""
        if self._consultation is consultation:
            self._consultation = None

    def finish(self, ending: CallEnding) -> bool:
        """See `Leg`."""
        if not super().finish(ending):
            return False
        self._close_media()
        if self._opening is not None and self._opening is not asyncio.current_task():
            self._opening.cancel()
        if not self._left_park.done():
            self._left_park.set_result(None)
        self._answered.cancel()
        if self._ending_timer is not None:
            self._ending_timer.cancel()
        self._link.close()
        self._on_finished(self)
        return True

    # Inside.

    async def _open(self, on_call: Callable[[FreeSwitchCall], None]) -> None:
        try:
            await self._open_media()
        except (IvrError, LocalProtocolError, OSError) as error:
            _log.error("call_not_opened", call_id=str(self.id), reason=str(error))
            self.give_up(CallEnding(by=EndedBy.LINE, detail=str(error)))
            return
        if self.ending is None:
            self.hand_over(on_call)

    async def _open_media(self) -> None:
        if not self._channel.parks:
            raise CallNotOpened(
                "The dialplan runs `socket` without `async`, and then there is no sound.",
                remedy='Write <action application="socket" data="HOST:PORT async full"/>.',
            )
        described = self._data
        if not self._channel.answered:
            described = await self._answer()
        self._line = line_format(described)
        self._datagram_bytes = self._line.frame_bytes
        self._queue = PlayoutQueue(self._line)
        self._pacer = DownlinkPacer(self._line, self._clock.monotonic())
        self._unicast = UnicastSocket(
            self._ports.bind(self._link.own_host),
            self._link.far_host,
            self._rounds,
            self._datagram,
        )
        bound = self._unicast.port
        await self.ask(
            commands.unicast(
                local_ip=self._link.far_host, remote_ip=self._link.own_host, remote_port=bound
            )
        )
        try:
            async with asyncio.timeout(self._limits.first_datagram):
                await self._unicast.first
        except TimeoutError:
            raise CallNotOpened(
                f"No sound came to port {bound} within {self._limits.first_datagram:g} s.",
                remedy="Look for `unicast` in FreeSWITCH's log, and at the firewall between.",
            ) from None
        self._watch_sound()

    async def _answer(self) -> Headers:
        await self.ask(commands.execute("answer"))
        try:
            async with asyncio.timeout(self._limits.answer):
                return await self._answered
        except TimeoutError:
            raise CallNotOpened(
                f"The call was not answered within {self._limits.answer:g} s."
            ) from None

    def _post(self, command: Command) -> None:
        """Send a command whose reply only matters when it does not come."""
        self._link.request(command)

    def _resume(self, *, on: bool) -> None:
        """Say whether the dialplan goes on when our connection ends, where it has not yet."""
        with suppress(LinkClosed):
            self._post(commands.resume(self.id, on=on))

    def _close_media(self) -> None:
        for timer in (self._watch, self._doubt):
            if timer is not None:
                timer.cancel()
        if self._unicast is not None:
            self._unicast.close()


def _sequence(headers: Headers) -> int:
    """The number of an event among all of this FreeSWITCH's: later ones have higher numbers."""
    text = headers.text("Event-Sequence")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
