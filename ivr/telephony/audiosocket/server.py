"""The worker's side of AudioSocket: listens, admits, hands each call over, and lets go of all."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog

from ivr.telephony.audiosocket.call import AudioSocketCall, Limits
from ivr.telephony.audiosocket.connection import AudioSocketConnection
from ivr.telephony.audiosocket.consultation import AsteriskConsultation, is_agent_id
from ivr.telephony.audiosocket.control import AgentControl, ChannelControl
from ivr.telephony.call import CallHandler
from ivr.telephony.consultation import Consultation
from ivr.telephony.media_clock import FrameClock, MediaClock
from ivr.telephony.server import CallServer

_MOST_NAMELESS = 256
"""Connections that have not told a call id yet; Asterisk tells it at once."""

_log = structlog.get_logger()


class AudioSocketServer(CallServer[AudioSocketConnection, AudioSocketCall]):
    """Answers AudioSocket on `host`:`port`; 0 is any free port.

    `on_call` is called for each call. `control` knows who rings and transfers; None: nobody does.
    `agents` rings agents and knows why calls ended; None: nobody does.
    Above `max_calls`, and while `may_take()` is false, connections are reset, which sends the
    dialplan to the next worker.
    `on_stray(detail)` is called for each connection that never became a call.
    """

    def __init__(
        self,
        host: str,
        port: int,
        on_call: CallHandler,
        *,
        control: ChannelControl | None = None,
        agents: AgentControl | None = None,
        clock: FrameClock | None = None,
        max_calls: int = 200,
        may_take: Callable[[], bool] = lambda: True,
        limits: Limits | None = None,
        on_stray: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(host, port, setting="IVR_AUDIOSOCKET_PORT")
        self._on_call = on_call
        self._control = control
        self._agents = agents
        self._expected: dict[UUID, Callable[[AudioSocketCall], None]] = {}
        self._clock = clock or MediaClock()
        self._max_calls = max_calls
        self._may_take = may_take
        self._limits = limits or Limits()
        self._on_stray = on_stray

    def _connection(self) -> AudioSocketConnection:
        return AudioSocketConnection(
            id_within_s=self._limits.id,
            admit=self._admit,
            on_id=self._begin,
            on_stray=self._stray,
            on_closed=self._disconnected,
        )

    def _turn_away(self, connection: AudioSocketConnection) -> None:
        connection.refuse("the worker stops")

    def _admit(self, connection: AudioSocketConnection) -> str | None:
        self._connected(connection)
        waiting = sum(1 for each in self._connections if each.is_nameless)
        if len(self._calls) >= self._max_calls or waiting > _MOST_NAMELESS:
            return f"{self._max_calls} calls already"
        return None

    def _begin(self, connection: AudioSocketConnection, call_id: UUID) -> None:
        agent = self._expected.pop(call_id, None)
        if agent is not None:
            self._take(connection, call_id, agent, is_agent=True)
        elif is_agent_id(call_id):
            connection.refuse("an agent whom nobody here asked")
        elif len(self._calls) >= self._max_calls:
            connection.refuse(f"{self._max_calls} calls already")
        elif not self._may_take():
            connection.refuse("too busy")
        else:
            self._take(connection, call_id, self._on_call)

    def _take(
        self,
        connection: AudioSocketConnection,
        call_id: UUID,
        on_call: Callable[[AudioSocketCall], None],
        *,
        is_agent: bool = False,
    ) -> None:
        call = AudioSocketCall(
            connection,
            call_id,
            control=None if is_agent else self._control,
            agents=None if is_agent else self._agents,
            consult=None if is_agent or self._agents is None else self._consult,
            clock=self._clock,
            limits=self._limits,
            is_agent=is_agent,
            on_finished=self._finished,
        )
        self._calls.add(call)
        connection.call = call
        call.start(on_call)

    async def _consult(
        self, call: AudioSocketCall, destination: str, ring_s: float, on_agent: CallHandler
    ) -> Consultation:
        assert self._agents is not None
        consultation = AsteriskConsultation(call, self._agents, self._expected, on_agent)
        await consultation.ring(destination, ring_s)
        return consultation

    def _finished(self, call: AudioSocketCall) -> None:
        self._calls.discard(call)
        if not call.was_handed_over and call.ending is not None:
            self._stray(f"gone before anybody answered: {call.ending.detail}", call.peer)

    def _stray(self, detail: str, peer: str) -> None:
        _log.warning("stray_connection", detail=detail, peer=peer)
        if self._on_stray is not None:
            self._on_stray(detail)
