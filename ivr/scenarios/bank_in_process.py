"""The example bank as an httpx transport: without a network, and without waiting.

An answer that would come too late is a time-out at once, so that scenarios without sound take no
time and come out the same on the busiest machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import httpx

from ivr.integrations.bank_api import BankApi, Fault


class BankInProcess(httpx.AsyncBaseTransport):
    """Does what `bank` does over HTTP, with `faults`, once each, in order of arrival."""

    def __init__(self, bank: BankApi, faults: Iterable[Fault]) -> None:
        self._bank = bank
        self._faults = list(faults)
        self._late: list[Callable[[], object]] = []
        self.patience_s = 3.0
        """A delay of so much or more is too late, a shorter one is none."""

    def catch_up(self) -> None:
        """Do what was to be done too late to matter for the request that asked for it."""
        late, self._late = self._late, []
        for work in late:
            work()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx. Raises TimeoutError, as if the hub's patience had ended."""
        fault = self._fault(request.method, request.url.path)
        body = _json(await request.aread())

        def work() -> httpx.Response:
            return self._answer(request, body)

        if fault.delay_before_s >= self.patience_s:
            self._late.append(work)
            raise TimeoutError
        if fault.cut == "before":
            raise httpx.RemoteProtocolError("cut", request=request)
        response = work()
        if fault.delay_before_s + fault.delay_after_s >= self.patience_s:
            raise TimeoutError
        if fault.cut == "after":
            raise httpx.RemoteProtocolError("cut", request=request)
        if fault.answer is not None:
            return _response(*fault.answer)
        return response

    def _answer(self, request: httpx.Request, body: object) -> httpx.Response:
        key = request.headers.get("Idempotency-Key", "")
        answer, _ = self._bank.answer(request.method, request.url.path, key, body)
        assert answer is not None
        return _response(int(answer[0]), "application/json", json.dumps(answer[1]).encode())

    def _fault(self, method: str, path: str) -> Fault:
        for fault in self._faults:
            if fault.method == method and path.startswith(fault.path):
                self._faults.remove(fault)
                return fault
        return Fault()


def _response(status: int, kind: str, content: bytes) -> httpx.Response:
    # As a stream: that is how the hub reads, so as to stop at what is too long.
    headers = {"Content-Type": kind}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


def _json(content: bytes) -> object:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None
