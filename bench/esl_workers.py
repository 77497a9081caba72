"""Workers of which the benchmarks know what they do: each prints its port, and serves.

python -m bench.esl_workers ours         answers, opens unicast, and plays a tone, one frame
python -m bench.esl_workers greenswitch  for each that comes; `bench/esl.py` compares the two
python -m bench.esl_workers echo         the floor: sends back each frame, and reads nothing
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any, cast

import uvloop

from ivr.audio.format import TELEPHONE
from ivr.telephony.call import Call, CallEnding
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.tones import tone

TONE = tone(1100, 2000)


class Singer:
    """One call of ours: sings until it ends."""

    def __init__(self, call: Call) -> None:
        self._call = call
        call.attach(self)
        call.play(TONE, mark=1)

    def audio_received(self, frame: bytes) -> None:
        """See CallListener."""

    def digit_received(self, digit: str) -> None:
        """See CallListener."""

    def played(self, mark: int) -> None:
        """See CallListener: from the beginning."""
        self._call.play(TONE, mark=1)

    def ended(self, ending: CallEnding) -> None:
        """See CallListener."""


async def ours() -> None:
    """Our server."""

    def sing(call: Call) -> None:
        Singer(call)

    server = FreeSwitchServer("127.0.0.1", 0, sing, max_calls=1000)
    await server.start()
    print(server.port, flush=True)
    await asyncio.Event().wait()


def greenswitch() -> None:
    """A greenswitch worker, written as its README does, with gevent's sockets for the sound."""
    import gevent  # noqa: PLC0415 - only this process may have its loop
    from gevent import socket as gsocket  # noqa: PLC0415
    from greenswitch import OutboundESLServer  # noqa: PLC0415

    frames = [TONE.pcm[start : start + 320] for start in range(0, len(TONE.pcm), 320)]
    assert all(len(frame) == TELEPHONE.frame_bytes for frame in frames)

    class Singing:
        def __init__(self, session: Any) -> None:
            self.session = session

        def run(self) -> None:
            session = self.session
            session.myevents()
            session.linger()
            if session.session_data.get("Answer-State") != "answered":
                answered = gevent.event.AsyncResult()
                session.register_handle("CHANNEL_ANSWER", answered.set)
                session.answer()
                answered.get(timeout=10)
            media = gsocket.socket(gsocket.AF_INET, gsocket.SOCK_DGRAM)
            media.bind(("127.0.0.1", 0))
            session.send(
                "sendmsg\ncall-command: unicast\nlocal-ip: 127.0.0.1\nlocal-port: 0\n"
                f"remote-ip: 127.0.0.1\nremote-port: {media.getsockname()[1]}\ntransport: udp"
            )
            media.settimeout(1.0)
            number = 0
            try:
                while True:
                    _, far_end = media.recvfrom(2048)
                    media.sendto(frames[number % len(frames)], far_end)
                    number += 1
            except OSError:
                pass  # no sound any more: the caller has gone
            finally:
                media.close()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    print(port, flush=True)
    OutboundESLServer("127.0.0.1", port, application=Singing, max_connections=1000).listen()


class EchoedSound(asyncio.DatagramProtocol):
    """The sound of one call of the floor."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See asyncio.DatagramProtocol."""
        self.transport.sendto(data, addr)


class Echo(asyncio.Protocol):
    """One call of the floor: says what has to be said, and looks at no answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BaseProtocol."""
        self._link = cast(asyncio.Transport, transport)
        media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        media.setblocking(False)
        media.bind(("127.0.0.1", 0))
        port = media.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._sound = EchoedSound()
        self._opening = loop.create_task(
            loop.create_datagram_endpoint(lambda: self._sound, sock=media)
        )
        self._link.write(
            b"connect\n\nmyevents\n\nlinger\n\nsendmsg\ncall-command: unicast\n"
            b"local-ip: 127.0.0.1\nlocal-port: 0\nremote-ip: 127.0.0.1\n"
            b"remote-port: %d\ntransport: udp\n\n" % port
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        self._sound.transport.close()


async def echo() -> None:
    """The floor."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    match sys.argv[1]:
        case "ours":
            uvloop.run(ours())
        case "echo":
            uvloop.run(echo())
        case _:
            greenswitch()
