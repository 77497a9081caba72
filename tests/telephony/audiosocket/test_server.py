"""Connections that are no call, and the house: each is let go of cleanly and alone."""

from __future__ import annotations

import asyncio
import socket
from uuid import uuid4

import pytest
import uvloop

from ivr.audio.format import Audio
from ivr.errors import IvrError
from ivr.telephony.audiosocket import connection
from ivr.telephony.audiosocket.call import Limits
from ivr.telephony.audiosocket.server import AudioSocketServer
from ivr.telephony.call import Call, EndedBy
from ivr.telephony.loopback import SteppedClock
from tests.telephony.audiosocket.conftest import ServerMaker, talking
from tests.telephony.audiosocket.far_side import FarSide
from tests.telephony.call_contract import SILENCE, Notes, sound
from tests.telephony.waiting import until


async def test_without_a_call_id_there_is_no_call(exchange: ServerMaker) -> None:
    one = await exchange(limits=Limits(id=0.05))
    far = await FarSide.connect(one.port)
    assert await far.end() == "reset"
    assert one.strays == ["no call id within 0.05 s"]
    assert one.calls == []


@pytest.mark.parametrize("rounds", range(5))
def test_who_has_just_connected_when_it_stops_is_let_go(rounds: int) -> None:
    """However far the loop has come with them: else a dialplan waits for nobody. On the loop that
    the programs run on: asyncio's own forgets who comes as a port closes (CPython issue 109564).
    """
    calls: list[Call] = []

    async def stopped_after() -> None:
        server = AudioSocketServer("127.0.0.1", 0, calls.append)
        await server.start()
        with socket.create_connection(("127.0.0.1", server.port)) as far:
            far.settimeout(5)
            for _ in range(rounds):
                await asyncio.sleep(0)
            await server.stop()
            with pytest.raises(ConnectionResetError):
                await asyncio.to_thread(far.recv, 1)

    uvloop.run(stopped_after())
    assert calls == []


async def test_half_a_call_id_is_none(exchange: ServerMaker) -> None:
    one = await exchange(limits=Limits(id=0.05))
    far = await FarSide.connect(one.port)
    far.send(b"\x01\x00\x10half")
    assert await far.end() == "reset"
    assert one.calls == []


async def test_the_deadline_ends_with_the_call_id(exchange: ServerMaker) -> None:
    one = await exchange(limits=Limits(id=0.2))
    far = await talking(one)
    await asyncio.sleep(0.3)
    one.clock.step()
    assert await far.frames(1) == [SILENCE]
    assert one.strays == []
    await far.close()


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x10\x01\x40" + SILENCE, b"\x00\x00\x00"]
)
async def test_garbage_is_refused(exchange: ServerMaker, garbage: bytes) -> None:
    one = await exchange()
    far = await FarSide.connect(one.port)
    far.send(garbage)
    assert await far.end() == "reset"
    assert len(one.strays) == 1
    assert one.strays[0].startswith("not AudioSocket")
    assert one.calls == []


async def test_who_closes_at_once_was_no_call(exchange: ServerMaker) -> None:
    one = await exchange()
    await (await FarSide.connect(one.port)).close()
    await until(lambda: len(one.strays) == 1)
    assert one.calls == []


async def test_one_too_many_is_refused_and_the_others_go_on(exchange: ServerMaker) -> None:
    one = await exchange(max_calls=2)
    first, second = await talking(one), await talking(one)
    third = await FarSide.ring(one.port)
    assert await third.end() == "reset"
    assert one.strays == ["2 calls already"]
    one.clock.step()
    assert await first.frames(1) == await second.frames(1) == [SILENCE]
    await first.close()
    await until(lambda: one.server.live_calls == 1)
    await (await talking(one)).close()
    await second.close()


