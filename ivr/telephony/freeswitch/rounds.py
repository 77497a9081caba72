"""Sockets of many calls, read in rounds.

A datagram that wakes a process finds its caches emptied by whoever ran meanwhile, and the same
lines then take several times as long; the loop asks the kernel three things for each, and each
answer wakes the switch in the middle of the work. So while there are calls, what has come is read
every `ROUND_S`, taken in together, and answered together, as network cards do under load (J.
Salim, R. Olsson, A. Kuznetsov, "Beyond softnet", Annual Linux Showcase 2001). FreeSWITCH sends 50
datagrams a second for every call, so that few rounds are for nothing. Without calls nothing runs.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
from collections.abc import Callable

import structlog

ROUND_S = 0.005
"""From one round to the next: a quarter of a frame, so that gaps between frames stay far below
what phones make up for."""

_MOST_PASSES = 8
"""Datagrams of one socket read in one round; what is left waits for the next."""

Readable = Callable[[], None]
"""Reads one datagram."""

_log = structlog.get_logger()


class ReadingRounds:
    """Calls `readable` for each socket in which a datagram waits. Runs on one event loop."""

    def __init__(self, *, period_s: float = ROUND_S) -> None:
        self._period_s = period_s
        self._poll: select.epoll | None = None
        """While there is a socket."""
        self._readable: dict[int, Readable] = {}
        """By file descriptor."""
        self._timer: asyncio.TimerHandle | None = None
        self._leaving: list[tuple[socket.socket, bytes]] = []

    def add(self, sock: socket.socket, readable: Readable) -> None:
        """Read it from now on."""
        if self._poll is None:
            self._poll = select.epoll()
            self._arm()
        self._poll.register(sock, select.EPOLLIN)
        self._readable[sock.fileno()] = readable

    def remove(self, sock: socket.socket) -> None:
        """Read it no more; before it is closed. What was to leave has left then."""
        self._send()
        poll = self._poll
        if poll is None:
            return
        poll.unregister(sock)
        del self._readable[sock.fileno()]
        if not self._readable:
            poll.close()
            self._poll = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def send(self, sock: socket.socket, datagram: bytes) -> None:
        """Let it leave at the end of the round; the socket is connected."""
        self._leaving.append((sock, datagram))

    def _round(self) -> None:
        """Read what waits, and send what follows from it."""
        self._arm()
        for _ in range(_MOST_PASSES):
            ready = self._poll.poll(0) if self._poll is not None else ()
            if not ready:
                break
            for number, _events in ready:
                readable = self._readable.get(number)
                if readable is None:
                    # Closed by what another's datagram led to.
                    continue
                try:
                    readable()
                except Exception:  # noqa: BLE001 - one call's fault must not stop the others
                    _log.exception("datagram_not_taken")
            self._send()

    def _send(self) -> None:
        leaving, self._leaving = self._leaving, []
        for sock, datagram in leaving:
            try:
                sock.send(datagram)
            except OSError:
                # The system has no room: lost, as any datagram may be.
                continue

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        # At fixed moments: then a call whose frames come evenly is read evenly.
        at = (math.floor(loop.time() / self._period_s) + 1) * self._period_s
        self._timer = loop.call_at(at, self._round)
