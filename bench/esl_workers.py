"""The two workers that `bench/esl.py` compares. They do the same: answer, open unicast, and play
a tone, one frame for each that comes.

    python -m bench.esl_workers ours         prints its port
    python -m bench.esl_workers greenswitch
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop

from ivr.audio.format import TELEPHONE
from ivr.telephony.call import Call, CallEnding
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.tones import tone

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
    from gevent import socket  # noqa: PLC0415
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
            media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
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


if __name__ == "__main__":
    if sys.argv[1] == "ours":
        uvloop.run(ours())
    else:
        greenswitch()
