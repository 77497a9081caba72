"""The Event Socket server that dialplans connect to: `socket HOST:PORT async full`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from ipaddress import IPv4Network, ip_address, ip_network
from uuid import UUID

import structlog

from ivr.admission.doorstep import Doorstep
from ivr.clock import Clock, SystemClock
from ivr.telephony.call import CallHandler
from ivr.telephony.freeswitch import commands
from ivr.telephony.freeswitch.call import FreeSwitchCall, Limits
from ivr.telephony.freeswitch.channel import Channel
from ivr.telephony.freeswitch.errors import RemoteProtocolError
from ivr.telephony.freeswitch.esl import ChannelData, ChannelGone, Event, Side
from ivr.telephony.freeswitch.link import EslLink, LinkClosed
from ivr.telephony.freeswitch.rounds import ReadingRounds
from ivr.telephony.freeswitch.unicast import MediaPorts
from ivr.telephony.server import CallServer

RESERVED_S = 60.0
"""A call that was admitted has its place for so long: the language menu lies between."""

_log = structlog.get_logger()


class FreeSwitchServer(CallServer[EslLink, FreeSwitchCall]):
    """Answers the dialplan's questions and takes its calls.

    `on_call` is called for each call once its sound flows. `media_ports` are the UDP ports for
    sound (None: any). `switches` are the networks that may connect ("10.0.0.0/24"); empty:
    whoever reaches the port. `max_calls` bounds what is admitted, `other_calls()` included, which
    this worker has from elsewhere, and nothing is while `may_take()` is false; where the caller
    rings on, a place is waited for (`Doorstep`). A call that was admitted, by this worker or by
    another that died, is always taken.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_call: CallHandler,
        *,
        media_ports: Iterable[int] | None = None,
        switches: Collection[str | IPv4Network] = (),
        max_calls: int = 200,
        other_calls: Callable[[], int] = lambda: 0,
        may_take: Callable[[], bool] = lambda: True,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(host, port, setting="IVR_FREESWITCH_PORT")
        self._on_call = on_call
        self._ports = MediaPorts(media_ports)
        self._rounds = ReadingRounds()
        self._switches = [ip_network(each) for each in switches]
        self._max_calls = max_calls
        self._other_calls = other_calls
        self._may_take = may_take
        self._doorstep = Doorstep(self._has_place)
        self._limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._call_on: dict[EslLink, FreeSwitchCall] = {}
        self._early: dict[EslLink, list[Event]] = {}
        self._welcomes: set[asyncio.Task[None]] = set()
        self._reserved: dict[UUID, asyncio.TimerHandle] = {}
        self._expected: dict[UUID, Callable[[FreeSwitchCall], None]] = {}

    @property
    def promised_calls(self) -> int:
        """Calls that were admitted and have not come yet."""
        return len(self._reserved)

    async def stop(self) -> None:
        """See `CallServer`; whom it promised a place goes elsewhere, too."""
        for reservation in self._reserved.values():
            reservation.cancel()
        self._reserved.clear()
        await super().stop()

    # What the connections tell.

    def link_up(self, link: EslLink) -> None:
        """See `LinkOwner`."""
        self._connected(link)
        if not self._may_connect(link.far_host):
            _log.warning("switch_not_allowed", peer=link.far_host)
            link.close()
            return
        self._early[link] = []
        task = asyncio.get_running_loop().create_task(self._welcome(link))
        self._welcomes.add(task)
        task.add_done_callback(self._welcomes.discard)

    def link_event(self, link: EslLink, event: Event) -> None:
        """See `LinkOwner`."""
        call = self._call_on.get(link)
        if call is not None:
            call.switch_event(event)
        elif link in self._early:
            self._early[link].append(event)

    def link_down(self, link: EslLink, reason: str) -> None:
        """See `LinkOwner`."""
        self._early.pop(link, None)
        call = self._call_on.pop(link, None)
        if call is not None:
            call.link_down(reason)
        elif reason:
            _log.warning("stray_connection", detail=reason, peer=link.far_host)
        self._disconnected(link)

    # Inside.

    def _connection(self) -> EslLink:
        return EslLink(Side.OUTBOUND, self)

    def _turn_away(self, connection: EslLink) -> None:
        connection.close()

    def _may_connect(self, host: str) -> bool:
        return not self._switches or any(ip_address(host) in each for each in self._switches)

    async def _welcome(self, link: EslLink) -> None:
        """Ask whose call it is, then take it or say whether it would be taken."""
        with suppress(LinkClosed):
            try:
                async with asyncio.timeout(self._limits.channel_data):
                    described = link.request(commands.CONNECT)
                    # In the same breath: a key that waits in the channel is told at once.
                    link.request(commands.MY_EVENTS)
                    link.request(commands.LINGER)
                    reply = await described
                assert isinstance(reply, ChannelData)
                channel = Channel.read(reply.headers)
            except (TimeoutError, RemoteProtocolError) as error:
                detail = str(error) or "no channel data"
                _log.warning("stray_connection", detail=detail, peer=link.far_host)
                link.close()
                return
            if channel.agent_for:
                self._take_agent(link, channel, reply)
            elif channel.asks_admission:
                await self._say_whether(link, channel)
            else:
                self._take(link, channel, reply)

    async def _say_whether(self, link: EslLink, channel: Channel) -> None:
        self._free(channel.id)
        said = "yes" if self._doorstep.may_enter() else "no"
        if said == "no" and channel.rings:
            if await self._doorstep.wait(lambda: self.accepting and self._rings(link)):
                said = "yes"
            elif self.accepting:
                said = "full"
        if said == "yes":
            self._reserve(channel.id)
        link.request(commands.set_variable("ivr_admitted", said))
        link.request(commands.EXIT)

    def _rings(self, link: EslLink) -> bool:
        """Whether the caller has not hung up meanwhile."""
        early = self._early.get(link)
        return early is not None and not any(isinstance(event, ChannelGone) for event in early)

    def _has_place(self) -> bool:
        taken = len(self._calls) + len(self._reserved) + self._other_calls()
        return self.accepting and taken < self._max_calls and self._may_take()

    def _reserve(self, call_id: UUID) -> None:
        loop = asyncio.get_running_loop()
        self._reserved[call_id] = loop.call_later(RESERVED_S, self._free, call_id)

    def _free(self, call_id: UUID) -> None:
        reservation = self._reserved.pop(call_id, None)
        if reservation is not None:
            reservation.cancel()

    def _take(self, link: EslLink, channel: Channel, reply: ChannelData) -> None:
        self._free(channel.id)
        if not channel.admitted and not self._has_place():
            _log.warning("call_refused", call_id=str(channel.id), detail="no place")
            link.close()
            return
        self._begin(link, channel, reply, self._on_call)

    def _take_agent(self, link: EslLink, channel: Channel, reply: ChannelData) -> None:
        on_agent = self._expected.pop(channel.id, None)
        if on_agent is None:
            _log.warning("agent_not_expected", peer=link.far_host)
            link.close()
            return
        self._begin(link, channel, reply, on_agent)

    def _begin(
        self,
        link: EslLink,
        channel: Channel,
        reply: ChannelData,
        on_call: Callable[[FreeSwitchCall], None],
    ) -> None:
        call = FreeSwitchCall(
            link,
            channel,
            reply.headers,
            ports=self._ports,
            rounds=self._rounds,
            expected=self._expected,
            worker=f"{link.own_host}:{self._port}",
            limits=self._limits,
            clock=self._clock,
            on_finished=self._calls.discard,
        )
        self._call_on[link] = call
        self._calls.add(call)
        call.start(on_call)
        for event in self._early.pop(link, []):
            call.switch_event(event)
