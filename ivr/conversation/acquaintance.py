"""Whether a caller is one who rang before: asked of the store at a call's beginning, told to it at
its end. Which of it they may go on with is decided in `ivr.dialogue.returning`."""

from __future__ import annotations

from ivr.clock import Clock
from ivr.dialogue.flow import Flow
from ivr.dialogue.returning import Returning, may_return, summarise
from ivr.dialogue.state import DialogueState
from ivr.storage.callers import CallerMemory
from ivr.telephony.call import CallEnding, CallInfo, EndedBy

_TRUNK = "x-ivr-trunk"
"""The header in which the edge names the trunk that a call came from."""
_HUNG_UP = frozenset({"", "normal_clearing", "normal_unspecified"})
"""Causes of a call that its caller ended; where a switch tells none, that is taken for it."""


class Acquaintance:
    """The caller of one call. They are known only by a number from one of the `trusted` trunks:
    from others anybody may send any number."""

    def __init__(
        self,
        info: CallInfo,
        flow: Flow,
        memory: CallerMemory | None,
        trusted: frozenset[str],
        clock: Clock,
    ) -> None:
        self._caller = info.caller
        self.flow = flow
        self._clock = clock
        self._memory = memory if info.variables.get(_TRUNK) in trusted else None

    async def returning(self) -> Returning | None:
        """What they may go on with, once they have said yes to it; waits 100 ms at most."""
        if self._memory is None or not self._caller:
            return None
        return may_return(
            self.flow,
            await self._memory.recall(self._caller),
            now=self._clock.now(),
            caller=self._caller,
            withheld=False,
            trusted_trunk=True,
        )

    def parting(self, state: DialogueState, ending: CallEnding | None) -> None:
        """Their call has ended in `state`."""
        if self._memory is None or not self._caller:
            return
        summary = summarise(
            self.flow, state, ended_at=self._clock.now(), dropped=_is_dropped(ending)
        )
        self._memory.remember(self._caller, summary)


def _is_dropped(ending: CallEnding | None) -> bool:
    """Whether the line broke, without anybody's having hung up."""
    if ending is None:
        return False
    lost = ending.by is EndedBy.CALLER and ending.cause not in _HUNG_UP
    return ending.by is EndedBy.LINE or lost
