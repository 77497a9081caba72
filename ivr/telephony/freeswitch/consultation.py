"""`Consultation` on FreeSWITCH: `originate` brings the agent's leg to this worker's own Event
Socket server, and `uuid_bridge` connects the two; the caller's way back is the dialplan's."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import structlog

from ivr.errors import IvrError
from ivr.telephony.asked_agent import AskedAgent
from ivr.telephony.call import CallHandler, TransferFailed
from ivr.telephony.causes import cause_of_name
from ivr.telephony.freeswitch import commands
from ivr.telephony.freeswitch.commands import plain
from ivr.telephony.freeswitch.errors import LocalProtocolError
from ivr.telephony.freeswitch.esl import ApiReply, CommandReply, SwitchEvent
from ivr.telephony.freeswitch.link import EslLink, LinkClosed

if TYPE_CHECKING:
    from ivr.telephony.freeswitch.call import FreeSwitchCall

RETURN_TO = "returned:XML:ivr"
"""The dialplan's extension for callers who come back from an agent."""

_NUMBER = re.compile(r"\+?[0-9]{1,32}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?")

_log = structlog.get_logger()


class FreeSwitchConsultation(AskedAgent["FreeSwitchCall"]):
    """See `Consultation`. `expected` is where the server looks up who takes a leg."""

    def __init__(
        self,
        caller: FreeSwitchCall,
        link: EslLink,
        expected: MutableMapping[UUID, Callable[[FreeSwitchCall], None]],
        on_agent: CallHandler,
    ) -> None:
        super().__init__(on_agent)
        self._caller = caller
        self._link = link
        self._expected = expected
        self._id = uuid4()

    async def ring(self, endpoint: str, worker: str, ring_s: float) -> None:
        """Ring `endpoint`, a dial string of the switch's own; `worker` is where its leg goes, as
        host:port. Raises TransferFailed."""
        seconds = max(1, round(ring_s))
        variables = {
            "origination_uuid": str(self._id),
            "originate_timeout": str(seconds),
            "ignore_early_media": "true",
            "hangup_after_bridge": "true",
            # Else FreeSWITCH sends silence over what we say to a leg with SRTP; see the dialplan.
            "srtp_allow_idle_gaps": "true",
            "ivr_agent_for": str(self._caller.id),
        }
        caller, language = self._caller.info.caller, self._caller.info.language or ""
        if _NUMBER.fullmatch(caller):
            variables["origination_caller_id_number"] = caller
            variables["origination_caller_id_name"] = caller
        if _LANGUAGE.fullmatch(language):
            variables["default_language"] = language
        given = ",".join(f"{name}={value}" for name, value in variables.items())
        self._expected[self._id] = self._came
        try:
            # The connection ends with the caller, and must not leave the agent's phone ringing.
            self._link.request(
                commands.set_variable("api_hangup_hook", f"uuid_kill {self._id} ORIGINATOR_CANCEL")
            )
            command = commands.background_api(
                f"originate {{{given}}}{endpoint} '&socket({worker} async full)'", self._id
            )
            reply = await self._link.request(command)
        except (LinkClosed, LocalProtocolError) as error:
            self._forget()
            raise TransferFailed(f"The switch cannot ring an agent: {error}") from None
        if not isinstance(reply, CommandReply) or not reply.ok:
            self._forget()
            raise TransferFailed("The switch would not ring an agent.")

    def job_done(self, event: SwitchEvent) -> None:
        """A BACKGROUND_JOB of the caller's connection: perhaps ours."""
        if event.headers.text("Job-UUID") == str(self._id):
            text = event.body.decode("utf-8", "replace").strip()
            if text.startswith("-ERR"):
                self._gone(cause_of_name(text.removeprefix("-ERR")))

    async def _connect(self, *, returns: bool) -> None:
        name, value = (
            ("transfer_after_bridge", RETURN_TO) if returns else ("hangup_after_bridge", "true")
        )
        try:
            async with self._caller.leaving("bridged with an agent"):
                await self._caller.ask(commands.set_variable(name, value))
                await self._caller.ask(commands.api(f"uuid_bridge {self._caller.id} {self._id}"))
        except TransferFailed:
            with suppress(LinkClosed):
                self._link.request(commands.execute("unset", name))
            raise

    async def _dismiss(self) -> None:
        if self._answered.done():
            return
        try:
            reply = await self._link.request(
                commands.api(f"uuid_kill {self._id} ORIGINATOR_CANCEL")
            )
        except IvrError as error:
            _log.info("agent_not_dismissed", reason=str(error))
        else:
            if isinstance(reply, ApiReply) and not reply.ok:
                _log.info("agent_not_dismissed", reason=plain(reply.text))

    def _forget(self) -> None:
        self._expected.pop(self._id, None)
        self._caller.forget_consultation(self)
