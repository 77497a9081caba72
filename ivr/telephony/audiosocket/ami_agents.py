"""Agents' legs, and why calls ended, over AMI: `AgentControl` on Asterisk.

An agent is rung by `Originate` of a Local channel, whose far half runs the dialplan's
`[ivr-consult]` (who an agent is, is the switch's affair) and whose near half, once somebody
answers, `[ivr-agent]`: AudioSocket to the worker that asked. The bridge is the caller's own
dialplan's, so that it outlives any worker.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from uuid import UUID

import structlog

from ivr.telephony.audiosocket.ami import AmiControl
from ivr.telephony.audiosocket.announcements import OURS, uuid_of
from ivr.telephony.call import CallInfo, TransferFailed
from ivr.telephony.causes import cause_of_number

CONSULT_CONTEXT = "ivr-consult"
"""The dialplan context whose extensions are the agents that can be asked."""
AGENT_CONTEXT = "ivr-agent"
"""Where an agent's leg goes once it is answered."""

_GRACE_S = 5.0
"""Asterisk gives up so much later than the dialplan, which knows why."""
_MOST_CAUSES = 1000
_STATUS = {"BUSY": "user_busy", "NOANSWER": "no_answer", "DONTCALL": "call_rejected"}
"""DIALSTATUS, where it says more than the Q.850 cause."""
_NUMBER = re.compile(r"\+?[0-9]{1,32}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?")

log = structlog.get_logger(__name__)


class AmiAgents:
    """See `AgentControl`. `ami` is its connection, which others use too."""

    def __init__(self, ami: AmiControl) -> None:
        self._ami = ami
        self._watchers: dict[UUID, Callable[[str], None]] = {}
        self._causes: OrderedDict[UUID, str] = OrderedDict()
        self._asked: dict[UUID, asyncio.Event] = {}
        ami.hear_events(self._hear)

    async def ring_agent(
        self, call_id: UUID, agent_id: UUID, destination: str, *, ring_s: float, caller: CallInfo
    ) -> None:
        """See `AgentControl`."""
        channel = self._ami.channel(call_id)
        await self._ami.check_destination(CONSULT_CONTEXT, destination)
        worker = await self._ami.variable("IVR_HERE", channel)
        if not worker:
            raise TransferFailed(
                "The dialplan does not say where this worker is.",
                remedy="Set IVR_HERE before AudioSocket, as asterisk/extensions.conf does.",
            )
        variables = {
            "IVR_UUID": str(agent_id),
            "IVR_CALL": str(call_id),
            "IVR_HERE": worker,
            "IVR_RINGS": str(max(1, round(ring_s))),
        }
        if caller.language and _LANGUAGE.fullmatch(caller.language):
            variables["__IVR_CALLER_LANGUAGE"] = caller.language
        shown = {"CallerID": f"<{caller.caller}>"} if _NUMBER.fullmatch(caller.caller) else {}
        await self._ami.act(
            "Originate",
            Async="true",
            Channel=f"Local/{destination}@{CONSULT_CONTEXT}",
            ChannelId=_channel_id(agent_id),
            # Bridge() takes the first channel whose id begins so; by default the far half's does.
            OtherChannelId=f"rung-{agent_id}",
            Context=AGENT_CONTEXT,
            Exten="s",
            Priority="1",
            Timeout=str(round((ring_s + _GRACE_S) * 1000)),
            Variable=",".join(f"{name}={value}" for name, value in variables.items()),
            **shown,
        )

    async def bridge_agent(self, call_id: UUID, agent_id: UUID, *, returns: bool) -> None:
        """See `AgentControl`."""
        channel = self._ami.channel(call_id)
        await self._ami.set_variable(channel, "IVR_AGENT_CHANNEL", _channel_id(agent_id))
        await self._ami.set_variable(channel, "IVR_AFTER", "return" if returns else "hangup")
        # Last, for with it the dialplan acts on the others.
        await self._ami.set_variable(channel, "IVR_NEXT", "bridge")

    async def dismiss_agent(self, agent_id: UUID) -> None:
        """See `AgentControl`."""
        try:
            await self._ami.act("Hangup", Channel=_channel_id(agent_id), Cause="16")
        except TransferFailed as error:
            log.info("agent_not_dismissed", reason=str(error))

    def watch_agent(self, agent_id: UUID, gone: Callable[[str], None] | None) -> None:
        """See `AgentControl`."""
        if gone is None:
            self._watchers.pop(agent_id, None)
        else:
            self._watchers[agent_id] = gone

    async def cause(self, call_id: UUID, within: float) -> str:
        """See `AgentControl`."""
        if call_id not in self._causes and self._ami.connected:
            told = self._asked.setdefault(call_id, asyncio.Event())
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(within):
                        await told.wait()
            finally:
                self._asked.pop(call_id, None)
        return self._causes.pop(call_id, "")

    def _hear(self, event: Mapping[str, object]) -> None:
        if any(name in event and not isinstance(event[name], str) for name in OURS):
            return  # a header of ours that stands there twice was forged
        name = event["UserEvent"] if "UserEvent" in event else ""  # noqa: SIM401 (no dict)
        call_id = uuid_of(event)
        if call_id is None or name not in ("IvrEnd", "IvrAgentGone"):
            return
        cause = _cause(event)
        if name == "IvrAgentGone":
            watcher = self._watchers.pop(call_id, None)
            if watcher is not None:
                watcher(cause)
            return
        self._causes[call_id] = cause
        if len(self._causes) > _MOST_CAUSES:
            self._causes.popitem(last=False)
        told = self._asked.get(call_id)
        if told is not None:
            told.set()


def _cause(event: Mapping[str, object]) -> str:
    status = str(event["Status"]) if "Status" in event else ""
    number = str(event["Cause"]) if "Cause" in event else ""
    return _STATUS.get(status) or cause_of_number(number)


def _channel_id(agent_id: UUID) -> str:
    """The uniqueid of an agent's leg in Asterisk."""
    return f"ivr-{agent_id}"
