"""FreeSWITCH takes no calls while no worker would: `fsctl pause inbound`.

Then the node answers OPTIONS with 503 too, and a dispatcher in front of it sends callers to
another. The dialplan asks each worker before it answers in any case; this is for those who choose
between nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from ivr.errors import IvrError
from ivr.settings import Settings
from ivr.telephony.freeswitch.client import EslClient

EVERY_S = 1.0
_SHUT_AFTER = 3
"""Looks in a row at which no worker was ready. A busy moment is not waited out at a shut door, but
ringing, in the dialplan."""
_LET_IN_S = 2.0
_OURS = "ivr_paused"
"""A global variable of the switch: it was us who paused it. What an operator has paused stays so,
and what we paused is found again after a restart of ours."""

_log = structlog.get_logger()


class SwitchGate:
    """Keeps one FreeSWITCH's door; `ready()` says whether any of its workers would take a call."""

    def __init__(
        self, host: str, port: int, password: str, ready: Callable[[], Awaitable[bool]]
    ) -> None:
        self._address = (host, port, password)
        self._ready = ready
        self._client: EslClient | None = None
        self._complained = False

    @classmethod
    def of(cls, settings: Settings, ready: Callable[[], Awaitable[bool]]) -> list[SwitchGate]:
        """The gates of the switches that the settings let us into."""
        secret = settings.event_socket_password
        if secret is None:
            return []
        password = secret.get_secret_value()
        return [cls(each.host, each.port, password, ready) for each in settings.event_sockets]

    async def watch(self) -> None:
        """Open and shut until cancelled."""
        missed = 0
        while True:
            missed = 0 if await self._ready() else missed + 1
            if not missed or missed >= _SHUT_AFTER:
                await self._set(open_=not missed)
            await asyncio.sleep(EVERY_S)

    async def shut(self) -> None:
        """The workers go: shut the door and leave. Raises nothing."""
        await self._set(open_=False)
        await self._leave()

    async def _leave(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _set(self, *, open_: bool) -> None:
        try:
            if self._client is None:
                self._client = await EslClient.connect(*self._address, within_s=_LET_IN_S)
            change = self._open if open_ else self._shut
            await change(self._client)
        except IvrError as error:
            await self._leave()
            if not self._complained:
                host, port, _ = self._address
                _log.warning("switch_unreachable", switch=f"{host}:{port}", reason=str(error))
            self._complained = True
        else:
            self._complained = False

    async def _open(self, client: EslClient) -> None:
        if (await client.api(f"global_getvar {_OURS}")).strip() == "yes":
            await client.api("fsctl resume inbound")
            await client.api(f"global_setvar {_OURS}=no")
            _log.info("switch_takes_calls")

    async def _shut(self, client: EslClient) -> None:
        if (await client.api("fsctl pause_check inbound")).strip() != "true":
            await client.api(f"global_setvar {_OURS}=yes")
            await client.api("fsctl pause inbound")
            _log.warning("switch_takes_no_calls")
