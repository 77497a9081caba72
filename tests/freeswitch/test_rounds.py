"""Many sockets read in rounds: nobody is forgotten, nobody holds up the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import structlog

from ivr.telephony.freeswitch.rounds import ReadingRounds
from ivr.telephony.freeswitch.unicast import MediaPorts, UnicastSocket

HOST = "127.0.0.1"


class Line:
    """A call's socket, and FreeSWITCH's end of it."""

    def __init__(self, rounds: ReadingRounds, far_end: socket.socket) -> None:
        self.far_end = far_end
        self.heard: list[bytes] = []
        self.other = self
        self.socket = UnicastSocket(MediaPorts().bind(HOST), HOST, rounds, self.take)

    def take(self, datagram: bytes) -> None:
        """A datagram came: the same leaves."""
        if datagram == b"fault":
            raise RuntimeError("a mistake of ours")
        if datagram == b"bye":
            self.other.socket.close()
            return
        self.heard.append(datagram)
        self.socket.send(datagram)

    def say(self, *datagrams: bytes) -> None:
        """FreeSWITCH sends them."""
        for datagram in datagrams:
            self.far_end.sendto(datagram, (HOST, self.socket.port))

    def answered(self) -> list[bytes]:
        """What came back so far."""
        came = []
        while True:
            try:
                came.append(self.far_end.recv(100))
            except BlockingIOError:
                return came


class Lines:
    """Calls that share their rounds."""

    def __init__(self, count: int, sockets: ExitStack) -> None:
        self.rounds = ReadingRounds(period_s=0.001)
        self.all = [Line(self.rounds, self._far_end(sockets)) for _ in range(count)]
        for line in self.all:
            sockets.callback(line.socket.close)

    @staticmethod
    def _far_end(sockets: ExitStack) -> socket.socket:
        far_end = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        far_end.bind((HOST, 0))
        far_end.setblocking(False)
        return far_end


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


async def pass_on() -> None:
    """Let a few rounds go by."""
    await asyncio.sleep(0.02)


async def test_each_is_read_and_answered_in_order(sockets: ExitStack) -> None:
    lines = Lines(20, sockets).all
    for number, line in enumerate(lines):
        line.say(*(b"%d-%d" % (number, at) for at in range(5)))
    await pass_on()
    for number, line in enumerate(lines):
        wanted = [b"%d-%d" % (number, at) for at in range(5)]
        assert line.heard == wanted
        assert line.answered() == wanted


async def test_a_flood_on_one_line_does_not_hold_up_the_others(sockets: ExitStack) -> None:
    flooded, quiet = Lines(2, sockets).all
    for line in (flooded, quiet):
        line.say(b"first")
    await pass_on()
    flooded.say(*(b"%d" % at for at in range(200)))
    quiet.say(b"second")
    await pass_on()
    assert quiet.heard == [b"first", b"second"]
    for _ in range(50):
        await pass_on()
        if len(flooded.heard) == 201:
            break
    assert flooded.heard[1:] == [b"%d" % at for at in range(200)]


async def test_a_fault_of_one_call_is_no_other_ones(sockets: ExitStack) -> None:
    faulty, well = Lines(2, sockets).all
    faulty.say(b"fault", b"again")
    well.say(b"sound")
    await pass_on()
    assert faulty.heard == [b"again"]
    assert well.heard == [b"sound"]


async def test_what_was_said_last_leaves_before_the_port_closes(sockets: ExitStack) -> None:
    (line,) = Lines(1, sockets).all
    line.say(b"last", b"bye", b"unheard")
    await pass_on()
    assert line.answered() == [b"last"]
    assert line.heard == [b"last"]


async def test_one_call_may_end_another_in_the_same_round(sockets: ExitStack) -> None:
    first, second, third = Lines(3, sockets).all
    for line in (first, second, third):
        line.say(b"first")
    await pass_on()
    first.other, second.other = second, first
    first.say(b"bye", b"still here")
    second.say(b"bye", b"still here")
    third.say(b"goes on")
    with structlog.testing.capture_logs() as logs:
        await pass_on()
    assert logs == []
    assert (len(first.heard), len(second.heard)) in ((1, 2), (2, 1))
    assert third.heard == [b"first", b"goes on"]


async def test_who_closes_and_comes_again_is_read_again(sockets: ExitStack) -> None:
    lines = Lines(1, sockets)
    lines.all[0].say(b"bye")
    await pass_on()
    far_end = Lines._far_end(sockets)
    line = Line(lines.rounds, far_end)
    sockets.callback(line.socket.close)
    line.say(b"here again")
    await pass_on()
    assert line.heard == [b"here again"]


async def test_strangers_are_counted_before_and_not_let_in_afterwards(sockets: ExitStack) -> None:
    (line,) = Lines(1, sockets).all
    stranger = Lines._far_end(sockets)
    line.say(b"first")
    stranger.sendto(b"stranger", (HOST, line.socket.port))
    line.say(b"second")
    await pass_on()
    assert line.socket.first.done()
    assert line.socket.strangers == 1
    stranger.sendto(b"stranger", (HOST, line.socket.port))
    line.say(b"third")
    await pass_on()
    assert line.heard == [b"first", b"second", b"third"]
    assert line.socket.strangers == 1


async def test_nothing_runs_nor_stays_open_without_calls(sockets: ExitStack) -> None:
    lines = Lines(1, sockets)
    lines.all[0].socket.close()
    assert lines.rounds._timer is None
    assert lines.rounds._poll is None
