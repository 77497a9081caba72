"""Vosk on machines of its own: a vosk-server for each language, behind the port.

Rules:
- One connection an utterance, since the server narrows its recogniser once a connection. One
  that has been reset hears the next utterance with the same phrases.
- When the caller has finished is decided here: our voice detector's silence forces the final
  words with a reset, long before the server's own endpointing would.
- Sound and answers take turns: what comes in meanwhile goes out in one piece. So a server that
  freezes is known within `ANSWER_S`, and one that is slow is asked less often.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from ivr.audio.format import SAMPLE_BYTES, AudioFormat
from ivr.errors import IvrError
from ivr.speech.recognition.hypotheses import Hypothesis
from ivr.speech.recognition.recogniser import RecognitionFailed, Transcript
from ivr.speech.recognition.vosk_wire import (
    LARGEST_REPLY,
    RESET,
    Partial,
    Reply,
    configuration,
    read,
)

CONNECT_S = 0.5
ANSWER_S = 0.8
"""Time for an answer to one piece of sound: ten times what a busy server takes."""

_IDLE_S = 20.0
_MOST_IDLE = 16

_Key = tuple[str, int, tuple[str, ...] | None]


class VoskServerRecogniser:
    """A `Recogniser` at the vosk-servers of `urls` (language code to ws:// or wss:// URL).

    Raises IvrError for what is no such URL.
    """

    def __init__(self, urls: Mapping[str, str], *, answer_s: float = ANSWER_S) -> None:
        for language, url in urls.items():
            parts = urlsplit(url)
            if parts.scheme not in {"ws", "wss"} or not parts.hostname:
                raise IvrError(
                    f"{url!r} is no address of a vosk-server ({language}).",
                    remedy="Give it as ws://HOST:2700 in the setting vosk_servers.",
                )
        self._urls = dict(urls)
        self._answer_s = answer_s
        self._idle: list[_Link] = []
        self._live: set[VoskServerUtterance] = set()
        self._closed = False

    @property
    def languages(self) -> frozenset[str]:
        """See `Recogniser.languages`."""
        return frozenset(self._urls)

    @property
    def backlog_ms(self) -> float:
        """Sound that was fed and is not sent yet, in ms, all utterances together."""
        return sum(utterance.backlog_ms for utterance in self._live)

    def open(
        self,
        language: str,
        format: AudioFormat,
        *,
        phrases: Sequence[str] | None = None,
        on_partial: Callable[[str], None] | None = None,
    ) -> VoskServerUtterance:
        """See `Recogniser.open`."""
        url = self._urls.get(language)
        if url is None:
            raise RecognitionFailed(f"There is no vosk-server for language {language!r}.")
        if self._closed:
            raise RecognitionFailed("The recogniser is closed.")
        key = (url, format.rate, None if phrases is None else tuple(phrases))
        utterance = VoskServerUtterance(self, key, self._answer_s, on_partial)
        self._live.add(utterance)
        return utterance

    async def healthy(self, language: str) -> bool:
        """Whether the server of `language` takes connections and answers; never raises."""
        url = self._urls.get(language)
        if url is None:
            return False
        try:
            link = await _Link.to((url, 8000, None), self._answer_s)
            await link.ask(bytes(3200))
            await link.close()
        except RecognitionFailed:
            return False
        return True

    def close(self) -> None:
        """See `Recogniser.close`; utterances that are open are abandoned."""
        self._closed = True
        for utterance in list(self._live):
            utterance.abandon()
        idle, self._idle = self._idle, []
        for link in idle:
            link.drop()

    async def link(self, key: _Key) -> _Link:
        """Return a connection that is ready for an utterance. Raises RecognitionFailed."""
        self._rest()
        for link in reversed(self._idle):
            if link.key == key:
                self._idle.remove(link)
                return link
        return await _Link.to(key, self._answer_s)

    def keep(self, link: _Link) -> None:
        """Take back a connection that has been reset."""
        self._idle.append(link)
        self._rest()

    def ended(self, utterance: VoskServerUtterance) -> None:
        """Forget an utterance that is over."""
        self._live.discard(utterance)

    def _rest(self) -> None:
        """Let go of connections that nobody has wanted for a while, or that are too many."""
        now = time.monotonic()
        kept = [one for one in self._idle if one.open and now - one.used_at < _IDLE_S]
        keep = kept[-_MOST_IDLE:] if not self._closed else []
        for link in set(self._idle) - set(keep):
            link.drop()
        self._idle = keep


class VoskServerUtterance:
    """An `Utterance` at a vosk-server."""

    def __init__(
        self,
        recogniser: VoskServerRecogniser,
        key: _Key,
        answer_s: float,
        on_partial: Callable[[str], None] | None,
    ) -> None:
        self._recogniser = recogniser
        self._key = key
        self._answer_s = answer_s
        self._on_partial = on_partial
        self._waiting = bytearray()
        self._more = asyncio.Event()
        self._finishing = False
        self._partial = ""
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._over)

    @property
    def backlog_ms(self) -> float:
        """Sound that was fed and is not sent yet, in ms."""
        return len(self._waiting) / (self._key[1] * SAMPLE_BYTES / 1000)

    @property
    def failure(self) -> RecognitionFailed | None:
        """See `Utterance.failure`."""
        if not self._task.done() or self._task.cancelled():
            return None
        error = self._task.exception()
        return error if isinstance(error, RecognitionFailed) else None

    def feed(self, pcm: bytes) -> None:
        """See `Utterance.feed`. Raises ValueError for half a sample."""
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes are no whole number of samples")
        if not self._finishing and not self._task.done():
            self._waiting += pcm
            self._more.set()

    async def finish(self) -> Transcript:
        """See `Utterance.finish`."""
        if self._finishing:
            raise RuntimeError("the utterance has been finished before")
        self._finishing = True
        self._more.set()
        try:
            # Shielded: whether we are cancelled or the task was abandoned is told apart below.
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if not self._task.cancelled():
                self.abandon()
                raise
            raise RecognitionFailed("The utterance was abandoned.") from None

    def abandon(self) -> None:
        """See `Utterance.abandon`."""
        self._waiting.clear()
        self._task.cancel()

    async def _run(self) -> Transcript:
        link = await self._recogniser.link(self._key)
        begun_ms = link.heard_ms
        hypothesis = Hypothesis()
        try:
            while not self._finishing or self._waiting:
                await self._more.wait()
                self._more.clear()
                if self._waiting:
                    sound = bytes(self._waiting)
                    self._waiting.clear()
                    self._take(hypothesis, await link.ask(sound))
                if self._finishing:
                    self._more.set()
            self._take(hypothesis, await link.ask(RESET))
        except BaseException:
            link.drop()
            raise
        self._recogniser.keep(link)
        return hypothesis.transcript(since_ms=begun_ms)

    def _take(self, hypothesis: Hypothesis, reply: Reply) -> None:
        if isinstance(reply, Partial):
            text = hypothesis.with_partial(reply.document)
        else:
            hypothesis.add(reply.document)
            text = hypothesis.with_partial("{}")
        if self._on_partial is not None and not self._finishing and text != self._partial:
            self._partial = text
            self._on_partial(text)

    def _over(self, task: asyncio.Task[Transcript]) -> None:
        if not task.cancelled():
            task.exception()  # seen: whoever finishes the utterance is told
        self._recogniser.ended(self)


@dataclass(eq=False, slots=True)
class _Link:
    """A connection whose recogniser is made for `key`. Every failure is a RecognitionFailed."""

    key: _Key
    connection: ClientConnection
    answer_s: float
    heard_ms: float = 0.0
    """Sound of all its utterances: the server's word times count on from one to the next."""
    used_at: float = field(default_factory=time.monotonic)

    @classmethod
    async def to(cls, key: _Key, answer_s: float) -> _Link:
        """Connect."""
        url, rate, phrases = key
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await connect(
                    url,
                    compression=None,
                    max_size=LARGEST_REPLY,
                    ping_interval=None,
                    open_timeout=None,
                    close_timeout=CONNECT_S,
                    proxy=None,
                )
            async with asyncio.timeout(answer_s):
                await connection.send(configuration(rate, phrases))
        except (OSError, WebSocketException) as error:
            # A TimeoutError is an OSError, without a word about itself.
            why = str(error) or f"no answer within {CONNECT_S * 1000:.0f} ms"
            raise RecognitionFailed(f"The vosk-server {url} does not answer: {why}.") from None
        return cls(key, connection, answer_s)

    @property
    def open(self) -> bool:
        """Whether the other side still holds it."""
        return self.connection.close_code is None

    async def ask(self, message: str | bytes) -> Reply:
        """Send sound or a reset, and return the answer."""
        try:
            async with asyncio.timeout(self.answer_s):
                await self.connection.send(message)
                answer = await self.connection.recv()
        except (OSError, WebSocketException) as error:
            why = str(error) or f"no answer within {self.answer_s * 1000:.0f} ms"
            raise RecognitionFailed(f"The vosk-server {self.key[0]} failed: {why}.") from None
        if isinstance(message, bytes):
            self.heard_ms += len(message) / (self.key[1] * SAMPLE_BYTES / 1000)
        self.used_at = time.monotonic()
        return read(answer)

    async def close(self) -> None:
        """Say good-bye."""
        with suppress(OSError, WebSocketException):
            await self.connection.close()

    def drop(self) -> None:
        """Let go at once."""
        self.connection.transport.abort()
