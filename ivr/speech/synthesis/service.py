"""A synthesis process: `python -m ivr.speech.synthesis.service --engine NAME --socket unix:/path`.

It speaks `wire.py`'s protocol and is the only kind of process in which an engine is loaded: some
are GPL-3, not thread-safe, able to abort, or greedy. One thread speaks, one text after the other;
each connection has one text in that thread's queue at most, so that a busy worker cannot push the
others back. Whoever sends slowly, sends rubbish or does not read is cut off, alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ivr.errors import IvrError
from ivr.processes import die_with, leave_ctrl_c_to_the_parent
from ivr.speech.synthesis.engine import Engine
from ivr.speech.synthesis.engines import KINDS, load_engine
from ivr.speech.synthesis.sound import SOUND_VERSION, telephone_sound
from ivr.speech.synthesis.synthesiser import NotSpoken, SynthesisFailed, Voice
from ivr.speech.synthesis.text import MAX_TEXT, speakable
from ivr.speech.synthesis.wire import WireError, encode, read_frame, split_url

MAX_CONNECTIONS = 64
MAX_WAITING = 256
"""Requests of one connection that may wait; what is beyond is refused."""

_FRAME_S = 2.0
_WRITE_S = 2.0
_STUCK_AFTER_LIMIT_S = 0.5
_PATIENCE_MS = 60_000
_BACKLOG = 64
_VOICE_NAMES = 8


class SynthesisService:
    """Answers connections with one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._speaking_since: float | None = None
        self._spoken = 0
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
        since, facts = self._speaking_since, self._engine.facts
        stuck_s = self._engine.limit_s + _STUCK_AFTER_LIMIT_S
        if since is not None and time.monotonic() - since > stuck_s:
            return {"id": number, "ok": False, "error": f"{facts.version} is stuck."}
        told = facts.as_header()
        told["engine"] = f"{facts.version}, sound {SOUND_VERSION}"
        return {"id": number, "ok": True, "spoken": self._spoken, **told}

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
        except NotSpoken as failure:
            return _refusal(number, failure.what, able=False)
        except SynthesisFailed as failure:
            return _refusal(number, failure.what)
        except Exception as error:  # noqa: BLE001 - one text must not end what others wait for
            return _refusal(number, f"Speech synthesis failed: {error!r}.")
        finally:
            self._speaking_since = None
        self._spoken += 1
        return encode({"id": number, "ok": True, "rate": 8000}, sound)

    def _sound(self, request: dict[str, Any]) -> bytes:
        text, language = request.get("text"), request.get("language")
        rate, pitch = request.get("rate"), request.get("pitch")
        if not isinstance(text, str) or not isinstance(language, str):
            raise SynthesisFailed("text and language must be text.")
        if type(rate) is not int or type(pitch) is not int:
            raise SynthesisFailed("rate and pitch must be whole numbers.")
        if len(text) > MAX_TEXT:
            raise SynthesisFailed(f"The text has {len(text)} characters; {MAX_TEXT} is the most.")
        names = _names(request.get("voices"))
        voice = Voice(language=language, rate=rate, pitch=pitch, names=names)
        samples, hertz = self._engine.speak(speakable(text), voice)
        return telephone_sound(samples, hertz).pcm


def _names(given: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, dict) or len(given) > _VOICE_NAMES:
        raise SynthesisFailed("voices must be an object of a few names.")
    if not all(isinstance(name, str) for name in given.values()):
        raise SynthesisFailed("the name of a voice must be text.")
    return tuple(given.items())


def _refusal(number: int, why: str, *, able: bool = True) -> bytes:
    return encode({"id": number, "ok": False, "able": able, "error": why})


async def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    writer.write(frame)
    async with asyncio.timeout(_WRITE_S):
        await writer.drain()


async def _serve(engine: Engine, url: str) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await SynthesisService(engine).serve(url, stop)


def main() -> None:
    """Run the service; errors are one sentence and exit status 2."""
    parser = argparse.ArgumentParser(description="A speech engine as a service")
    parser.add_argument("--engine", choices=KINDS, default="espeak")
    parser.add_argument("--model", action="append", default=[], help="[LANGUAGE=]PATH or NAME")
    parser.add_argument("--socket", required=True, help="unix:/path or tcp://host:port")
    parser.add_argument("--parent", type=int, help="process id to die with")
    arguments = parser.parse_args()
    if arguments.parent is not None:
        die_with(arguments.parent, signal.SIGKILL)
        leave_ctrl_c_to_the_parent()
    try:
        split_url(arguments.socket)
        engine = load_engine(arguments.engine, arguments.model)
        asyncio.run(_serve(engine, arguments.socket))
    except KeyboardInterrupt:
        sys.exit(130)
    except IvrError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
