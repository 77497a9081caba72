"""Whole spoken calls through a real switch: SIP and RTP in, words out."""

from __future__ import annotations

import asyncio

import pytest

from ivr.audio.format import Audio
from ivr.cli.dialplan import TEXTS
from ivr.cli.switch_prompts import load_texts
from ivr.conversation.clauses import clauses
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.synthesiser import Voice
from ivr.speech.synthesis.voices import default_voice
from ivr.telephony.call import EndedBy
from tests.e2e.conftest import RingIn, Site
from tests.e2e.records import assert_recorded_once
from tests.e2e.stack import Stack
from tests.e2e.talk import LONGEST_SILENCE_MS, SwitchedTalk
from tests.e2e.waves import resemblance

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

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


async def test_a_caller_is_helped_and_handed_to_an_agent(ring_in: RingIn, site: Site) -> None:
    talk = await ring_in("1")
    await hear_balance(talk)
    await talk.say("i want to talk to an agent")
    await talk.hear("i will transfer you to an agent now please wait please hold for an agent")
    await talk.hang_up()
    await site.all_gone()
    call_id = await talk.call_id()
    turns = assert_recorded_once(site.stack, call_id)
    call = site.stack.call(call_id)
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


async def test_a_caller_is_helped_and_says_goodbye(ring_in: RingIn, site: Site) -> None:
    talk = await ring_in("1")
    await hear_balance(talk)
    await talk.say("no thank you")
    await talk.hear("goodbye")
    async with asyncio.timeout(5):
        await talk.phone.ended.wait()
    await site.all_gone()
    call_id = await talk.call_id()
    assert_recorded_once(site.stack, call_id)
    assert site.stack.call(call_id).cause == EndedBy.BOT.value
    assert max(talk.silences_ms) <= LONGEST_SILENCE_MS


async def test_a_hindi_caller_hears_hindi_and_is_helped_by_keys(
    ring_in: RingIn, site: Site
) -> None:
    talk = await ring_in("2")
    heard = []
    await talk.hear_begin()
    for keys in ("1", "447123", "9"):
        await talk.press(keys)
        heard.append(await talk.hear_out())
    async with asyncio.timeout(5):
        await talk.phone.ended.wait()
    await site.all_gone()
    call_id = await talk.call_id()
    turns = assert_recorded_once(site.stack, call_id)
    assert site.stack.call(call_id).language == "hi"
    assert {turn.language for turn in turns} == {"hi"}
    assert [turn.text for turn in turns if turn.who == "caller"] == ["1", "447123", "9"]
    _, *answers = [turn.text for turn in turns if turn.who == "bot"]
    assert "एक हज़ार दो सौ पचास" in answers[1]
    for answer, sound in zip(answers, heard, strict=True):
        for sentence in await spoken(site.stack, answer, default_voice("hi")):
            assert resemblance(sentence, sound) >= ALIKE, answer
    assert max(talk.silences_ms) <= LONGEST_SILENCE_MS


async def test_the_menu_and_the_greeting_are_heard_in_hindi(ring_in: RingIn, site: Site) -> None:
    talk = await ring_in("2", heed=True)
    await talk.hear_out()
    menu = talk.phone.handset.record()[1]
    await talk.press("2")
    greeting = await talk.hear_out()
    await talk.hang_up()
    for language in ("en", "hi"):
        text = load_texts(TEXTS)[f"choose-{language}"][language]
        (choice,) = await spoken(site.stack, text, Voice(language=language))
        assert resemblance(choice, menu) >= ALIKE, text
    (welcome, *_) = assert_recorded_once(site.stack, await talk.call_id())
    assert welcome.language == "hi"
    (hello, *_) = await spoken(site.stack, welcome.text, default_voice("hi"))
    assert resemblance(hello, greeting) >= ALIKE, welcome.text


async def spoken(stack: Stack, text: str, voice: Voice) -> list[Audio]:
    """The sentences of a text as the stack's voice makes them."""
    assert stack.notes.synthesis_url is not None
    client = SynthesisClient(stack.notes.synthesis_url)
    try:
        return [await client.synthesise(sentence, voice) for sentence in clauses(text)]
    finally:
        await client.close()
