"""Attended transfer in a conversation, over the loopback: each way it can go."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ivr.telephony.call import Bridged
from tests.conversation.attended_call import Scene, flow
from tests.telephony.waiting import until


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene(flow(returned="more"))
    yield made
    await made.close()


async def test_accepted_and_back_again(scene: Scene) -> None:
    agent = await scene.asked()
    await scene.music()
    leg = agent.agent_picks_up()
    await scene.said("To take the call, press one.")
    assert "One_moment." in scene.singer.texts
    assert any("ends in five six seven eight" in text for text in scene.singer.texts)
    await scene.music()
    leg.caller_digit("1")
    await scene.over()
    assert scene.call.verdict == "bridge and return"
    last = scene.sessions.kept[-1]
    assert (last.finished, last.verdict) == (False, "bridged")
    scene.ring(bridged=Bridged.TALKED)
    await scene.said("Anything.")
    await scene.said("Keys.", 2)
    assert scene.sessions.kept[-1].verdict == ""


async def test_without_a_way_back_the_call_ends_with_the_agent() -> None:
    scene = Scene(flow())
    agent = await scene.asked()
    leg = agent.agent_picks_up()
    await scene.said("To take the call")
    leg.caller_digit("1")
    await scene.over()
    assert scene.call.verdict == "bridge"
    await scene.close()


@pytest.mark.parametrize("how", ["declines", "busy", "hangs up", "says nothing", "rings out"])
async def test_refused_the_caller_is_where_they_were(scene: Scene, how: str) -> None:
    agent = await scene.asked()
    await scene.music()
    if how == "busy":
        agent.agent_refuses("user_busy")
    elif how != "rings out":
        leg = agent.agent_picks_up()
        await scene.said("To take the call")
        if how == "declines":
            leg.caller_digit("2")
        elif how == "hangs up":
            leg.caller_hangs_up()
    await scene.said("No agent can take your call now.")
    await scene.said("Anything.")
    assert agent.closed
    assert agent.leg is None or agent.leg.ending is not None
    assert scene.call.ending is None
    again = await scene.asked(2)
    assert again is not agent


@pytest.mark.parametrize("when", ["it rings", "the agent listens"])
async def test_the_caller_hangs_up_and_the_agent_is_let_go(scene: Scene, when: str) -> None:
    agent = await scene.asked()
    if when == "the agent listens":
        agent.agent_picks_up()
        await scene.said("To take the call")
    scene.call.caller_hangs_up()
    await scene.over()
    assert agent.closed
    assert agent.leg is None or agent.leg.ending is not None
    assert scene.clock.subscribers == 0


async def test_a_bridge_that_failed_is_a_refusal(scene: Scene) -> None:
    agent = await scene.asked()
    leg = agent.agent_picks_up()
    await scene.said("To take the call")
    leg.caller_digit("1")
    await scene.over()
    scene.ring(bridged=Bridged.FAILED)
    await scene.said("No agent can take your call now.")


async def test_a_worker_that_died_while_it_asked_is_followed_by_one_that_asks_anew(
    scene: Scene,
) -> None:
    agent = await scene.asked()
    agent.agent_picks_up()
    await scene.said("To take the call")
    scene.call.drop()
    await scene.over()
    assert agent.closed
    call = scene.ring()
    await scene.said("We lost you for a moment")
    await until(lambda: bool(call.consultations))


async def test_who_wakes_up_fenced_connects_nobody(scene: Scene) -> None:
    agent = await scene.asked()
    leg = agent.agent_picks_up()
    await scene.said("To take the call")
    scene.sessions.epoch += 1
    leg.caller_digit("1")
    await scene.over()
    assert scene.call.verdict == ""
    assert agent.closed
