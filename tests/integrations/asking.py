"""What a flow asks of a bank, through the hub."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ivr.dialogue.actions import CallApi
from ivr.dialogue.inputs import ApiReplied
from ivr.integrations.hub import IntegrationHub
from ivr.integrations.integration import Integration
from tests.integrations.hostile import Hostile

SLACK_S = 0.25
SECRET = "s3cr3t-of-the-bank"


@asynccontextmanager
async def hub_to(url: str, **settings: Any) -> AsyncIterator[IntegrationHub]:
    settings = {"backoff_ms": 1, **settings}
    hub = IntegrationHub({"bank": Integration.model_validate({"base_url": url, **settings})})
    yield hub
    await hub.close()


def get(path: str = "/accounts/1", **more: Any) -> CallApi:
    return CallApi(request_id="r", name="bank", method="GET", path=path, **more)


def post(**more: Any) -> CallApi:
    body = {"pin": "4711", "to": "447123", "name": "Anna"}
    return CallApi(
        request_id="r",
        name="bank",
        method="POST",
        path="/transfers",
        body=body,
        **{"idempotency_key": "k1", **more},
    )


async def asked(server: Hostile, action: CallApi, **settings: Any) -> ApiReplied:
    async with hub_to(server.url, **settings) as hub:
        began = time.monotonic()
        reply = await hub.call(action)
        assert time.monotonic() - began < action.timeout_ms / 1000 + SLACK_S
        return reply
