"""A peer that answers as a real vosk-server did: its answers were recorded, and are replayed for
the same sound, however it is cut.

Recorded by `python -m tests.speech.vosk_server_peer ws://127.0.0.1:2700`, with the project's model
behind the real server (alphacep/vosk-server, websocket/asr_server.py).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from ivr.audio.format import SAMPLE_BYTES, TELEPHONE
from ivr.audio.wav import read_wav
from ivr.speech.recognition.vosk_wire import EOF, RESET, configuration

DATA = Path(__file__).parent / "data"
REPLIES = DATA / "vosk_server_replies.json"
STEP = 5 * TELEPHONE.frame_bytes

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CONVERSATIONS: tuple[tuple[str, tuple[str, ...] | None], ...] = (
    ("digits", DIGITS),
    ("digits", None),
    ("digits", ("yes", "no")),
    ("sentence", None),
    ("sentence", ("xylophone", "what is my balance")),
    ("silence", DIGITS),
)


def sound(name: str) -> bytes:
    """Return the samples of a recording of the tests, 8,000 Hz."""
    return bytes(16000) if name == "silence" else read_wav(DATA / f"{name}.wav").pcm


class RecordedServer:
    """One peer. `frozen` makes it deaf and dumb; `hang_up_after` ends each connection after so
    many answers; `says` is answered instead of what was recorded.
    """

    def __init__(self) -> None:
        self.frozen = False
        self.hang_up_after: int | None = None
        self.says: str | bytes | None = None
        self.connections = 0
        self.resets = 0
        self._recorded = json.loads(REPLIES.read_text(encoding="utf-8"))

    async def serve(self, connection: ServerConnection) -> None:
        """Answer one connection to its end."""
        self.connections += 1
        speaker = _Speaker([], 0)
        answers = 0
        try:
            async for message in connection:
                while self.frozen:
                    await asyncio.sleep(0.01)
                if isinstance(message, str) and "config" in message:
                    wanted = json.loads(message)["config"].get("phrase_list")
                    speaker = _Speaker(self._of(wanted), 0)
                    continue
                if self.hang_up_after is not None and answers >= self.hang_up_after:
                    connection.transport.abort()
                    return
                answers += 1
                self.resets += message == RESET
                await connection.send(self.says or speaker.answer(message))
                if message == EOF:
                    return
        except ConnectionClosed:
            pass

    def _of(self, phrases: list[str] | None) -> list[dict[str, Any]]:
        return [one for one in self._recorded if one["phrases"] == phrases]


class _Speaker:
    """What one recogniser of the server says: `told` are the conversations that it can have."""

    def __init__(self, told: list[dict[str, Any]], since: int) -> None:
        self._told = told
        self._since = since
        self._heard = b""

    def answer(self, message: str | bytes) -> str:
        if isinstance(message, str):
            final = self._now()["final"] if self._heard else {"text": ""}
            answer = self._later(final)
            self._since += len(self._heard)
            self._heard = b""
            return answer
        before = len(self._heard) // STEP
        self._heard += message
        replies = self._now()["replies"][before : len(self._heard) // STEP]
        for reply in replies:
            if "text" in reply:
                return self._later(reply)
        return json.dumps(replies[-1] if replies else {"partial": ""})

    def _now(self) -> dict[str, Any]:
        for one in self._told:
            if sound(one["sound"]).startswith(self._heard):
                return one
        raise AssertionError("nothing was recorded for this sound")

    def _later(self, reply: dict[str, Any]) -> str:
        """The real one counts its words' times from its connection's first sound."""
        late = self._since / (TELEPHONE.rate * SAMPLE_BYTES)
        words = [
            word | {"start": word["start"] + late, "end": word["end"] + late}
            for word in reply.get("result", [])
        ]
        return json.dumps(reply | {"result": words} if words else reply)


@asynccontextmanager
async def recorded_server(port: int = 0) -> AsyncIterator[tuple[RecordedServer, str]]:
    """Run a peer; gives it and its URL."""
    peer = RecordedServer()
    async with serve(peer.serve, "127.0.0.1", port, close_timeout=0.1) as server:
        bound = next(iter(server.sockets)).getsockname()[1]
        try:
            yield peer, f"ws://127.0.0.1:{bound}"
        finally:
            peer.frozen = False


async def record(url: str) -> None:
    """Have all conversations with the real server at `url`, and keep its answers."""
    kept = []
    for name, phrases in CONVERSATIONS:
        pcm = sound(name)
        async with connect(url, compression=None) as server:
            asked = configuration(TELEPHONE.rate, phrases)
            await server.send(asked)
            replies = []
            for at in range(0, len(pcm), STEP):
                await server.send(pcm[at : at + STEP])
                replies.append(json.loads(await server.recv()))
            await server.send(RESET)
            final = json.loads(await server.recv())
        wanted = json.loads(asked)["config"].get("phrase_list")
        kept.append({"sound": name, "phrases": wanted, "replies": replies, "final": final})
    REPLIES.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
