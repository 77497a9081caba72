"""The control side of Asterisk: who rings, and where the caller goes next, over AMI.

It keeps one connection up by itself. While it is down, calls go on: nobody knows who rings, and
transfers are refused.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from ivr.clock import Clock, SystemClock
from ivr.telephony.audiosocket.ami_connection import (
    AmiConnection,
    AmiLoginRefused,
    AmiUnavailable,
    EventHandler,
)
from ivr.telephony.audiosocket.announcements import Announcements
from ivr.telephony.call import CallInfo, TransferFailed

log = structlog.get_logger(__name__)

TRANSFER_CONTEXT = "ivr-transfer"
"""The dialplan context whose extensions are the destinations of transfers."""

_AWAY = "Asterisk cannot be told where the caller goes: its manager interface is away."
_VERDICT = re.compile(r"[a-z0-9_-]{1,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiTimes:
    """How long to wait, in seconds."""

    announcement: float = 0.25
    """For the announcement of a call that has just arrived."""
    verdict: float = 0.5
    """For Asterisk to take a verdict."""
    login: float = 2.0
    ping_every: float = 2.0
    ping: float = 1.0
    """For the answer to a ping; without it Asterisk counts as frozen."""
    back: float = 0.3
    """For a lost connection to come back, while something is to be done over it."""
    retry: float = 1.0
    """Before connecting again; a connection that was up is made anew at once, but not more often
    than this."""
    retry_refused: float = 30.0
    """Before logging in again where user or secret were wrong."""


class AmiControl:
    """`ChannelControl` over AMI: `start`, use, `close`."""

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        secret: str,
        *,
        times: AmiTimes | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._user = user
        self._secret = secret
        self._times = times or AmiTimes()
        self._clock = clock or SystemClock()
        self._announced = Announcements()
        self._waiting: dict[UUID, asyncio.Event] = {}
        self._hearers: list[EventHandler] = []
        self._connection: AmiConnection | None = None
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Logged in, and the last ping was answered."""
        return self._connection is not None and self._connection.alive

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_connected(), name="ami")

    async def wait_connected(self, within: float) -> bool:
        """Whether the connection is up within that many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._up.wait()
        return self.connected

    async def close(self) -> None:
        """Let go of the connection; twice is harmless."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper

    async def info(self, call_id: UUID) -> CallInfo | None:
        """See `ChannelControl.info`."""
        now = self._clock.monotonic()
        if self._announced.is_fresh(call_id, now) or not self.connected:
            return self._announced.get(call_id, now)
        told = self._waiting.setdefault(call_id, asyncio.Event())
        try:
            async with asyncio.timeout(self._times.announcement):
                await told.wait()
        except TimeoutError:
            if self._announced.get(call_id, now) is None:
                log.warning("call_unannounced", call_id=str(call_id))
        finally:
            self._waiting.pop(call_id, None)
        return self._announced.get(call_id, self._clock.monotonic())

    async def set_next(self, call_id: UUID, verdict: str) -> None:
        """See `ChannelControl.set_next`."""
        _check_name(verdict)
        channel = self.channel(call_id)
        try:
            async with asyncio.timeout(self._times.verdict):
                if verdict != "hangup":
                    await self.check_destination(TRANSFER_CONTEXT, verdict)
                await self.set_variable(channel, "IVR_NEXT", verdict)
        except TimeoutError:
            raise TransferFailed("Asterisk did not take the verdict in time.") from None

    def channel(self, call_id: UUID) -> str:
        """Asterisk's name for the call's channel. Raises TransferFailed where it told none."""
        info = self._announced.get(call_id, self._clock.monotonic())
        if info is None or not info.switch_channel:
            unknown = f"Asterisk has announced no call {call_id}."
            raise TransferFailed(unknown if self.connected else _AWAY)
        return info.switch_channel

    async def check_destination(self, context: str, name: str) -> None:
        """Raise TransferFailed when the dialplan's `context` knows no destination `name`."""
        _check_name(name)
        if await self.variable(f"DIALPLAN_EXISTS({context},{name},1)") != "1":
            raise TransferFailed(
                f"The dialplan has no destination {name!r}.",
                remedy=f"Add an extension {name} to [{context}] in extensions.conf.",
            )

    async def variable(self, name: str, channel: str = "") -> str:
        """A variable of a channel, or a global one. Raises TransferFailed."""
        of = {"Channel": channel} if channel else {}
        return str((await self.act("Getvar", Variable=name, **of)).get("Value", ""))

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        """Set a variable of a channel. Raises TransferFailed."""
        await self.act("Setvar", Channel=channel, Variable=name, Value=value)

    async def act(self, action: str, **headers: str) -> Mapping[str, Any]:
        """Have Asterisk do something now. Raises TransferFailed when it would not, or does not
        answer in time."""
        if not await self.wait_connected(self._times.back) or self._connection is None:
            raise TransferFailed(_AWAY)
        connection = self._connection
        try:
            answer = await connection.act(action, within=self._times.verdict, **headers)
        except AmiUnavailable as error:
            raise TransferFailed(error.what, remedy=error.remedy) from None
        if answer.get("Response") != "Success":
            raise TransferFailed(f"Asterisk refused: {answer.get('Message', 'no reason given')}.")
        return answer

    def hear_events(self, hearer: EventHandler) -> None:
        """Have every UserEvent told to `hearer`, which must not raise."""
        self._hearers.append(hearer)

    def forget(self, call_id: UUID) -> None:
        """See `ChannelControl.forget`."""
        self._announced.forget(call_id, self._clock.monotonic())

    def _hear(self, event: Mapping[str, object]) -> None:
        call_id = self._announced.hear(event, self._clock.monotonic())
        told = self._waiting.get(call_id) if call_id is not None else None
        if told is not None:
            told.set()
        for hearer in self._hearers:
            hearer(event)

    async def _keep_connected(self) -> None:
        said = ""
        at_once_until = 0.0
        while True:
            pause = self._times.retry
            try:
                await self._serve()
                said = ""
                now = self._clock.monotonic()
                if now >= at_once_until:
                    at_once_until = now + pause
                    pause = 0.0
            except (AmiUnavailable, AmiLoginRefused) as error:
                if isinstance(error, AmiLoginRefused):
                    pause = self._times.retry_refused
                if str(error) != said:  # once, not each second of an outage
                    said = str(error)
                    log.warning("ami_away", reason=said)
            await asyncio.sleep(pause)

    async def _serve(self) -> None:
        """One connection, from login until it is lost. Raises AmiUnavailable and AmiLoginRefused
        where it does not come that far."""
        connection = await AmiConnection.open(
            host=self._host,
            port=self._port,
            user=self._user,
            secret=self._secret,
            on_user_event=self._hear,
            within=self._times.login,
        )
        self._connection = connection
        self._up.set()
        log.info("ami_connected", host=self._host, port=self._port)
        lost = f"Asterisk at {self._host}:{self._port} closed the connection."
        try:
            while connection.alive:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._times.ping_every):
                        await connection.wait_lost()
                        break
                await connection.ping(within=self._times.ping)
        except AmiUnavailable as error:
            lost = str(error)
        finally:
            self._connection = None
            self._up.clear()
            connection.close()
        log.warning("ami_away", reason=lost)


def _check_name(verdict: str) -> None:
    if not _VERDICT.fullmatch(verdict):
        raise TransferFailed(f"{verdict!r} is no name of a transfer destination.")
