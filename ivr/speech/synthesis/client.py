"""A worker's side of a synthesis process: one connection, shared by all its calls.

A request gets its sound or fails within its timeout, whatever the process does: answered late,
killed, frozen, restarted. A connection that broke is made anew and the request sent once more;
one on which nothing came for a whole timeout is given up, because a machine that vanished never
says so. Where an engine is slow, so that its timeout is long, it is pinged meanwhile: frozen is
told from busy.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any

from ivr.audio.format import TELEPHONE, Audio
from ivr.speech.synthesis.engine import EngineFacts
from ivr.speech.synthesis.synthesiser import NotSpoken, SynthesisFailed, Voice
from ivr.speech.synthesis.text import MAX_TEXT
from ivr.speech.synthesis.wire import WireError, encode, read_frame, split_url

TIMEOUT_S = 0.6
"""For a short text; one of MAX_TEXT characters gets twice as long."""

SLOW_TIMEOUT_S = 10.0
"""The same for an engine that speaks by clause."""

_WATCH_S = 0.15
_WATCH_PING_S = 0.35
_BODY_S = 1.0
_Answer = tuple[dict[str, Any], bytes]


class SynthesisClient:
    """A synthesis process at `url`: `unix:/path` or `tcp://host:port`.

    `watch` pings it while it speaks. Raises IvrError for any other url. Connects when first asked.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, watch: bool = False) -> None:
        self._url = url
        self._place = split_url(url)
        self._timeout_s = timeout_s
        self._watch = watch
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._numbers = itertools.count(1)

    def slowly(self) -> None:
        """The engine turned out to speak by clause: wait longer, and watch it."""
        self._timeout_s, self._watch = max(self._timeout_s, SLOW_TIMEOUT_S), True

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        """See `Synthesiser.synthesise`. Raises NotSpoken where the engine is well but has no such
        language or voice."""
        if len(text) > MAX_TEXT:
            raise NotSpoken(
                f"A text of {len(text)} characters is too long to speak.",
                remedy=f"Split it: {MAX_TEXT} characters is the most.",
            )
        timeout_s = self._timeout_s * (1 + len(text) / MAX_TEXT)
        request = {
            "op": "speak",
            "text": text,
            "language": voice.language,
            "voices": dict(voice.names),
            "rate": voice.rate,
            "pitch": voice.pitch,
            "timeout_ms": round(timeout_s * 1000),
        }
        asking = self._ask(request, timeout_s)
        header, sound = await (self._watched(asking) if self._watch else asking)
        if header.get("rate") != TELEPHONE.rate or len(sound) % 2:
            raise SynthesisFailed("Speech synthesis answered with a sound of another format.")
        return Audio(sound)

    async def ping(self, timeout_s: float = TIMEOUT_S) -> EngineFacts:
        """Return what the engine is. Raises SynthesisFailed."""
        header, _ = await self._ask({"op": "ping"}, timeout_s)
        return EngineFacts.from_header(header)

    async def close(self) -> None:
        """See `Synthesiser.close`."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _watched(self, asking: Coroutine[Any, Any, _Answer]) -> _Answer:
        """The answer; given up as soon as a ping meanwhile is not answered."""
        answer = asyncio.ensure_future(asking)
        try:
            while not (await asyncio.wait({answer}, timeout=_WATCH_S))[0]:
                await self.ping(_WATCH_PING_S)
            return answer.result()
        except SynthesisFailed:
            if answer.done():
                return answer.result()
            raise
        finally:
            if not answer.done():
                answer.cancel()

    async def _ask(self, request: dict[str, Any], timeout_s: float) -> _Answer:
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                try:
                    header, sound = await self._exchange(request, deadline)
                except OSError:
                    header, sound = await self._exchange(request, deadline)
        except TimeoutError:
            raise SynthesisFailed(
                f"Speech synthesis did not answer within {timeout_s * 1000:.0f} ms."
            ) from None
        except OSError as error:
            raise SynthesisFailed(
                f"Speech synthesis at {self._url} cannot be reached: {error}.",
                remedy="`ivrctl serve` starts it, and starts it again when it ends.",
            ) from None
        if header.get("ok") is not True:
            failure = NotSpoken if header.get("able") is False else SynthesisFailed
            raise failure(str(header.get("error", "Speech synthesis refused.")))
        return header, sound

    async def _exchange(self, request: dict[str, Any], deadline: asyncio.Timeout) -> _Answer:
        async with self._connecting:
            connection = self._connection
            if connection is None or connection.broken:
                connection = self._connection = await self._connect()
        heard = connection.heard
        try:
            return await connection.exchange({**request, "id": next(self._numbers)})
        except asyncio.CancelledError:
            if deadline.expired() and connection.heard == heard:
                connection.retire()
            raise

    async def _connect(self) -> _Connection:
        if isinstance(self._place, str):
            streams = await asyncio.open_unix_connection(self._place)
        else:
            streams = await asyncio.open_connection(*self._place)
        return _Connection(*streams)


class _Connection:
    """One connection; answers find their request by id."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: dict[object, asyncio.Future[_Answer]] = {}
        self._reading = asyncio.create_task(self._read(reader))
        self.heard = 0
        """Answers received so far."""
        self.broken = False

    async def exchange(self, request: dict[str, Any]) -> _Answer:
        """Ask, and wait for the answer. Raises ConnectionError when the connection breaks."""
        number: int = request["id"]
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(encode(request))
            return await answer
        finally:
            del self._waiting[number]
            if self.broken:
                self.retire()

    def retire(self) -> None:
        """Ask no more here; close it once nobody waits."""
        self.broken = True
        if not self._waiting:
            self._drop()

    async def close(self) -> None:
        """Close it, and wait until it is."""
        self._drop()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                header, sound = await read_frame(reader, body_s=_BODY_S)
                self.heard += 1
                number = header.get("id")
                answer = self._waiting.get(number) if isinstance(number, int) else None
                if answer is not None and not answer.done():
                    answer.set_result((header, sound))
        except (WireError, EOFError, OSError):
            pass
        finally:
            self._drop()

    def _drop(self) -> None:
        self.broken = True
        self._reading.cancel()
        self._writer.transport.abort()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("it closed the connection"))
