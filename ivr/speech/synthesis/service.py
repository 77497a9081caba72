"""The synthesis process: `python -m ivr.speech.synthesis.service --socket unix:/path`.

It speaks `wire.py`'s protocol and is the only process in which espeak-ng (GPL-3, not
thread-safe, able to abort) is loaded. One thread speaks, one text after the other; each
connection has one text in that thread's queue at most, so that a busy worker cannot push the
others back. Whoever sends slowly, sends rubbish or does not read is cut off, alone.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ivr.errors import IvrError
from ivr.speech.synthesis.espeak import Espeak
from ivr.speech.synthesis.sound import telephone_sound
from ivr.speech.synthesis.synthesiser import SynthesisFailed
from ivr.speech.synthesis.text import MAX_TEXT, speakable
from ivr.speech.synthesis.voices import espeak_voice
from ivr.speech.synthesis.wire import WireError, encode, read_frame, split_url

MAX_CONNECTIONS = 64
MAX_WAITING = 256
"""Requests of one connection that may wait; what is beyond is refused."""

_FRAME_S = 2.0
_WRITE_S = 2.0
_SPEAK_S = 1.5
_STUCK_S = 2.0
_PATIENCE_MS = 60_000
_BACKLOG = 64
_PR_SET_PDEATHSIG = 1


class SynthesisService:
    """Answers connections with one engine."""

    def __init__(self, engine: Espeak) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="espeak")
        self._speaking_since: float | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, url: str, stop: asyncio.Event) -> None:
        """Listen at `url` until `stop`. Raises IvrError when it cannot listen there."""
        place = split_url(url)
        try:
            if isinstance(place, str):
                before = os.umask(0o177)
                try:
                    server = await asyncio.start_unix_server(self._accept, place, backlog=_BACKLOG)
                finally:
                    os.umask(before)
            else:
                server = await asyncio.start_server(self._accept, *place, backlog=_BACKLOG)
        except OSError as error:
            raise IvrError(
                f"Speech synthesis cannot listen at {url}: {error.strerror or error}.",
                remedy="Give another --socket, or stop what listens there.",
            ) from None
        await stop.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
        if isinstance(place, str):
            with suppress(OSError):
                os.unlink(place)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[dict[str, Any], float]] = asyncio.Queue(MAX_WAITING)
        speaker = asyncio.ensure_future(self._speak_in_turn(waiting, writer))
        try:
            while True:
                request, _ = await read_frame(reader, body_s=_FRAME_S, max_sound=0)
                await self._take(request, waiting, writer)
        except (WireError, EOFError, OSError, TimeoutError):
            pass
        finally:
            speaker.cancel()
            writer.transport.abort()

    async def _take(
        self,
        request: dict[str, Any],
        waiting: asyncio.Queue[tuple[dict[str, Any], float]],
        writer: asyncio.StreamWriter,
    ) -> None:
        number, operation = request.get("id"), request.get("op")
        if type(number) is not int:
            raise WireError("a request without an id")
        if operation == "ping":
            await _write(writer, encode(self._state(number)))
        elif operation != "speak":
            raise WireError("an unknown operation")
        else:
            patience = request.get("timeout_ms")
            if type(patience) is not int or not 0 <= patience <= _PATIENCE_MS:
                raise WireError("a request without a sensible timeout_ms")
            try:
                waiting.put_nowait((request, time.monotonic() + patience / 1000))
            except asyncio.QueueFull:
                await _write(writer, _refusal(number, "Speech synthesis has too much to say."))

    def _state(self, number: int) -> dict[str, Any]:
        since = self._speaking_since
        if since is not None and time.monotonic() - since > _STUCK_S:
            return {"id": number, "ok": False, "error": f"{self._engine.version} is stuck."}
        return {"id": number, "ok": True, "engine": self._engine.version}

    async def _speak_in_turn(
        self,
        waiting: asyncio.Queue[tuple[dict[str, Any], float]],
        writer: asyncio.StreamWriter,
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                request, until = await waiting.get()
                answer = await loop.run_in_executor(self._thread, self._answer, request, until)
                await _write(writer, answer)
        except (OSError, TimeoutError):
            writer.transport.abort()

    def _answer(self, request: dict[str, Any], until: float) -> bytes:
        number: int = request["id"]
        if time.monotonic() > until:
            return _refusal(number, "Speech synthesis came to it too late.")
        self._speaking_since = time.monotonic()
        try:
            sound = self._sound(request)
        except SynthesisFailed as failure:
            return _refusal(number, failure.what)
        except Exception as error:  # noqa: BLE001 - one text must not end what others wait for
            return _refusal(number, f"Speech synthesis failed: {error!r}.")
        finally:
            self._speaking_since = None
        return encode({"id": number, "ok": True, "rate": 8000}, sound)

    def _sound(self, request: dict[str, Any]) -> bytes:
        text, language = request.get("text"), request.get("language")
        name, rate, pitch = request.get("voice"), request.get("rate"), request.get("pitch")
        if not isinstance(text, str) or not isinstance(language, str) or not isinstance(name, str):
            raise SynthesisFailed("text, language and voice must be text.")
        if type(rate) is not int or type(pitch) is not int:
            raise SynthesisFailed("rate and pitch must be whole numbers.")
        if len(text) > MAX_TEXT:
            raise SynthesisFailed(f"The text has {len(text)} characters; {MAX_TEXT} is the most.")
        samples = self._engine.speak(
            speakable(text),
            espeak_voice(language, name),
            rate=rate,
            pitch=pitch,
            limit_s=_SPEAK_S,
        )
        return telephone_sound(samples, self._engine.rate).pcm


def _refusal(number: int, why: str) -> bytes:
    return encode({"id": number, "ok": False, "error": why})


async def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(frame)
    async with asyncio.timeout(_WRITE_S):
        await writer.drain()


def _die_with(parent: int) -> None:
    """End when the process that started this one ends, however it ends (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)
    # Ctrl-C in the terminal is the parent's to answer.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


async def _serve(url: str) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await SynthesisService(Espeak()).serve(url, stop)


def main() -> None:
    """Run the service; errors are one sentence and exit status 2."""
    parser = argparse.ArgumentParser(description="espeak-ng as a service")
    parser.add_argument("--socket", required=True, help="unix:/path or tcp://host:port")
    parser.add_argument("--parent", type=int, help="process id to die with")
    arguments = parser.parse_args()
    if arguments.parent is not None:
        _die_with(arguments.parent)
    try:
        asyncio.run(_serve(arguments.socket))
    except KeyboardInterrupt:
        sys.exit(130)
    except IvrError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
