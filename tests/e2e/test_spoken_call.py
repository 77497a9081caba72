"""Whole spoken calls through a real Asterisk: SIP and RTP in, words out."""

from __future__ import annotations

import asyncio

import pytest

from ivr.audio.format import Audio
from ivr.conversation.clauses import clauses
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.voices import default_voice
from ivr.telephony.call import EndedBy
from tests.e2e.conftest import RingIn
from tests.e2e.records import assert_recorded_once
from tests.e2e.stack import Stack, until
from tests.e2e.talk import LONGEST_SILENCE_MS, SwitchedTalk
from tests.e2e.waves import resemblance
from tests.telephony.asterisk.switch import AsteriskSwitch

pytestmark = [pytest.mark.asterisk, pytest.mark.postgres, pytest.mark.redis]

ALIKE = 0.9
"""From here on a waveform that came over G.711 is the one that was sent."""

BALANCE = "one thousand two hundred and fifty rupees"


async def hear_balance(talk: SwitchedTalk) -> None:
    """Ask for the balance, which interrupts the welcome; say the account number; hear it."""
    await talk.hear_begin()
    await talk.say("what is my balance")
    await talk.hear("what is your account number")
    await talk.say("four four seven one two three")
    await talk.hear(BALANCE)


async def all_channels_gone(asterisk: AsteriskSwitch) -> None:
    await asyncio.to_thread(until, lambda: asterisk.channels() == 0, 10, "no channel in Asterisk")


async def test_a_caller_is_helped_and_handed_to_an_agent(
    ring_in: RingIn, switched_stack: Stack, spoken_asterisk: AsteriskSwitch
) -> None:
    talk = await ring_in("1")
    await hear_balance(talk)
    await talk.say("i want to talk to an agent")
    await talk.hear("i will transfer you to an agent now please wait please hold for an agent")
    await talk.hang_up()
    await all_channels_gone(spoken_asterisk)
    call_id = await talk.call_id()
    turns = assert_recorded_once(switched_stack, call_id)
    call = switched_stack.call(call_id)
    assert call.caller == talk.number
    assert call.called == "100"
    assert call.language == "en"
    assert call.cause == EndedBy.BOT.value
    assert call.detail == "transfer to agent"
    assert turns[0].interrupted
    assert {turn.language for turn in turns} == {"en"}
    intents = [turn.intent for turn in turns if turn.who == "caller"]
    assert intents[0] == "check_balance"
    assert intents[-1] == "talk_to_agent"
    print(f"longest silences of the bot, in ms: {talk.silences_ms}")
    assert max(talk.silences_ms) <= LONGEST_SILENCE_MS


async def test_a_caller_is_helped_and_says_goodbye(
    ring_in: RingIn, switched_stack: Stack, spoken_asterisk: AsteriskSwitch
) -> None:
    talk = await ring_in("1")
    await hear_balance(talk)
    await talk.say("no thank you")
    await talk.hear("goodbye")
    async with asyncio.timeout(5):
        await talk.phone.ended.wait()
    await all_channels_gone(spoken_asterisk)
    call_id = await talk.call_id()
    assert_recorded_once(switched_stack, call_id)
    assert switched_stack.call(call_id).cause == EndedBy.BOT.value
    assert max(talk.silences_ms) <= LONGEST_SILENCE_MS


async def test_a_hindi_caller_hears_hindi_and_is_helped_by_keys(
    ring_in: RingIn, switched_stack: Stack, spoken_asterisk: AsteriskSwitch
) -> None:
    talk = await ring_in("2")
    heard = []
    await talk.hear_begin()
    for keys in ("1", "447123", "9"):
        await talk.press(keys)
        heard.append(await talk.hear_out())
    async with asyncio.timeout(5):
        await talk.phone.ended.wait()
    await all_channels_gone(spoken_asterisk)
    call_id = await talk.call_id()
    turns = assert_recorded_once(switched_stack, call_id)
    assert switched_stack.call(call_id).language == "hi"
    assert {turn.language for turn in turns} == {"hi"}
    assert [turn.text for turn in turns if turn.who == "caller"] == ["1", "447123", "9"]
    _, *answers = [turn.text for turn in turns if turn.who == "bot"]
    assert "एक हज़ार दो सौ पचास" in answers[1]
    for answer, sound in zip(answers, heard, strict=True):
        for sentence in await spoken(switched_stack, answer, "hi"):
            assert resemblance(sentence, sound) >= ALIKE, answer
    assert max(talk.silences_ms) <= LONGEST_SILENCE_MS


async def spoken(stack: Stack, text: str, language: str) -> list[Audio]:
    """The sentences of a text as the stack's voice makes them."""
    assert stack.notes.synthesis_url is not None
    client = SynthesisClient(stack.notes.synthesis_url)
    try:
        return [
            await client.synthesise(sentence, default_voice(language)) for sentence in clauses(text)
        ]
    finally:
        await client.close()
