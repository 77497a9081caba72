"""What changes the world is asked for only once Redis holds that it is meant to be: a real Redis,
killed and frozen when the caller has said the last word that was needed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from ivr.dialogue.actions import CallApi
from ivr.dialogue.inputs import ApiReplied
from ivr.storage.embedded import EmbeddedRedis
from ivr.storage.sessions import RedisSessionStore
from tests.conversation.spoken_call import CALL, FRAME_MS, Scene

pytestmark = pytest.mark.redis

ACCEPTED, NOT_DONE = "That is right.", "That is not right."


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def scene(server: EmbeddedRedis) -> AsyncIterator[Scene]:
    store = RedisSessionStore(server.url)
    scene = Scene(store=store)
    yield scene
    await scene.call.hang_up()
    if scene.task is not None:
        await asyncio.wait({scene.task}, timeout=5)
    await store.close()


def strike(server: EmbeddedRedis, number: signal.Signals) -> None:
    for pid in server.pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def until(scene: Scene, condition: Callable[[], bool], what: str) -> None:
    """Let line and Redis go on, each in its own time, until it is so."""
    with suppress(TimeoutError):
        async with asyncio.timeout(20):
            while not condition():
                await scene.listen(FRAME_MS)
                await asyncio.sleep(0.002)
    assert condition(), f"{what}; heard: {scene.heard()}"


async def up_to_the_pin(scene: Scene) -> None:
    """The last key of the PIN is still to be pressed; with it the change is asked for."""
    await scene.ring()
    await until(scene, lambda: "Say balance, goodbye, card or person." in scene.heard(), "no menu")
    await scene.press("3")
    await until(scene, lambda: "Please enter the four digits." in scene.heard(), "no question")
    await scene.press("123")


def kept(server: EmbeddedRedis) -> Any:
    client = redis.Redis.from_url(server.url)
    try:
        return json.loads(client.get(f"ivr:session:{CALL}") or "null")
    finally:
        client.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_change_that_cannot_be_written_down_is_not_made(
    scene: Scene, server: EmbeddedRedis, number: signal.Signals
) -> None:
    await up_to_the_pin(scene)
    strike(server, number)
    await scene.press("4")
    await until(scene, lambda: NOT_DONE in scene.heard(), "the caller is not told")
    assert scene.asked == []
    assert ACCEPTED not in scene.heard()


async def test_it_is_made_again_once_it_can_be(scene: Scene, server: EmbeddedRedis) -> None:
    await up_to_the_pin(scene)
    strike(server, signal.SIGSTOP)
    await scene.press("4")
    await until(scene, lambda: NOT_DONE in scene.heard(), "the caller is not told")
    strike(server, signal.SIGCONT)
    since = scene.now
    await until(scene, lambda: bool(scene.heard(since)), "no question again")
    await scene.press("3")
    await until(scene, lambda: "Please enter the four digits." in scene.heard(since), "no question")
    await scene.press("1234")
    await until(scene, lambda: bool(scene.asked), "it is never made")
    await until(scene, lambda: ACCEPTED in scene.heard(since), "the caller is not told")
    assert len(scene.asked) == 1


async def test_intent_and_key_are_there_before_it_is_asked_for(
    scene: Scene, server: EmbeddedRedis
) -> None:
    found: list[Any] = []

    def reply(request: CallApi) -> ApiReplied:
        found.append(kept(server))
        return ApiReplied(request_id=request.request_id, ok=True, status=201, data={})

    scene.reply = reply
    await up_to_the_pin(scene)
    await scene.press("4")
    await until(scene, lambda: ACCEPTED in scene.heard(), "the caller is not told")
    (request,) = scene.asked
    (session,) = found
    assert session["state"]["changes"]["check"]["key"] == request.idempotency_key
    assert session["state"]["pending"] == {"request_id": request.request_id, "node": "check"}


async def test_a_call_that_began_without_redis_changes_nothing_until_it_is_there(
    scene: Scene, server: EmbeddedRedis
) -> None:
    strike(server, signal.SIGSTOP)
    await up_to_the_pin(scene)
    await scene.press("4")
    await until(scene, lambda: NOT_DONE in scene.heard(), "the caller is not told")
    assert scene.asked == []
