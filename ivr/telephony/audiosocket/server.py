"""The worker's side of AudioSocket: listens, admits, hands each call over, and lets go of all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from ivr.errors import IvrError
from ivr.telephony.audiosocket.call import AudioSocketCall, Limits
from ivr.telephony.audiosocket.connection import AudioSocketConnection
from ivr.telephony.audiosocket.consultation import AsteriskConsultation, is_agent_id
from ivr.telephony.audiosocket.control import AgentControl, ChannelControl
from ivr.telephony.call import CallEnding, CallHandler, EndedBy
from ivr.telephony.consultation import Consultation
from ivr.telephony.media_clock import FrameClock, MediaClock

_BACKLOG = 256
_MOST_NAMELESS = 256
"""Connections that have not told a call id yet; Asterisk tells it at once."""

_log = structlog.get_logger()


class AudioSocketServer:
    """Answers AudioSocket on `host`:`port`; 0 is any free port.

    `on_call` is called for each call. `control` knows who rings and transfers; None: nobody does.
    `agents` rings agents and knows why calls ended; None: nobody does.
    Above `max_calls` connections are reset, which sends the dialplan to the next worker.
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
        limits: Limits | None = None,
        on_stray: Callable[[str], None] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._on_call = on_call
        self._control = control
        self._agents = agents
        self._expected: dict[UUID, Callable[[AudioSocketCall], None]] = {}
        self._clock = clock or MediaClock()
        self._max_calls = max_calls
        self._limits = limits or Limits()
        self._on_stray = on_stray
        self._server: asyncio.Server | None = None
        self._connections: set[AudioSocketConnection] = set()
        self._calls: set[AudioSocketCall] = set()
        self._gone: asyncio.Event = asyncio.Event()
        self._gone.set()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def live_calls(self) -> int:
        """Calls that have told their id and have not ended."""
        return len(self._calls)

    @property
    def accepting(self) -> bool:
        """Whether the port is open."""
        return self._server is not None

    async def start(self) -> None:
        """Open the port, also anew after `pause_accepting`. Raises IvrError when it is taken."""
        if self._server is not None:
            return
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._connection, self._host, self._port, backlog=_BACKLOG
            )
        except OSError as error:
            raise IvrError(
                f"Port {self._port} on {self._host} cannot be opened: {error.strerror or error}.",
                remedy="Stop what uses it, or set IVR_AUDIOSOCKET_PORT to another port.",
            ) from None
        self._port = self._server.sockets[0].getsockname()[1]

    async def pause_accepting(self) -> None:
        """Close the port: the dialplan is refused at once and tries the next worker. Calls that
        live go on."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def wait_closed(self) -> None:
        """Wait until the last connection has gone."""
        await self._gone.wait()

    async def stop(self) -> None:
        """Close the port and let go of every call, as a worker that dies does: the callers go on
        with the next one."""
        await self.pause_accepting()
        for call in tuple(self._calls):
            call.give_up(CallEnding(by=EndedBy.BOT, detail="the worker stops"))
        for connection in tuple(self._connections):
            connection.refuse("the worker stops")
        await self.wait_closed()

    def _connection(self) -> AudioSocketConnection:
        return AudioSocketConnection(
            id_within_s=self._limits.id,
            admit=self._admit,
            on_id=self._begin,
            on_stray=self._stray,
            on_closed=self._closed,
        )

    def _admit(self, connection: AudioSocketConnection) -> str | None:
        self._connections.add(connection)
        self._gone.clear()
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

    def _closed(self, connection: AudioSocketConnection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._gone.set()
