from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import numpy as np
import pytest

from ivr.audio.format import TELEPHONE, Audio
from ivr.errors import IvrError
from ivr.phone.audiosocket import BETWEEN_KEYS_FRAMES, KEY_GAP_FRAMES, AudioSocketPhone
from ivr.phone.handset import Handset
from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import Call, EndedBy
from ivr.telephony.loopback import SteppedClock
from ivr.telephony.media_clock import MediaClock
from tests.telephony.call_contract import Notes, sound
from tests.telephony.waiting import until


def loud(frames: int) -> bytes:
    return np.full(frames * TELEPHONE.frame_samples, 8000, dtype="<i2").tobytes()


class Worker:
    """Our own server; its beats are real, the phone's are stepped by hand."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.notes: list[Notes] = []
        self.server = AudioSocketServer("127.0.0.1", 0, self._answer, clock=MediaClock())

    def _answer(self, call: Call) -> None:
        self.calls.append(call)
        self.notes.append(Notes())
        call.attach(self.notes[-1])


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker()
    await worker.server.start()
    yield worker
    await worker.server.stop()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


async def test_a_call_is_answered_with_its_id(worker: Worker) -> None:
    phone = AudioSocketPhone("127.0.0.1", worker.server.port, UUID(int=42))
    await phone.ring()
    assert [call.id for call in worker.calls] == [UUID(int=42)]
    await phone.hang_up()
    await phone.hang_up()
    await worker.notes[0].until(1, "ended")
    assert worker.notes[0].of("ended") == [EndedBy.CALLER]
    assert phone.ended.is_set()
    assert phone.ending is not None
    assert phone.ending.by is EndedBy.CALLER


async def test_what_is_spoken_arrives_whole(worker: Worker, clock: SteppedClock) -> None:
    phone = AudioSocketPhone("127.0.0.1", worker.server.port, clock=clock)
    await phone.ring()
    phone.handset.speak(Audio(sound(5)))
    clock.step(8)
    await worker.notes[0].until(8, "audio")
    frames = [frame for frame in worker.notes[0].of("audio") if isinstance(frame, bytes)]
    assert b"".join(frames) == sound(5) + TELEPHONE.silence * 3
    await phone.hang_up()


async def test_keys_come_as_asterisk_sends_them(worker: Worker, clock: SteppedClock) -> None:
    phone = AudioSocketPhone("127.0.0.1", worker.server.port, clock=clock)
    await phone.ring()
    pressing = asyncio.create_task(phone.press("1#"))
    await asyncio.sleep(0)
    clock.step(2 * (KEY_GAP_FRAMES + BETWEEN_KEYS_FRAMES) - 1)
    await asyncio.sleep(0)
    assert not pressing.done()
    clock.step(3)
    await pressing
    await worker.notes[0].until(2 * BETWEEN_KEYS_FRAMES + 4, "audio", "digit")
    assert [kind for kind, _ in worker.notes[0].told] == (
        (["digit"] + ["audio"] * BETWEEN_KEYS_FRAMES) * 2 + ["audio"] * 2
    )
    assert worker.notes[0].of("digit") == ["1", "#"]
    assert phone.handset.caller_fell_silent_ms is not None
    await phone.hang_up()


async def test_a_key_in_the_middle_of_speech_loses_none_of_it(
    worker: Worker, clock: SteppedClock
) -> None:
    phone = AudioSocketPhone("127.0.0.1", worker.server.port, clock=clock)
    await phone.ring()
    phone.handset.speak(Audio(sound(6)))
    clock.step(2)
    pressing = asyncio.create_task(phone.press("5"))
    await asyncio.sleep(0)
    clock.step(KEY_GAP_FRAMES + BETWEEN_KEYS_FRAMES)
    await pressing
    await worker.notes[0].until(8, "audio", "digit")
    kinds = [kind for kind, _ in worker.notes[0].told]
    assert kinds[:4] == ["audio", "audio", "digit", "audio"]
    frames = [frame for frame in worker.notes[0].of("audio") if isinstance(frame, bytes)]
    assert b"".join(frames).startswith(sound(6))
    await phone.hang_up()


async def test_what_is_no_key_is_refused(worker: Worker) -> None:
    phone = AudioSocketPhone("127.0.0.1", worker.server.port)
    with pytest.raises(IvrError, match="'x' is no key"):
        await phone.press("1x")


async def test_the_bot_is_heard_and_recorded(worker: Worker) -> None:
    phone = AudioSocketPhone("127.0.0.1", worker.server.port)
    await phone.ring()
    worker.calls[0].play(Audio(loud(20)), mark=1)
    await phone.handset.heard_sound(5)
    assert phone.handset.bot_is_speaking
    await phone.handset.heard_quiet(100, 5)
    await phone.hang_up()
    _, bot = phone.handset.record()
    assert int(np.count_nonzero(bot.samples)) == 20 * TELEPHONE.frame_samples


async def test_speech_leaves_at_the_pace_of_a_telephone(worker: Worker) -> None:
    clock = MediaClock()
    phone = AudioSocketPhone("127.0.0.1", worker.server.port, clock=clock)
    await phone.ring()
    loop = asyncio.get_running_loop()
    began = loop.time()
    phone.handset.speak(Audio(loud(25)))
    await phone.handset.spoken()
    took = loop.time() - began
    assert took >= (25 - 1 - 4) * 0.02
    assert took <= (25 + clock.given_up + 10) * 0.02
    await phone.hang_up()


@pytest.mark.parametrize("way", ["hang_up", "drop"])
async def test_who_ended_is_known(worker: Worker, way: str) -> None:
    phone = AudioSocketPhone("127.0.0.1", worker.server.port)
    await phone.ring()
    call = worker.calls[0]
    if way == "drop":
        call.drop()
    else:
        await call.hang_up()
    async with asyncio.timeout(5):
        await phone.ended.wait()
    assert phone.ending is not None
    assert phone.ending.by is (EndedBy.LINE if way == "drop" else EndedBy.BOT)
    async with asyncio.timeout(5):
        await phone.press("1")


async def test_nobody_there_is_said_in_one_sentence(worker: Worker) -> None:
    port = worker.server.port
    await worker.server.stop()
    phone = AudioSocketPhone("127.0.0.1", port)
    with pytest.raises(IvrError, match=f"Nobody answers at 127.0.0.1:{port}"):
        await phone.ring()
    assert phone.ended.is_set()


async def test_a_worker_that_is_full_is_said_so(worker: Worker) -> None:
    full = AudioSocketServer("127.0.0.1", 0, worker._answer, max_calls=0)
    await full.start()
    phone = AudioSocketPhone("127.0.0.1", full.port)
    with pytest.raises(IvrError, match="Nobody answers"):
        await phone.ring()
    await full.stop()


class Silent(asyncio.Protocol):
    """A worker that takes the connection and says nothing."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


async def test_ringing_may_be_given_up() -> None:
    silent = Silent()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: silent, "127.0.0.1", 0)
    phone = AudioSocketPhone("127.0.0.1", server.sockets[0].getsockname()[1])
    ringing = asyncio.create_task(phone.ring())
    await until(lambda: phone._wire is not None)
    ringing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ringing
    assert phone.ended.is_set()
    async with asyncio.timeout(5):
        await silent.lost.wait()
    server.close()


async def test_the_handset_may_be_of_ones_own(worker: Worker) -> None:
    handset = Handset(comfort_noise_dbov=-60)
    phone = AudioSocketPhone("127.0.0.1", worker.server.port, handset=handset)
    await phone.ring()
    await worker.notes[0].until(3, "audio")
    frames = [frame for frame in worker.notes[0].of("audio") if isinstance(frame, bytes)]
    assert all(frame != TELEPHONE.silence for frame in frames)
    await phone.hang_up()
