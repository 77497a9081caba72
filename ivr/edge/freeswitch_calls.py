"""The live calls of a FreeSWITCH, looked at and acted on from outside the workers.

Its own connection to the Event Socket for each question; the commands are mod_commands' (`show
channels`, `uuid_getvar`, `uuid_kill`, `uuid_transfer`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ivr.edge.switchboard import LiveCall, SwitchboardFault, checked_destination, named
from ivr.telephony.freeswitch.client import EslClient

T = TypeVar("T")


class FreeSwitchCalls:
    """One FreeSWITCH. Blocks: `timeout_s` at most for each answer; not for use in an event
    loop."""

    def __init__(self, host: str, port: int, password: str, *, timeout_s: float = 3.0) -> None:
        self._host, self._port, self._password = host, port, password
        self._timeout_s = timeout_s

    def live(self) -> list[LiveCall]:
        """Every call that has been handed to a worker. Raises SwitchUnreachable, LinkClosed."""
        return asyncio.run(self._asked(_live))

    def hang_up(self, call_id: str) -> LiveCall:
        """End a call, and return what it was. Raises as `live`, and SwitchboardFault."""
        return self._done(call_id, lambda call: f"uuid_kill {call.id}")

    def transfer(self, call_id: str, destination: str) -> LiveCall:
        """Take a call from its worker to an extension of the context ivr_transfer. Raises as
        `live`, and SwitchboardFault."""
        to = checked_destination(destination)
        return self._done(call_id, lambda call: f"uuid_transfer {call.id} {to} XML ivr_transfer")

    def _done(self, call_id: str, command: Callable[[LiveCall], str]) -> LiveCall:
        async def act(client: EslClient) -> LiveCall:
            call = named(await _live(client), call_id)
            said = await client.api(command(call))
            if not said.startswith("+OK"):
                raise SwitchboardFault(f"FreeSWITCH does not do it: {said.strip()[:200]}.")
            return call

        return asyncio.run(self._asked(act))

    async def _asked(self, question: Callable[[EslClient], Awaitable[T]]) -> T:
        client = await EslClient.connect(
            self._host, self._port, self._password, within_s=self._timeout_s
        )
        try:
            return await question(client)
        finally:
            await client.close()


async def _live(client: EslClient) -> list[LiveCall]:
    listing = json.loads(await client.api("show channels as json"))
    found = []
    for row in listing.get("rows", []):
        if await _variable(client, row["uuid"], "ivr_admitted") != "yes":
            continue  # an agent's leg, or a caller whom nobody has admitted yet
        called = await _variable(client, row["uuid"], "ivr_called")
        called = called or await _variable(client, row["uuid"], "sip_to_user")
        found.append(
            LiveCall(
                id=row["uuid"],
                channel=row["name"],
                caller=row["cid_num"],
                called=called,
                language=await _variable(client, row["uuid"], "ivr_language"),
                seconds=max(0, int(time.time()) - int(row["created_epoch"])),
            )
        )
    return found


async def _variable(client: EslClient, uuid: str, name: str) -> str:
    said = (await client.api(f"uuid_getvar {uuid} {name}")).strip()
    return "" if said == "_undef_" or said.startswith("-ERR") else said
