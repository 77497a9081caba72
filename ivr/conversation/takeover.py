"""A call that another worker had before us: what its session says of where the caller is. Pure."""

from __future__ import annotations

from ivr.dialogue.inputs import Input, Resumed, Returned, Silence, TransferRefused
from ivr.storage.session import Session
from ivr.telephony.call import Bridged, CallInfo

BRIDGED = "bridged"
"""The verdict of a session that is not finished while its caller talks to an agent."""
_MOST_TAKEOVERS = 6
"""Workers that may have died under one call before it is led to an agent."""


def was_had(info: CallInfo) -> bool:
    """Whether the switch says that a worker has had this call, or was to have it, before."""
    return info.variables.get("try", "") not in ("", "0")


def too_many(epoch: int) -> bool:
    """Whether so many workers, the last with `epoch`, have lost this call that it is given up."""
    return epoch > _MOST_TAKEOVERS


def taken_over(session: Session, info: CallInfo, epoch: int, *, last_silence: int) -> Input:
    """What the dialogue is told first of a call that goes on from `session` with the worker of
    `epoch`; `last_silence` is the number of the last rung of silence, which leads out of it."""
    if too_many(epoch):
        return Silence(rung=last_silence)
    return _back_from_agent(session, info) or Resumed()


def _back_from_agent(session: Session, info: CallInfo) -> Input | None:
    """What it means that a caller comes who was last to talk to an agent."""
    if session.verdict != BRIDGED:
        return None
    if info.bridged is Bridged.FAILED:
        return TransferRefused()
    if info.bridged is None and info.switch_channel:
        return None  # the switch knows of no bridge: the worker died just before
    return Returned()
