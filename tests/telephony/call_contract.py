"""What every `Call` keeps, whatever switch it comes from.

A switch's tests subclass `CallContract` and make a `line`: a call that has begun, a listener that
notes what it is told, and the far side.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from ivr.audio.format import TELEPHONE, Audio, AudioFormat
from ivr.telephony.call import Call, CallEnding, EndedBy, TransferFailed

FRAME = TELEPHONE.frame_bytes
SILENCE = TELEPHONE.silence
SECOND = 50
"""Frames."""


def sound(frames: float, first: int = 1) -> bytes:
    """Sound in which no two samples are the same, so that each frame is known."""
    count = round(frames * TELEPHONE.frame_samples)
    return np.arange(first, first + count, dtype="<i2").tobytes()


class Notes:
    """A `CallListener` that notes what it is told, and does what it was asked to do then."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.reactions: dict[str, Callable[[], object]] = {}

    def audio_received(self, frame: bytes) -> None:
        self._note("audio", frame)

    def digit_received(self, digit: str) -> None:
        self._note("digit", digit)

    def played(self, mark: int) -> None:
        self._note("played", mark)

    def ended(self, ending: CallEnding) -> None:
        self._note("ended", ending.by)

    def _note(self, what: str, value: object) -> None:
        self.told.append((what, value))
        reaction = self.reactions.pop(what, None)
        if reaction is not None:
            reaction()

    def of(self, *kinds: str) -> list[object]:
        """What was told of these kinds."""
        return [value for kind, value in self.told if kind in kinds]

    async def until(self, count: int, *kinds: str) -> None:
        """Wait until so much of these kinds was told."""
        async with asyncio.timeout(5):
            while len(self.of(*kinds)) < count:
                await asyncio.sleep(0.001)


class Line(abc.ABC):
    """A call and its far side."""

    def __init__(self) -> None:
        self.notes = Notes()

    @property
    @abc.abstractmethod
    def call(self) -> Call: ...

    @abc.abstractmethod
    async def step(self, frames: int) -> list[bytes]:
        """Let the time of so many frames pass; returns what the caller heard of them."""

    @abc.abstractmethod
    def say(self, frame: bytes) -> None:
        """The caller's sound."""

    @abc.abstractmethod
    def key(self, digit: str) -> None:
        """A key of the caller's."""

    @abc.abstractmethod
    async def caller_hangs_up(self) -> None: ...

    @abc.abstractmethod
    async def line_breaks(self) -> None: ...

    @abc.abstractmethod
    def is_released(self) -> bool:
        """Whether nothing is left of the call at the switch's side of ours."""


