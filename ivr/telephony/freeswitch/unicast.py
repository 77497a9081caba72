"""The sound of one call over UDP: headerless 16-bit little-endian frames, both ways.

The port knows no passwords. It listens to one host, FreeSWITCH's, from the start, and to one
port of that host from the first datagram on.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable

from ivr.errors import IvrError
from ivr.telephony.freeswitch.rounds import ReadingRounds

_LARGEST = 4096
"""Bytes of a datagram that are read: 40 ms at 48 kHz."""
_MOST_WAITING = 100


class NoMediaPort(IvrError):
    """Every port of the range is in use."""


class MediaPorts:
    """UDP ports for the sound of calls: of a range, in turn, or whatever the system gives.

    In turn, so that a late datagram of one call never meets the next one.
    """

    def __init__(self, ports: Iterable[int] | None = None) -> None:
        self._ports = list(ports) if ports is not None else [0]
        self._next = 0

    def bind(self, host: str) -> socket.socket:
        """Return a bound socket that does not block. Raises NoMediaPort, or OSError for a host
        that is not ours."""
        for _ in self._ports:
            port = self._ports[self._next % len(self._ports)]
            self._next += 1
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                opened.setblocking(False)
                opened.bind((host, port))
            except OSError as error:
                opened.close()
                if error.errno != errno.EADDRINUSE:
                    raise
            else:
                return opened
        raise NoMediaPort(
            f"All {len(self._ports)} media ports on {host} are in use.",
            remedy="Widen the range (IVR_MEDIA_PORTS), or take fewer calls (IVR_MAX_CALLS).",
        )


class UnicastSocket:
    """One call's UDP port, read in the `rounds` of all calls. `received` is called with each
    datagram of FreeSWITCH's."""

    def __init__(
        self,
        bound: socket.socket,
        far_host: str,
        rounds: ReadingRounds,
        received: Callable[[bytes], None],
    ) -> None:
        self._socket = bound
        self._far_host = far_host
        self._rounds = rounds
        self._received = received
        self._far_end: tuple[str, int] | None = None
        self._alone = False
        """Whether nobody else's datagrams can come any more."""
        self._closed = False
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with the first datagram."""
        self.strangers = 0
        """Datagrams of others."""
        self.port = int(bound.getsockname()[1])
        """Ours."""
        rounds.add(bound, self._readable)

    def send(self, frame: bytes) -> None:
        """Send one frame, once FreeSWITCH has been heard. One for which the system has no room is
        lost, as any datagram may be."""
        if self._far_end is not None and not self._closed:
            self._rounds.send(self._socket, frame)

    def close(self) -> None:
        """Close the port; twice is harmless."""
        if not self._closed:
            self._closed = True
            self._rounds.remove(self._socket)
            self._socket.close()
        self.first.cancel()

    def _readable(self) -> None:
        if not self._alone:
            self._read_from_whoever()
            return
        try:
            data = self._socket.recv(_LARGEST)
        except OSError:
            # An ICMP error; the Event Socket says what became of it.
            return
        self._received(data)

    def _read_from_whoever(self) -> None:
        """Until FreeSWITCH has been heard, anybody may have sent a datagram; from then on the
        system lets nobody else in, and what waited before that is looked at as well."""
        for _ in range(_MOST_WAITING):
            try:
                data, address = self._socket.recvfrom(_LARGEST)
            except BlockingIOError:
                self._alone = self._far_end is not None
                return
            except OSError:
                return
            if self._far_end is None and address[0] == self._far_host:
                self._socket.connect(address)
                self._far_end = address
                if not self.first.done():
                    self.first.set_result(None)
            if address != self._far_end:
                self.strangers += 1
                continue
            self._received(data)
            if self._closed:
                return
