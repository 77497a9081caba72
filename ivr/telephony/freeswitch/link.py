"""One Event Socket connection on asyncio: commands with deadlines, events as they come."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, TypeAlias, cast

from ivr.errors import IvrError
from ivr.telephony.freeswitch.commands import Command
from ivr.telephony.freeswitch.errors import ProtocolError, RemoteProtocolError
from ivr.telephony.freeswitch.esl import (
    ApiReply,
    ChannelData,
    CommandReply,
    EslConnection,
    Event,
    Refused,
    Side,
    State,
)

REPLY_S = 5.0
"""A command that is not answered within this time ends the connection: replies come in order, so
that none can be left out."""

AnyReply: TypeAlias = ChannelData | CommandReply | ApiReply


class LinkClosed(IvrError):
    """The connection is over, and with it what was asked."""


class LinkOwner(Protocol):
    """Who looks after a connection. Called on the event loop; must not raise."""

    def link_up(self, link: EslLink) -> None:
        """The connection is open."""

    def link_event(self, link: EslLink, event: Event) -> None:
        """Something came that is no reply."""

    def link_down(self, link: EslLink, reason: str) -> None:
        """The connection is over; comes once, last. `reason` is "" for an end in good order."""


class EslLink(asyncio.Protocol):
    """Carries commands and replies. Any fault ends this connection and nothing else."""

    def __init__(self, side: Side, owner: LinkOwner, *, reply_s: float = REPLY_S) -> None:
        self._esl = EslConnection(side)
        self._owner = owner
        self._reply_s = reply_s
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[asyncio.Future[AnyReply], asyncio.TimerHandle]] = deque()
        self._reason = ""
        self._down = False

    @property
    def far_host(self) -> str:
        """The peer's address."""
        return self._address("peername")

    @property
    def own_host(self) -> str:
        """Our address on this connection."""
        return self._address("sockname")

    def request(self, command: Command) -> asyncio.Future[AnyReply]:
        """Send a command; the future is its reply, or LinkClosed.

        Raises LinkClosed when the connection is over, LocalProtocolError on a mistake of ours.
        """
        loop = asyncio.get_running_loop()
        if self._down or self._transport is None or self._transport.is_closing():
            raise LinkClosed(f"FreeSWITCH is no longer there for `{command.verb}`.")
        self._transport.write(self._esl.send(command))
        reply: asyncio.Future[AnyReply] = loop.create_future()
        late = loop.call_later(
            self._reply_s, self._fail, f"no reply to `{command.verb}` within {self._reply_s:g} s"
        )
        self._waiting.append((reply, late))
        return reply

    def close(self) -> None:
        """Close in good order: what was written still leaves."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        self._transport = cast(asyncio.Transport, transport)
        self._owner.link_up(self)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._esl.feed(data)
        try:
            while not self._down and (event := self._esl.next_event()) is not None:
                self._dispatch(event)
        except RemoteProtocolError as error:
            self._fail(str(error))

    def eof_received(self) -> bool:
        """See asyncio.Protocol; we close too."""
        try:
            self._esl.receive_eof()
        except ProtocolError as error:
            self._reason = self._reason or str(error)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        if exc is not None:
            self._reason = self._reason or str(exc)
        self._finish()

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, ChannelData | CommandReply | ApiReply):
            reply, late = self._waiting.popleft()
            late.cancel()
            if not reply.done():
                reply.set_result(event)
            if isinstance(event, CommandReply) and self._esl.state is State.CLOSED:
                self.close()
            return
        if isinstance(event, Refused):
            self._reason = event.reason
        self._owner.link_event(self, event)

    def _fail(self, reason: str) -> None:
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()
        self._finish()

    def _finish(self) -> None:
        if self._down:
            return
        self._down = True
        for reply, late in self._waiting:
            late.cancel()
            if not reply.done():
                reply.set_exception(LinkClosed(f"FreeSWITCH has gone: {self._reason or 'closed'}."))
                reply.exception()  # taken note of, also when nobody waits
        self._waiting.clear()
        self._owner.link_down(self, self._reason)

    def _address(self, which: str) -> str:
        address = self._transport.get_extra_info(which) if self._transport is not None else None
        return str(address[0]) if address else ""
