"""A client of FreeSWITCH's own Event Socket, for operations and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ivr.errors import IvrError
from ivr.telephony.freeswitch import commands
from ivr.telephony.freeswitch.esl import (
    ApiReply,
    CommandReply,
    Event,
    PasswordRequested,
    Refused,
    Side,
    SwitchEvent,
)
from ivr.telephony.freeswitch.link import REPLY_S, EslLink, LinkClosed


class SwitchUnreachable(IvrError):
    """FreeSWITCH does not let us in, or is not there."""


class EslClient:
    """One connection to FreeSWITCH; `on_event` is given each event that was subscribed to.

    An API command holds up everything behind it on this connection.
    """

    def __init__(self, on_event: Callable[[SwitchEvent], None] | None = None) -> None:
        self._on_event = on_event
        self._link: EslLink | None = None
        self._asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        password: str,
        *,
        on_event: Callable[[SwitchEvent], None] | None = None,
        within_s: float = REPLY_S,
    ) -> EslClient:
        """Connect and give the password. Raises SwitchUnreachable."""
        client = cls(on_event)
        remedy = "See freeswitch/README.md: scripts/freeswitch_secret.sh opens this door."
        try:
            async with asyncio.timeout(within_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: EslLink(Side.INBOUND, client, reply_s=within_s), host, port
                )
                await client._asked
                assert client._link is not None
                reply = await client._link.request(commands.auth(password))
        except (OSError, TimeoutError, LinkClosed) as error:
            await client.close()
            reason = str(error) or f"no answer within {within_s:g} s"
            raise SwitchUnreachable(
                f"FreeSWITCH at {host}:{port} cannot be reached: {reason}.", remedy=remedy
            ) from None
        if isinstance(reply, CommandReply) and not reply.ok:
            await client.close()
            raise SwitchUnreachable(
                f"FreeSWITCH at {host}:{port} refused the password.", remedy=remedy
            )
        return client

    async def api(self, line: str) -> str:
        """Run an API command and return its output. Raises LinkClosed."""
        assert self._link is not None
        reply = await self._link.request(commands.api(line))
        assert isinstance(reply, ApiReply)
        return reply.text

    async def subscribe(self, *names: str) -> None:
        """Have events by name. Raises LinkClosed."""
        assert self._link is not None
        await self._link.request(commands.events(*names))

    async def close(self) -> None:
        """Close the connection and wait until it is."""
        if self._link is not None:
            self._link.close()
            await self._closed

    # What the connection tells.

    def link_up(self, link: EslLink) -> None:
        """See `LinkOwner`."""
        self._link = link

    def link_event(self, link: EslLink, event: Event) -> None:
        """See `LinkOwner`."""
        del link
        if isinstance(event, SwitchEvent) and self._on_event is not None:
            self._on_event(event)
        elif isinstance(event, PasswordRequested) and not self._asked.done():
            self._asked.set_result(None)
        elif isinstance(event, Refused) and not self._asked.done():
            self._asked.set_exception(LinkClosed(f"it says {event.reason!r}"))

    def link_down(self, link: EslLink, reason: str) -> None:
        """See `LinkOwner`."""
        del link
        if not self._asked.done():
            self._asked.set_exception(LinkClosed(reason or "it closed the connection"))
            self._asked.exception()  # taken note of, also when nobody waits
        if not self._closed.done():
            self._closed.set_result(reason)
