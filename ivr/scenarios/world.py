"""The world of one scenario: the example bank, with the faults that the scenario wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus

from ivr.dialogue.actions import CallApi
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied
from ivr.integrations.bank_api import BankApi, Fault
from ivr.integrations.hub import IntegrationHub
from ivr.scenarios.bank_in_process import BankInProcess
from ivr.scenarios.scenario import IntegrationFault, Scenario

_REAL_PATIENCE_MS = 60_000


class World:
    """A bank of the scenario's own stands for every integration of the flow, and is asked by the
    very hub that a worker asks, so that time-outs and cut connections mean what they mean there.
    """

    def __init__(
        self, bank: BankApi, hub: IntegrationHub, transport: BankInProcess | None = None
    ) -> None:
        self._bank = bank
        self._hub = hub
        self._transport = transport
        self.requests: list[CallApi] = []
        """What was asked, in order."""

    async def call(self, request: CallApi) -> ApiReplied:
        """Ask; see `IntegrationHub.call`."""
        self.requests.append(request)
        if self._transport is not None:
            self._transport.catch_up()
            self._transport.patience_s = request.timeout_ms / 1000
            # Time is made up here; the real one, of a busy machine, must not run out.
            request = replace(request, timeout_ms=_REAL_PATIENCE_MS)
        return await self._hub.call(request)

    def done(self) -> dict[str, int]:
        """What the bank has done in the end."""
        if self._transport is not None:
            self._transport.catch_up()
        answer, _ = self._bank.answer("GET", "/stats", "", None)
        assert answer is not None
        assert answer[0] == HTTPStatus.OK
        stats: dict[str, int] = answer[1]
        return stats


@asynccontextmanager
async def world_in_process(scenario: Scenario, flow: Flow) -> AsyncIterator[World]:
    """Without a network, and without waiting."""
    bank = BankApi()
    transport = BankInProcess(bank, faults_of(scenario))
    hub = IntegrationHub(dict.fromkeys(flow.integrations, "http://bank"), transport=transport)
    try:
        yield World(bank, hub, transport)
    finally:
        await hub.close()


@asynccontextmanager
async def world_over_http(scenario: Scenario, flow: Flow) -> AsyncIterator[World]:
    """Over real HTTP, in real time."""
    bank = BankApi(faults=faults_of(scenario))
    bank.start()
    hub = IntegrationHub(dict.fromkeys(flow.integrations, bank.url))
    try:
        yield World(bank, hub)
    finally:
        await hub.close()
        await asyncio.to_thread(bank.stop)


def faults_of(scenario: Scenario) -> list[Fault]:
    """What goes wrong, as the bank knows it."""
    return [_fault(each) for each in scenario.integrations for _ in range(each.times)]


def _fault(each: IntegrationFault) -> Fault:
    method, _, path = each.on.partition(" ")
    answer = None
    if each.status is not None or each.body:
        answer = (each.status or HTTPStatus.OK, each.content_type, each.body.encode())
    return Fault(
        method=method,
        path=path,
        delay_before_s=each.delay_before_s,
        delay_after_s=each.delay_after_s,
        cut=each.cut or "",
        answer=answer,
    )
