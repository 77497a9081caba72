"""One caller's end of the line: a handset that does what a turn says, frame by frame, and keeps
everything that left and arrived, with its time. No sockets; see `Handset`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np

from ivr.audio.format import TELEPHONE
from ivr.audio.level import level_dbfs
from ivr.benchmarks.turns.noises import Wave
from ivr.benchmarks.turns.sound import SoundingTurn, telephone_line
from ivr.benchmarks.turns.turn import Kind
from ivr.clock import Clock
from ivr.phone.handset import AUDIBLE_DBFS, Handset

FRAME_MS = float(TELEPHONE.ptime_ms)
_SIZE = TELEPHONE.frame_samples

_RUNG_MS = 8_000
"""The longest the bot may take to speak."""
_OUT_MS = 400
"""Silence after which a question has been asked."""
_MENU_OUT_MS = 160
"""The same of the first menu, which is one word."""
_MENU_GONE_MS = 300
"""How long a switch's menu may sound after its key."""
_ANSWER_MS = 1_200
"""How much of an answer is listened to."""
_NO_ANSWER_MS = 6_000
_DISTURBED_MS = 5_500
"""How long it is listened whether the bot goes on, after a disturbance."""
_UNDISTURBED_MS = 7_000


@dataclass(slots=True)
class Record:
    """What the phone noted of one turn; times in ms on one clock.

    `heard`: each frame that arrived, and when. `said_ms`: when the first frame of the turn's sound
    left, whole. `keyed_ms`: when each key had been released; the first leads to the question.
    """

    heard: list[tuple[float, bytes]] = field(default_factory=list)
    said_ms: float | None = None
    question_ms: float | None = None
    keyed_ms: list[float] = field(default_factory=list)
    trouble: str = ""

    def audible(self) -> list[float]:
        """When each frame arrived that could be heard."""
        return [at for at, frame in self.heard if is_audible(frame)]


def is_audible(frame: bytes) -> bool:
    """Whether a frame is sound and not the noise of a line."""
    return any(frame) and level_dbfs(frame) >= AUDIBLE_DBFS


