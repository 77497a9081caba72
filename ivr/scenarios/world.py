"""The world of one scenario: the example bank, with the faults that the scenario wants."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from types import TracebackType
from typing import Self

from ivr.dialogue.actions import CallApi
from ivr.dialogue.flow import Flow
from ivr.dialogue.inputs import ApiReplied
from ivr.integrations.bank_api import BankApi, Fault
from ivr.integrations.hub import IntegrationHub
from ivr.scenarios.scenario import IntegrationFault, Scenario


class World:
    """`async with World(scenario, flow) as world`: every integration of the flow is a bank of the
    scenario's own, asked over real HTTP by the very hub that a worker asks, so that time-outs and
    cut connections mean what they mean there. It is opened when it is first asked.
    """

    def __init__(self, scenario: Scenario, flow: Flow) -> None:
        self._bank = BankApi(
            faults=[_fault(each) for each in scenario.integrations for _ in range(each.times)]
        )
        self._names = flow.integrations
        self._hub: IntegrationHub | None = None
        self.requests: list[CallApi] = []
        """What was asked, in order."""

    async def call(self, request: CallApi) -> ApiReplied:
        """Ask; see `IntegrationHub.call`."""
        self.requests.append(request)
        if self._hub is None:
            self._bank.start()
            self._hub = IntegrationHub(dict.fromkeys(self._names, self._bank.url))
        return await self._hub.call(request)

    def done(self) -> dict[str, int]:
        """What the bank has done so far."""
        answer, _ = self._bank.answer("GET", "/stats", "", None)
        assert answer is not None
        assert answer[0] == HTTPStatus.OK
        stats: dict[str, int] = answer[1]
        return stats

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._hub is not None:
            await self._hub.close()
            await asyncio.to_thread(self._bank.stop)


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
