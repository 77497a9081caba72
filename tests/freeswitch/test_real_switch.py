"""On a real FreeSWITCH with our configuration: the road of a call, both ways."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from ivr.audio.g711 import A_LAW, MU_LAW, Law
from ivr.phone.sip import NotAnswered
from ivr.ports import free_ports
from ivr.telephony.call import EndedBy, TransferFailed
from ivr.telephony.freeswitch.client import EslClient, SwitchUnreachable
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.conftest import FIRST_HZ, SECOND_HZ, Ring, Workers, no_channels
from tests.freeswitch.listener import Conversations, Listener, until
from tests.freeswitch.raw_sip import RawCaller
from tests.freeswitch.switch import SECRET, FreeSwitch
from tests.tones import PROMPT_HZ, clearest, heard, share, tone

pytestmark = pytest.mark.freeswitch


async def taken(workers: Workers, number: int = 1) -> Listener:
    """The call of that number, at whichever worker."""
    await until(lambda: workers.calls >= number, 10)
    return next(
        listener
        for conversation in workers.conversations
        for listener in reversed(conversation.all)
        if not listener.endings
    )


@pytest.mark.parametrize(("key", "language"), [("1", "en"), ("2", "hi")])
async def test_the_menu_asks_for_the_language(
    ring: Ring, workers: Workers, key: str, language: str
) -> None:
    phone = await ring("100")
    await heard(phone.handset, PROMPT_HZ["choose-en", "en"])
    await heard(phone.handset, PROMPT_HZ["choose-hi", "hi"])
    await phone.press(key)
    listener = await taken(workers)
    assert listener.call.info.language == language
    assert listener.call.info.called == "100"
    assert listener.call.info.caller == "+914012345678"
    assert listener.digits == ""


async def test_two_silences_mean_english(ring: Ring, workers: Workers) -> None:
    await ring("100")
    assert (await taken(workers)).call.info.language == "en"


@pytest.mark.parametrize("law", [MU_LAW, A_LAW], ids=["PCMU", "PCMA"])
async def test_both_hear_each_other(ring: Ring, workers: Workers, law: Law) -> None:
    phone = await ring(codecs=(law,))
    listener = await taken(workers)
    await phone.speak(tone(2200, 500))
    await until(lambda: clearest(b"".join(listener.frames), 2200) > 0.9)
    assert {len(frame) for frame in listener.frames} == {320}
    await until(lambda: listener.marks == [1])
    record = phone.handset.record()[1].pcm
    sung = FIRST_HZ if workers.conversations[0].all else SECOND_HZ
    assert clearest(record, sung, 1500) > 0.95


async def test_a_caller_who_sends_nothing_is_silent_and_still_hears(
    ring: Ring, workers: Workers
) -> None:
    phone = await ring()
    listener = await taken(workers)
    phone.media._tick = lambda: None  # type: ignore[method-assign]
    before = len(listener.frames)
    heard_before = phone.media.packets_heard
    await asyncio.sleep(1.0)
    assert 45 <= len(listener.frames) - before <= 55
    assert not any(listener.frames[-1])
    assert 45 <= phone.media.packets_heard - heard_before <= 55


async def test_keys_come_once_each_and_in_order(ring: Ring, workers: Workers) -> None:
    phone = await ring()
    listener = await taken(workers)
    await phone.press("0123456789*#0011")
    await until(lambda: len(listener.digits) >= 16)
    assert listener.digits == "0123456789*#0011"


async def test_barge_in_is_heard_at_once(ring: Ring, workers: Workers) -> None:
    phone = await ring()
    listener = await taken(workers)
    await phone.handset.heard_sound(3)
    dropped = listener.call.clear()
    assert dropped > 500
    await phone.handset.heard_quiet(40, 0.25)
    await asyncio.sleep(0.3)
    assert not phone.handset.bot_is_speaking
    assert listener.marks == []


async def test_a_worker_that_lets_go_is_followed_by_the_next(ring: Ring, workers: Workers) -> None:
    phone = await ring()
    first = await taken(workers)
    await phone.handset.heard_sound(3)
    loop = asyncio.get_running_loop()
    began = loop.time()
    first.call.drop()
    assert (await first.end()).by is EndedBy.BOT
    second = await taken(workers, 2)
    assert loop.time() - began < 0.5
    assert second.call.id == first.call.id
    assert second.call.info.language == "en"
    assert (first.call.info.variables["try"], second.call.info.variables["try"]) == ("0", "1")
    other = SECOND_HZ if workers.conversations[0].all[0] is first else FIRST_HZ
    await heard(phone.handset, other, 3)


async def test_after_a_playback_of_an_operators_the_sound_comes_back(
    ring: Ring, workers: Workers, ops: EslClient, freeswitch: FreeSwitch
) -> None:
    phone = await ring("7004")
    first = await taken(workers)
    await phone.handset.heard_sound(3)
    announcement = freeswitch.folder / "sounds" / "ivr" / "choose-en.wav"
    assert (await ops.api(f"uuid_broadcast {first.call.id} {announcement} aleg"))[:3] == "+OK"
    ending = await first.end()
    assert (ending.by, "`playback`" in ending.detail) == (EndedBy.LINE, True)
    second = await taken(workers, 2)
    assert second.call.id == first.call.id
    assert second.call.info.language == "hi"
    other = SECOND_HZ if workers.conversations[0].all[0] is first else FIRST_HZ
    await heard(phone.handset, other, 3)
    await phone.speak(tone(2200, 500))
    await until(lambda: clearest(b"".join(second.frames), 2200) > 0.9)


async def test_no_worker_left_means_sorry_and_an_agent(ring: Ring, workers: Workers) -> None:
    phone = await ring("7004")
    await taken(workers)
    for server in workers.servers:
        await server.stop()
    await heard(phone.handset, PROMPT_HZ["sorry", "hi"], 10)
    await heard(phone.handset, PROMPT_HZ["please-hold", "hi"], 10)


async def test_no_worker_at_all_is_503_before_the_answer(
    ring: Ring, workers: Workers, ops: EslClient
) -> None:
    for server in workers.servers:
        await server.pause_accepting()
    with pytest.raises(NotAnswered) as refused:
        await ring()
    assert refused.value.status == 503
    await no_channels(ops)


async def test_the_worker_that_promised_a_place_has_the_call(ring: Ring, ops: EslClient) -> None:
    busy, ready = Conversations(), Conversations()
    full = FreeSwitchServer("127.0.0.1", 0, busy, may_take=lambda: False)
    other = FreeSwitchServer("127.0.0.1", 0, ready)
    try:
        for number, server in enumerate((full, other), 1):
            await server.start()
            await ops.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{server.port}")
        # Every other call asks the busy one first.
        for calls in range(1, 9):
            await ring()
            listener = await ready.next(calls)
            assert listener.call.info.variables["try"] == "0"
        assert busy.all == []
        assert other.promised_calls == 0
    finally:
        for server in (full, other):
            await server.stop()


async def test_calls_begin_with_the_workers_in_turn(ring: Ring, ops: EslClient) -> None:
    taken_by = Conversations(), Conversations()
    servers = [FreeSwitchServer("127.0.0.1", 0, each) for each in taken_by]
    try:
        for number, server in enumerate(servers, 1):
            await server.start()
            await ops.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{server.port}")
        for calls in range(1, 5):
            await ring()
            await ring()
            for conversations in taken_by:
                await conversations.next(calls)
    finally:
        for server in servers:
            await server.stop()


@pytest.fixture
async def busy(ops: EslClient) -> AsyncIterator[FreeSwitchServer]:
    """Both workers: one that has no place for another second."""
    until_s = time.monotonic() + 1.0
    server = FreeSwitchServer(
        "127.0.0.1", 0, Conversations(), may_take=lambda: time.monotonic() > until_s
    )
    await server.start()
    for number in (1, 2):
        await ops.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{server.port}")
    yield server
    await server.stop()


@pytest.fixture
async def caller(freeswitch: FreeSwitch) -> AsyncIterator[RawCaller]:
    caller = RawCaller(freeswitch.sip_port)
    yield caller
    caller.close()


async def test_where_no_worker_has_a_place_for_a_moment_it_rings(
    busy: FreeSwitchServer, caller: RawCaller
) -> None:
    assert await caller.invite("7003") == 200
    assert caller.rang
    await until(lambda: busy.live_calls == 1)
    assert busy.promised_calls == 0


@pytest.mark.parametrize("turn", ["1", "2"])
async def test_where_one_worker_is_dead_the_other_is_waited_for(
    turn: str, busy: FreeSwitchServer, caller: RawCaller, ops: EslClient
) -> None:
    await ops.api(f"global_setvar ivr_worker_2=127.0.0.1:{free_ports(1)[0]}")
    await ops.api(f"global_setvar ivr_turn={turn}")
    assert await caller.invite("7003") == 200
    await until(lambda: busy.live_calls == 1)


async def test_full_workers_are_503_before_the_answer(ring: Ring, ops: EslClient) -> None:
    conversations = Conversations()
    server = FreeSwitchServer("127.0.0.1", 0, conversations, max_calls=1)
    await server.start()
    for number in (1, 2):
        await ops.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{server.port}")
    try:
        await ring()
        await conversations.next()
        with pytest.raises(NotAnswered) as refused:
            await ring()
        assert refused.value.status == 503
        assert len(conversations.all) == 1
    finally:
        await server.stop()


async def test_the_caller_hangs_up(ring: Ring, workers: Workers, ops: EslClient) -> None:
    phone = await ring()
    listener = await taken(workers)
    await phone.hang_up()
    ending = await listener.end()
    assert (ending.by, ending.detail) == (EndedBy.CALLER, "NORMAL_CLEARING")
    await no_channels(ops)


async def test_the_bot_hangs_up(ring: Ring, workers: Workers, ops: EslClient) -> None:
    phone = await ring()
    listener = await taken(workers)
    await listener.call.hang_up()
    await listener.call.hang_up()
    assert (await listener.end()).by is EndedBy.BOT
    await asyncio.wait_for(phone.ended.wait(), 3)
    await no_channels(ops)


async def test_the_caller_is_transferred(ring: Ring, workers: Workers) -> None:
    phone = await ring("7004")
    listener = await taken(workers)
    await listener.call.transfer("agent")
    ending = await listener.end()
    assert (ending.by, ending.detail) == (EndedBy.BOT, "transfer to agent")
    await heard(phone.handset, PROMPT_HZ["please-hold", "hi"])
    assert workers.calls == 1


@pytest.mark.parametrize("destination", ["nowhere", "agent XML public", "${uuid}", "agent\nx"])
async def test_where_nobody_may_go_nobody_goes(
    ring: Ring, workers: Workers, destination: str
) -> None:
    phone = await ring()
    listener = await taken(workers)
    with pytest.raises(TransferFailed):
        await listener.call.transfer(destination)
    assert listener.endings == []
    listener.call.clear()
    listener.call.play(tone(1700, 400), mark=7)
    await heard(phone.handset, 1700)


async def test_what_is_inside_cannot_be_dialled(ring: Ring, workers: Workers) -> None:
    for inside in ("agent", "worker", "admitted-yes", "sorry"):
        with pytest.raises(NotAnswered) as refused:
            await ring(inside)
        assert refused.value.status == 404
    assert workers.calls == 0


async def test_an_unanswered_call_is_answered_by_the_worker(ring: Ring, workers: Workers) -> None:
    phone = await ring("7001")
    await workers.conversations[0].next()
    await heard(phone.handset, FIRST_HZ)


async def test_without_async_there_is_no_sound_and_the_dialplan_goes_on(
    ring: Ring, workers: Workers
) -> None:
    phone = await ring("7002")
    await asyncio.wait_for(phone.ended.wait(), 3)
    assert "USER_BUSY" in phone.end_reason
    assert workers.calls == 0


async def test_the_switch_takes_a_call_away(ring: Ring, workers: Workers, ops: EslClient) -> None:
    await ring()
    listener = await taken(workers)
    assert (await ops.api(f"uuid_transfer {listener.call.id} agent XML ivr_transfer")) == "+OK"
    ending = await listener.end()
    assert (ending.by, ending.detail) == (EndedBy.CALLER, "the switch took the call elsewhere")


async def test_a_wrong_password_is_refused(freeswitch: FreeSwitch) -> None:
    with pytest.raises(SwitchUnreachable):
        await EslClient.connect("127.0.0.1", freeswitch.event_socket_port, "ClueCon")
    client = await EslClient.connect("127.0.0.1", freeswitch.event_socket_port, SECRET)
    assert "FreeSWITCH" in await client.api("status")
    await client.close()


def test_the_tone_of_a_prompt_is_told_from_another() -> None:
    assert share(tone(310, 300).pcm, 310) > 0.9
    assert share(tone(310, 300).pcm, 370) < 0.1