async def test_two_that_came_for_one_place_get_one(exchange: ServerMaker) -> None:
    one = await exchange(max_calls=1)
    waiting = [await FarSide.connect(one.port) for _ in range(2)]
    await until(lambda: len(one.server._connections) == 2)
    for far in waiting:
        far.send(far.codec.send_id(uuid4()))
    await until(lambda: len(one.strays) == 1)
    assert one.server.live_calls == 1
    for far in waiting:
        await far.close()


async def test_a_drop_looks_like_a_worker_that_died(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    one.calls[0].drop()
    assert await far.end() == "reset"


async def test_a_hang_up_says_so(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    one.calls[0].play(Audio(sound(50)), mark=1)
    one.clock.step(2)
    await one.calls[0].hang_up()
    assert await far.end() == "closed"
    assert [type(event).__name__ for event in far.events] == [
        "AudioReceived",
        "AudioReceived",
        "HungUp",
    ]


async def test_a_far_side_that_goes_on_sending_hears_the_good_bye(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    far.send(far.codec.send_audio(sound(1)) * 20)
    leaving = asyncio.create_task(one.calls[0].hang_up())
    for _ in range(20):
        far.send(far.codec.send_audio(sound(1)))
        await asyncio.sleep(0)
    await leaving
    assert await far.end() == "closed"
    assert [type(event).__name__ for event in far.events] == ["HungUp"]
    assert one.notes[0].told[-1] == ("ended", EndedBy.BOT)


async def test_a_far_side_that_never_closes_is_let_go_of(
    exchange: ServerMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_CLOSE_WITHIN_S", 0.05)
    one = await exchange()
    far = await talking(one)
    await one.calls[0].hang_up()
    await asyncio.wait_for(one.server.wait_closed(), 5)
    await far.close()


async def test_a_call_that_cannot_be_taken_goes_to_the_next_worker(exchange: ServerMaker) -> None:
    def fail(call: Call) -> None:
        raise RuntimeError("a mistake of ours")

    one = await exchange(on_call=fail)
    assert await (await FarSide.ring(one.port)).end() == "reset"
    two = await exchange(on_call=lambda call: None)
    assert await (await FarSide.ring(two.port)).end() == "reset"
    assert one.server.live_calls == two.server.live_calls == 0


async def test_while_draining_new_calls_are_refused_and_live_ones_go_on(
    exchange: ServerMaker,
) -> None:
    one = await exchange()
    far = await talking(one)
    await one.server.pause_accepting()
    assert not one.server.accepting
    with pytest.raises(ConnectionRefusedError):
        await FarSide.connect(one.port)
    one.clock.step(3)
    assert await far.frames(3) == [SILENCE] * 3
    await one.server.start()
    await (await talking(one)).close()
    await far.close()


async def test_wait_closed_waits_for_the_last_call(exchange: ServerMaker) -> None:
    one = await exchange()
    far = await talking(one)
    await one.server.pause_accepting()
    closed = asyncio.create_task(one.server.wait_closed())
    await asyncio.sleep(0.02)
    assert not closed.done()
    await far.close()
    await asyncio.wait_for(closed, 5)


async def test_stopping_lets_go_of_every_call(exchange: ServerMaker) -> None:
    one = await exchange()
    stray = await FarSide.connect(one.port)
    fars = [await talking(one) for _ in range(3)]
    await one.server.stop()
    assert [await far.end() for far in [stray, *fars]] == ["reset"] * 4
    assert [notes.told for notes in one.notes] == [[("ended", EndedBy.BOT)]] * 3
    assert one.clock.subscribers == 0


async def test_a_port_in_use_is_said_in_one_sentence(exchange: ServerMaker) -> None:
    one = await exchange()
    with pytest.raises(IvrError) as refusal:
        await AudioSocketServer(
            "127.0.0.1", one.port, lambda call: call.attach(Notes()), clock=SteppedClock()
        ).start()
    assert str(one.port) in str(refusal.value)
    assert "IVR_AUDIOSOCKET_PORT" in refusal.value.remedy
