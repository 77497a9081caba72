"""A call keeps the version of the flow that it began with, whoever takes it over."""

from __future__ import annotations

import copy
import json

import pytest
from structlog.testing import capture_logs

from ivr.dialogue.flow import Flow
from ivr.storage.record import CallStarted
from tests.conversation.spoken_call import DOCUMENT, Scene

NEW_TOLD = "It is ten rupees."


def newer() -> Flow:
    document = copy.deepcopy(dict(DOCUMENT))
    document["templates"]["told"]["en"] = NEW_TOLD
    return Flow.parse(json.dumps(document))


async def begun() -> Scene:
    """A call whose worker has died after the menu."""
    first = Scene()
    await first.ring()
    await first.hear_out()
    first.call.line_breaks()
    await first.until_over()
    return first


@pytest.mark.parametrize("kept", [True, False])
async def test_a_call_that_is_taken_over_goes_on_in_its_version(kept: bool) -> None:
    first = await begun()
    old = first.services.flow

    async def flow_version(version: str) -> Flow | None:
        return old if kept and version == old.version else None

    second = Scene(sessions=first.sessions, flow=newer(), flow_version=flow_version)
    with capture_logs() as logs:
        await second.ring()
        await second.hear_out()
        await second.press("1")
        await second.hear_out()
    told = "The balance of your account is nine rupees." if kept else NEW_TOLD
    assert told in second.heard()
    assert any(log["event"] == "flow_version_gone" for log in logs) == (not kept)
    (started,) = [each for each in second.records.all if isinstance(each, CallStarted)]
    assert (started.flow_version == old.version) == kept


async def test_a_call_of_the_same_version_looks_nothing_up() -> None:
    first = await begun()
    asked: list[str] = []

    async def flow_version(version: str) -> Flow | None:
        asked.append(version)
        return None

    second = Scene(sessions=first.sessions, flow_version=flow_version)
    await second.ring()
    await second.hear_out()
    assert not asked