class Line(Handset):
    """Plays one turn. `press` presses a key; `done` is called when all has been heard.

    `key_release_ms`: how long after a key began it is released and told, on this line.
    `switch_menu`: the key that answers a menu of the switch's own, before the worker has the call.
    """

    def __init__(
        self,
        sounding: SoundingTurn,
        clock: Clock,
        *,
        press: Callable[[str], None],
        done: Callable[[], None],
        key_release_ms: float = 0.0,
        switch_menu: str = "",
    ) -> None:
        super().__init__(clock=clock, keep_record=False)
        self.log = Record()
        self._turn = sounding.turn
        self._sounding = sounding
        self._press = press
        self._done = done
        self._key_release_ms = key_release_ms
        self._switch_menu = switch_menu
        self._sound: list[bytes] = []
        self._noise = _noise(sounding)
        self._frames = 0
        self._last_audible_ms: float | None = None
        self._first_audible_since: float | None = None
        self._since_ms = 0.0
        self._play: Generator[None, None, None] | None = self._script()

    @property
    def turn_id(self) -> str:
        """Which turn it plays."""
        return self._turn.id

    # The handset.

    def tick(self) -> bytes:
        """See `Handset`."""
        if self._play is not None:
            try:
                next(self._play)
            except StopIteration:
                self._play = None
                self._done()
        now = self._now_ms()
        self._frames += 1
        frame = None
        if self._sound:
            if self.log.said_ms is None:
                self.log.said_ms = now
            frame = self._sound.pop(0)
        return self._line(frame)

    def hear(self, frame: bytes) -> None:
        """See `Handset`."""
        now = self._now_ms()
        for start in range(0, len(frame), TELEPHONE.frame_bytes):
            piece = frame[start : start + TELEPHONE.frame_bytes]
            self.log.heard.append((now, piece))
            if is_audible(piece):
                self._last_audible_ms = now
                if self._first_audible_since is None and now > self._since_ms:
                    self._first_audible_since = now

    def key_pressed(self) -> None:
        """See `Handset`."""
        self.log.keyed_ms.append(self._now_ms() + self._key_release_ms)

    # What the caller does.

    def _script(self) -> Generator[None, None, None]:
        turn = self._turn
        if self._switch_menu:
            yield from self._bot_began()
            self._press(self._switch_menu)
            yield from self._keyed(1)
            yield from self._wait(_MENU_GONE_MS)
            self.log.keyed_ms.clear()
            self._mark()
        yield from self._bot_spoke(_MENU_OUT_MS)
        self._mark()
        self._press(turn.question)
        yield from self._keyed(1)
        yield from self._bot_began()
        self.log.question_ms = self._first_audible_since
        if turn.kind.is_answer or turn.kind is Kind.KEYS:
            yield from self._bot_spoke(_OUT_MS)
            yield from self._wait(turn.after_ms)
            yield from self._answer()
        else:
            yield from self._wait(turn.after_ms)
            yield from self._interrupt()

    def _answer(self) -> Generator[None, None, None]:
        turn = self._turn
        if turn.kind is Kind.KEYS:
            for key in turn.keys:
                self._press(key)
            yield from self._keyed(1 + len(turn.keys))
        else:
            yield from self._say()
        self._mark()
        yield from self._bot_began(_NO_ANSWER_MS)
        yield from self._wait(_ANSWER_MS)

    def _interrupt(self) -> Generator[None, None, None]:
        if self._sounding.label is None:
            yield from self._wait(_UNDISTURBED_MS)
            return
        yield from self._say()
        yield from self._wait(_DISTURBED_MS)

    def _say(self) -> Generator[None, None, None]:
        pcm = self._sounding.samples.astype("<i2").tobytes()
        size = TELEPHONE.frame_bytes
        self._sound = [
            pcm[start : start + size].ljust(size, b"\0") for start in range(0, len(pcm), size)
        ]
        while self._sound:
            yield

    def _keyed(self, keys: int) -> Generator[None, None, None]:
        while len(self.log.keyed_ms) < keys:
            yield

    def _mark(self) -> None:
        """From now on, listen for the bot to begin."""
        self._since_ms = self._now_ms()
        self._first_audible_since = None

    def _bot_began(self, within_ms: float = _RUNG_MS) -> Generator[None, None, None]:
        until = self._now_ms() + within_ms
        while self._first_audible_since is None:
            if self._now_ms() > until:
                self.log.trouble = "the bot stayed silent"
                return
            yield

    def _bot_spoke(self, quiet_ms: float) -> Generator[None, None, None]:
        yield from self._bot_began()
        while self._last_audible_ms is not None and self._now_ms() - self._last_audible_ms < (
            quiet_ms
        ):
            yield

    def _wait(self, ms: float) -> Generator[None, None, None]:
        until = self._now_ms() + ms
        while self._now_ms() < until:
            yield

    # What the line adds.

    def _line(self, frame: bytes | None) -> bytes:
        turn = self._turn
        noise = None if self._noise is None else self._noise[self._frames % len(self._noise)]
        echo = self._echo()
        if noise is None and echo is None:
            return frame if frame is not None else TELEPHONE.silence
        mixed: Wave = np.zeros(_SIZE)
        if frame is not None:
            mixed += np.frombuffer(frame, "<i2")
        if noise is not None:
            mixed += noise
        if echo is not None:
            mixed += echo * 10 ** ((turn.echo_db or 0.0) / 20)
        return telephone_line(mixed / 32768).astype("<i2").tobytes()

    def _echo(self) -> Wave | None:
        turn, heard = self._turn, self.log.heard
        late = int(turn.echo_ms / FRAME_MS)
        if turn.echo_db is None or len(heard) <= late:
            return None
        echo: Wave = np.frombuffer(heard[-1 - late][1], "<i2").astype(np.float64)
        return echo


def _noise(sounding: SoundingTurn) -> Wave | None:
    """Two seconds of the line's noise: frames of hiss with more below than above."""
    level = sounding.turn.noise_dbfs
    if level is None:
        return None
    rng = np.random.default_rng(sounding.turn.seed + 1)
    white = rng.normal(0, 1, 100 * _SIZE)
    coloured = white + np.concatenate([[0.0], white[:-1]])
    coloured *= 32768 * 10 ** (level / 20) / float(np.sqrt(np.mean(coloured**2)))
    frames: Wave = coloured.reshape(100, _SIZE)
    return frames