class CallContract:
    """The tests; a subclass adds the fixture `line`."""

    async def test_what_the_caller_says_and_keys_comes_in_its_order(self, line: Line) -> None:
        line.say(sound(1, 1))
        line.say(sound(1, 1000))
        line.key("5")
        line.say(sound(1, 2000))
        line.key("#")
        await line.notes.until(5, "audio", "digit")
        assert line.notes.told == [
            ("audio", sound(1, 1)),
            ("audio", sound(1, 1000)),
            ("digit", "5"),
            ("audio", sound(1, 2000)),
            ("digit", "#"),
        ]

    async def test_a_frame_leaves_each_beat_though_nobody_speaks(self, line: Line) -> None:
        assert await line.step(SECOND) == [SILENCE] * SECOND

    async def test_what_is_played_is_heard_once_and_without_a_seam(self, line: Line) -> None:
        line.call.play(Audio(sound(2.5, 1)), mark=1)
        line.call.play(Audio(sound(1.5, 5000)), mark=2)
        heard = b"".join(await line.step(6))
        assert heard == sound(2.5, 1) + sound(1.5, 5000) + bytes(2 * FRAME)

    async def test_what_the_caller_hears_can_be_overheard(self, line: Line) -> None:
        overheard: list[bytes] = []
        line.call.overhear(overheard.append)
        line.call.play(Audio(sound(2.5)), mark=1)
        assert overheard == []
        assert await line.step(4) == overheard
        line.call.clear()
        assert await line.step(1) == overheard[4:]

    async def test_a_mark_comes_once_when_the_last_frame_has_left(self, line: Line) -> None:
        line.call.play(Audio(sound(3)), mark=7)
        line.call.play(Audio(sound(2)), mark=8)
        await line.step(2)
        assert line.notes.of("played") == []
        await line.step(1)
        assert line.notes.of("played") == [7]
        await line.step(1)
        assert line.notes.of("played") == [7]
        await line.step(5)
        assert line.notes.of("played") == [7, 8]

    async def test_sound_without_samples_has_its_mark_too(self, line: Line) -> None:
        line.call.play(Audio(b""), mark=3)
        await line.step(1)
        assert line.notes.of("played") == [3]

    async def test_barge_in_silences_at_once_and_tells_no_mark(self, line: Line) -> None:
        line.call.play(Audio(sound(10)), mark=1)
        line.call.play(Audio(sound(5)), mark=2)
        await line.step(4)
        assert line.call.clear() == 11 * 20
        assert await line.step(3) == [SILENCE] * 3
        assert line.notes.of("played") == []
        assert line.call.clear() == 0

    async def test_after_a_barge_in_the_next_sound_is_heard_from_its_start(
        self, line: Line
    ) -> None:
        line.call.play(Audio(sound(10)), mark=1)
        await line.step(4)
        line.call.clear()
        line.call.play(Audio(sound(2, 7000)), mark=2)
        assert b"".join(await line.step(2)) == sound(2, 7000)
        assert line.notes.of("played") == [2]

    async def test_more_may_be_played_when_a_mark_comes(self, line: Line) -> None:
        line.call.play(Audio(sound(1, 1)), mark=1)
        line.notes.reactions["played"] = lambda: line.call.play(Audio(sound(1, 500)), mark=2)
        assert b"".join(await line.step(2)) == sound(1, 1) + sound(1, 500)
        assert line.notes.of("played") == [1, 2]

    async def test_another_rate_is_refused(self, line: Line) -> None:
        with pytest.raises(ValueError, match="16000"):
            line.call.play(Audio(bytes(640), AudioFormat(16000)), mark=1)

    @pytest.mark.parametrize(
        ("way", "by"),
        [
            ("caller_hangs_up", EndedBy.CALLER),
            ("line_breaks", EndedBy.LINE),
            ("hang_up", EndedBy.BOT),
            ("drop", EndedBy.BOT),
            ("transfer", EndedBy.BOT),
        ],
    )
    async def test_the_end_is_told_once_and_last(self, line: Line, way: str, by: EndedBy) -> None:
        line.call.play(Audio(sound(100)), mark=1)
        await line.step(2)
        await self._end(line, way)
        await line.notes.until(1, "ended")
        assert line.notes.told[-1] == ("ended", by)
        told = list(line.notes.told)
        line.call.play(Audio(sound(1)), mark=2)
        line.call.play(Audio(bytes(640), AudioFormat(16000)), mark=3)
        assert line.call.clear() == 0
        line.call.attach(line.notes)
        line.call.drop()
        await line.call.hang_up()
        with pytest.raises(TransferFailed):
            await line.call.transfer("agent")
        async with asyncio.timeout(5):
            while not line.is_released():
                await asyncio.sleep(0.001)
        assert line.notes.told == told

    async def _end(self, line: Line, way: str) -> None:
        match way:
            case "caller_hangs_up":
                await line.caller_hangs_up()
            case "line_breaks":
                await line.line_breaks()
            case "hang_up":
                await line.call.hang_up()
            case "drop":
                line.call.drop()
            case "transfer":
                await line.call.transfer("agent")

    async def test_a_refused_transfer_leaves_the_caller_with_us(self, line: Line) -> None:
        with pytest.raises(TransferFailed):
            await line.call.transfer("nowhere")
        line.call.play(Audio(sound(1)), mark=1)
        assert await line.step(1) == [sound(1)]
        assert line.notes.of("ended") == []

    @pytest.mark.parametrize("told", ["audio", "digit", "played"])
    async def test_a_listener_that_fails_ends_its_own_call(self, line: Line, told: str) -> None:
        def fail() -> None:
            raise RuntimeError("a mistake of ours")

        line.notes.reactions[told] = fail
        if told == "audio":
            line.say(sound(1))
        elif told == "digit":
            line.key("1")
        else:
            line.call.play(Audio(sound(1)), mark=1)
            await line.step(1)
        await line.notes.until(1, "ended")
        assert line.notes.told[-1] == ("ended", EndedBy.BOT)

    async def test_a_call_may_be_let_go_from_within_what_the_listener_is_told(
        self, line: Line
    ) -> None:
        line.notes.reactions["audio"] = line.call.drop
        for _ in range(3):
            line.say(sound(1))
        await line.notes.until(1, "ended")
        assert [kind for kind, _ in line.notes.told] == ["audio", "ended"]

    async def test_a_failing_end_harms_nobody(self, line: Line) -> None:
        def fail() -> None:
            raise RuntimeError("a mistake of ours")

        line.notes.reactions["ended"] = fail
        await line.call.hang_up()
        assert len(line.notes.of("ended")) == 1
