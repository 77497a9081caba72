"""AudioSocket calls keep the contract of every call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from ivr.telephony.call import Call, CallInfo, TransferFailed
from tests.telephony.audiosocket.conftest import Exchange, ServerMaker
from tests.telephony.audiosocket.far_side import FarSide
from tests.telephony.call_contract import CallContract, Line
from tests.telephony.waiting import until


class Control:
    """The switch's control side: knows nobody, takes callers to the agent."""

    def __init__(self) -> None:
        self.verdicts: list[str] = []
        self.forgotten: list[UUID] = []

    async def info(self, call_id: UUID) -> CallInfo | None:
        return None

    async def set_next(self, call_id: UUID, verdict: str) -> None:
        if verdict not in ("hangup", "agent"):
            raise TransferFailed(f"The dialplan has no destination {verdict!r}.")
        self.verdicts.append(verdict)

    def forget(self, call_id: UUID) -> None:
        self.forgotten.append(call_id)


class AudioSocketLine(Line):
    def __init__(self, exchange: Exchange, far: FarSide) -> None:
        super().__init__()
        self.exchange = exchange
        self.far = far
        self.notes = exchange.notes[0]

    @property
    def call(self) -> Call:
        return self.exchange.calls[0]

    async def step(self, frames: int) -> list[bytes]:
        self.exchange.clock.step(frames)
        if self.exchange.clock.subscribers == 0:
            return []
        return await self.far.frames(frames)

    def say(self, frame: bytes) -> None:
        self.far.send(self.far.codec.send_audio(frame))

    def key(self, digit: str) -> None:
        self.far.send(self.far.codec.send_digit(digit))

    async def caller_hangs_up(self) -> None:
        await self.far.close()

    async def line_breaks(self) -> None:
        self.far.reset()

    def is_released(self) -> bool:
        return self.exchange.clock.subscribers == 0 and self.exchange.server.live_calls == 0


class TestAudioSocket(CallContract):
    @pytest.fixture
    async def line(self, exchange: ServerMaker) -> AsyncIterator[Line]:
        one = await exchange(control=Control())
        far = await FarSide.ring(one.port)
        await until(lambda: bool(one.calls))
        yield AudioSocketLine(one, far)
        await far.close()
