"""What the servers of all switches have in common: a port that dialplans connect to, opened and
closed and opened anew, and connections and calls that are let go of and waited for.

A switch's own server is a `CallServer` and adds what its connections say.
"""

from __future__ import annotations

import abc
import asyncio
from typing import Generic, TypeVar

from ivr.errors import IvrError
from ivr.telephony.call import CallEnding, EndedBy
from ivr.telephony.leg import Leg

ConnectionT = TypeVar("ConnectionT", bound=asyncio.BaseProtocol)
LegT = TypeVar("LegT", bound=Leg)

_BACKLOG = 512
_ROUNDS_TO_CONNECT = 3
"""Rounds of the event loop from a connection that is accepted to its `connection_made`."""


class CallServer(abc.ABC, Generic[ConnectionT, LegT]):
    """Listens on `host`:`port`; 0 is any free port. `setting` is what chooses the port.

    Whoever subclasses it tells of each connection's beginning and end by `_connected` and
    `_disconnected`, and keeps the calls in `_calls`.
    """

    def __init__(self, host: str, port: int, *, setting: str) -> None:
        self._host = host
        self._port = port
        self._setting = setting
        self._server: asyncio.Server | None = None
        self._connections: set[ConnectionT] = set()
        self._calls: set[LegT] = set()
        self._gone = asyncio.Event()
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
                remedy=f"Stop what uses it, or set {self._setting} to another port.",
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
        for _ in range(_ROUNDS_TO_CONNECT):
            await asyncio.sleep(0)
        for call in tuple(self._calls):
            call.give_up(CallEnding(by=EndedBy.BOT, detail="the worker stops"))
        for connection in tuple(self._connections):
            self._turn_away(connection)
        await self.wait_closed()

    @abc.abstractmethod
    def _connection(self) -> ConnectionT:
        """Make what looks after one connection."""

    @abc.abstractmethod
    def _turn_away(self, connection: ConnectionT) -> None:
        """Close a connection because the worker stops."""

    def _connected(self, connection: ConnectionT) -> None:
        self._connections.add(connection)
        self._gone.clear()

    def _disconnected(self, connection: ConnectionT) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._gone.set()
