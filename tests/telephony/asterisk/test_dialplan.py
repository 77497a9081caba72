"""The dialplan on a real Asterisk: a SIP phone rings, scripted workers answer."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import pytest

from ivr.audio.g711 import A_LAW, MU_LAW, Law
from ivr.phone.sip import NotAnswered, SipPhone
from ivr.telephony.audiosocket.ami import AmiControl
from ivr.telephony.call import TransferFailed
from tests.telephony.asterisk.fixtures import Ring
from tests.telephony.asterisk.scripted_worker import ScriptedWorker
from tests.telephony.asterisk.switch import AsteriskSwitch, free_port
from tests.tones import PROMPT_HZ, clearest, heard, tone

pytestmark = pytest.mark.asterisk

BOT_HZ = 1100.0
CALLER_HZ = 1500.0


async def no_channels(asterisk: AsteriskSwitch, within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while asterisk.channels():
            await asyncio.sleep(0.05)


def test_the_configuration_loads_without_a_complaint(asterisk: AsteriskSwitch) -> None:
    deadline = time.monotonic() + 10
    while "Asterisk Ready" not in asterisk.log():  # its log is written a little later
        assert time.monotonic() < deadline
        time.sleep(0.05)
    boot, _, _ = asterisk.log().partition("Asterisk Ready")
    assert [line for line in boot.splitlines() if "] ERROR[" in line or "] WARNING[" in line] == []
    assert "Not Running" not in asterisk.cli("module show")


@pytest.mark.parametrize(("key", "language"), [("1", "en"), ("2", "hi")])
async def test_a_key_in_the_menu_chooses_the_language(
    key: str,
    language: str,
    asterisk: AsteriskSwitch,
    worker: ScriptedWorker,
    ring: Ring,
    ami: AmiControl,
) -> None:
    asterisk.use_workers(worker.port)
    await ring(key)
    call = await worker.next_call()
    info = await ami.info(call.uuid)
    assert info is not None
    assert info.language == language
    assert info.called == "100"
    assert info.caller == "+914012345678"
    assert info.switch_channel.startswith("PJSIP/trunk-")


async def test_the_menu_speaks_both_languages_and_two_silences_mean_english(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring, ami: AmiControl
) -> None:
    asterisk.use_workers(worker.port, menu_wait_s=1)
    phone = await ring("")
    call = await worker.next_call()
    info = await ami.info(call.uuid)
    assert info is not None
    assert info.language == "en"
    menu = phone.handset.record()[1].pcm
    assert clearest(menu, PROMPT_HZ["choose-en", "en"]) > 0.8
    assert clearest(menu, PROMPT_HZ["choose-hi", "hi"]) > 0.8


@pytest.mark.parametrize("codec", [MU_LAW, A_LAW], ids=lambda law: law.encoding)
async def test_sound_passes_both_ways_in_either_law(
    codec: Law, asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port)
    phone = await ring(codecs=(codec,))
    call = await worker.next_call()
    call.play(tone(BOT_HZ, 600).pcm)
    await phone.speak(tone(CALLER_HZ, 600))
    await heard(phone.handset, BOT_HZ)
    await call.heard_ms(300)
    assert clearest(bytes(call.heard), CALLER_HZ) > 0.8
    assert clearest(bytes(call.heard), BOT_HZ) < 0.1


async def test_keys_reach_the_worker_once_each_also_the_same_twice(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port)
    phone = await ring()
    call = await worker.next_call()
    await phone.press("0112233#*")
    await call.digits_are("0112233#*")


async def test_the_worker_ends_the_call(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring, ami: AmiControl
) -> None:
    asterisk.use_workers(worker.port)
    phone = await ring()
    call = await worker.next_call()
    assert await ami.info(call.uuid) is not None
    await ami.set_next(call.uuid, "hangup")
    call.hang_up()
    async with asyncio.timeout(5):
        await phone.ended.wait()
    assert phone.end_reason.startswith("they hung up")
    await no_channels(asterisk)
    assert len(worker.calls) == 1


async def test_the_caller_ends_the_call(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port)
    phone = await ring()
    call = await worker.next_call()
    await phone.hang_up()
    assert phone.end_reason == "we hung up"
    async with asyncio.timeout(5):
        await call.ended.wait()
    await no_channels(asterisk)
    assert len(worker.calls) == 1


@pytest.mark.parametrize(("key", "language"), [("1", "en"), ("2", "hi")])
async def test_a_transfer_reaches_the_agent_in_the_callers_language(
    key: str,
    language: str,
    asterisk: AsteriskSwitch,
    worker: ScriptedWorker,
    ring: Ring,
    ami: AmiControl,
) -> None:
    asterisk.use_workers(worker.port)
    phone = await ring(key)
    call = await worker.next_call()
    assert await ami.info(call.uuid) is not None
    await ami.set_next(call.uuid, "agent")
    call.hang_up()
    await heard(phone.handset, PROMPT_HZ["please-hold", language])
    assert not phone.ended.is_set()


async def test_a_transfer_to_nowhere_is_refused_and_the_caller_stays(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring, ami: AmiControl
) -> None:
    asterisk.use_workers(worker.port)
    phone = await ring()
    call = await worker.next_call()
    assert await ami.info(call.uuid) is not None
    with pytest.raises(TransferFailed, match="no destination 'nobody'"):
        await ami.set_next(call.uuid, "nobody")
    call.play(tone(BOT_HZ, 400).pcm)
    await heard(phone.handset, BOT_HZ)


async def test_an_agent_who_does_not_answer_is_apologised_for(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring, ami: AmiControl
) -> None:
    asterisk.use_workers(worker.port)
    asterisk.set_global("IVR_AGENT", "Local/nobody@ivr-agent-demo/n")
    try:
        phone = await ring()
        call = await worker.next_call()
        assert await ami.info(call.uuid) is not None
        await ami.set_next(call.uuid, "agent")
        call.hang_up()
        await heard(phone.handset, PROMPT_HZ["no-agent", "en"])
        async with asyncio.timeout(5):
            await phone.ended.wait()
    finally:
        asterisk.set_global("IVR_AGENT", "Local/agent@ivr-agent-demo/n")


async def test_a_worker_that_is_down_is_passed_over(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(free_port(), free_port(), worker.port)
    phone = await ring()
    call = await worker.next_call()
    call.play(tone(BOT_HZ, 400).pcm)
    await heard(phone.handset, BOT_HZ)


async def test_calls_begin_with_the_workers_in_turn(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, other_worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port, other_worker.port, spread=True)
    for _ in range(2):
        await ring()
        await ring()
        await worker.next_call()
        await other_worker.next_call()


@pytest.mark.parametrize("death", ["reset", "close"])
async def test_a_worker_that_dies_hands_the_same_call_to_the_next(
    death: str,
    asterisk: AsteriskSwitch,
    worker: ScriptedWorker,
    other_worker: ScriptedWorker,
    ring: Ring,
    ami: AmiControl,
) -> None:
    asterisk.use_workers(worker.port, other_worker.port)
    phone = await ring("2")
    first = await worker.next_call()
    first.play(tone(BOT_HZ, 5000).pcm)
    await heard(phone.handset, BOT_HZ)
    if death == "reset":
        first.die()
    else:
        first.hang_up()  # with no verdict: how a death can look, too
    second = await other_worker.next_call(2)
    assert second.uuid == first.uuid
    async with asyncio.timeout(2):  # told again; the sound may come first
        while (info := await ami.info(second.uuid)) is None or info.variables["try"] != "1":
            await asyncio.sleep(0.01)
    assert info.language == "hi"
    second.play(tone(1300, 400).pcm)
    await heard(phone.handset, 1300)


async def test_a_worker_that_comes_back_takes_its_call_again(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port)
    await ring()
    uuids = []
    for _ in range(3):
        call = await worker.next_call(2)
        uuids.append(call.uuid)
        call.die()
    assert len(set(uuids)) == 1


async def test_no_worker_at_all_is_no_dead_end(asterisk: AsteriskSwitch, ring: Ring) -> None:
    asterisk.use_workers(free_port(), free_port(), rounds=3)
    phone = await ring()
    await heard(phone.handset, PROMPT_HZ["sorry", "en"])
    await heard(phone.handset, PROMPT_HZ["please-hold", "en"])


async def test_without_a_control_side_a_clean_close_means_goodbye(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port)
    asterisk.set_global("IVR_CONTROL", "no")
    try:
        phone = await ring()
        (await worker.next_call()).hang_up()
        async with asyncio.timeout(5):
            await phone.ended.wait()
        assert len(worker.calls) == 1
    finally:
        asterisk.set_global("IVR_CONTROL", "yes")


FORGERIES = [
    "Eve%0D%0AUserEvent: IvrStart%0D%0ACaller: +1555",
    "Eve\u2028Language: hi\u2028Caller: +1555",
    "Eve\x0bLanguage: hi\x85Caller: +1555",
    "Eve,Language: hi,Caller: +1555",
    "Eve\\r\\nLanguage: hi\\r\\nCaller: +1555",
    "Eve),Language: hi,(Caller: +1555",
    '"Language: hi',
    "${SHELL(touch /tmp/owned)}${GLOBAL(IVR_AGENT)}",
    "$[1/0]}",
    "ज़ोया" * 30,
]


@pytest.mark.parametrize("name", FORGERIES, ids=range(len(FORGERIES)))
async def test_what_a_caller_calls_themselves_changes_nothing(
    name: str, asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring, ami: AmiControl
) -> None:
    asterisk.use_workers(worker.port)
    await ring("1", display_name=name)
    call = await worker.next_call()
    info = await ami.info(call.uuid)
    assert info is not None
    assert (info.caller, info.called, info.language) == ("+914012345678", "100", "en")
    assert info.switch_channel.startswith("PJSIP/trunk-")
    assert set(info.variables) == {"caller_name", "try"}
    assert "Local/agent" not in info.variables["caller_name"]
    assert not (asterisk.root / "tmp" / "owned").exists()


NUMBERS = [
    "12%0D%0ALanguage%3A%20hi%0D%0AIvrLanguage%3A%20hi%0D%0ACaller%3A,%209",
    "12%0D%0A%0D%0AEvent%3A%20UserEvent%0D%0AChannel%3A%20PJSIP/victim%0D%0ACaller%3A%209",
    "12%0AChannel%3A%20PJSIP/victim%0AIvrLanguage%3A%20hi",
]


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
async def test_line_breaks_in_a_callers_number_make_no_headers(
    number: str, asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring, ami: AmiControl
) -> None:
    """SIP decodes the number, and Asterisk writes it as it is into every event of the channel,
    before what the dialplan says."""
    asterisk.use_workers(worker.port)
    await ring("1", number=number)
    call = await worker.next_call()
    info = await ami.info(call.uuid)
    assert info is not None
    assert info.language == "en"
    assert info.caller.startswith("12")
    assert set(info.caller) <= set("+0123456789")
    assert info.switch_channel.startswith("PJSIP/trunk-")
    await ami.set_next(call.uuid, "hangup")


async def test_a_number_that_nobody_has_is_refused(asterisk: AsteriskSwitch) -> None:
    phone = SipPhone(asterisk.sip_target("nobody"))
    with pytest.raises(NotAnswered) as refused:
        await phone.ring(5)
    assert refused.value.status == 404
    assert phone.ended.is_set()


async def test_each_call_has_a_uuid_of_its_own_and_leaves_nothing_behind(
    asterisk: AsteriskSwitch, worker: ScriptedWorker, ring: Ring
) -> None:
    asterisk.use_workers(worker.port)
    phones = await asyncio.gather(*(ring() for _ in range(5)))
    calls = [await worker.next_call() for _ in phones]
    assert len({call.uuid for call in calls} - {UUID(int=0)}) == 5
    await asyncio.gather(*(phone.hang_up() for phone in phones))
    await no_channels(asterisk)
