"""The watchdog on a ward that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
from structlog.testing import capture_logs

from ivr.errors import IvrError
from ivr.supervision.watchdog import watch


class Ward:
    """Healthy as long as it has not `fallen`; each restart does the next of `restarts`."""

    name = "ward"

    def __init__(self, *restarts: Exception | None) -> None:
        self.fallen = asyncio.Event()
        self.asked = 0
        self.restarted = 0
        self.fault: Exception | None = None
        self._restarts = list(restarts)

    async def start(self) -> None:
        raise NotImplementedError

    async def healthy(self) -> bool:
        self.asked += 1
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault
        return not self.fallen.is_set()

    async def restart(self) -> None:
        self.restarted += 1
        what = self._restarts.pop(0) if self._restarts else None
        if what is not None:
            raise what
        self.fallen.clear()

    async def stop(self) -> None:
        raise NotImplementedError


@asynccontextmanager
async def watched(ward: Ward) -> AsyncIterator[None]:
    task = asyncio.create_task(watch(ward, every_s=0.005))
    try:
        yield
    finally:
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not met():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _plain_logging() -> None:
    structlog.reset_defaults()


async def test_a_healthy_ward_is_left_alone() -> None:
    ward = Ward()
    with capture_logs() as logs:
        async with watched(ward):
            await until(lambda: ward.asked >= 5)
    assert ward.restarted == 0
    assert logs == []


async def test_a_lost_ward_is_replaced_and_told_of_once() -> None:
    ward = Ward()
    with capture_logs() as logs:
        async with watched(ward):
            ward.fallen.set()
            await until(lambda: ward.restarted == 1 and ward.asked >= 5)
    assert [entry["event"] for entry in logs] == ["ward_lost", "ward_replaced"]
    assert {entry["ward"] for entry in logs} == {"ward"}
    assert logs[1]["after_s"] >= 0


@pytest.mark.parametrize(("held_up_s", "restarts"), [(0.3, 1), (8.0, 0)])
async def test_a_watch_that_was_stopped_itself_asks_again(held_up_s: float, restarts: int) -> None:
    now = 0.0

    class Late(Ward):
        async def healthy(self) -> bool:
            nonlocal now
            self.asked += 1
            if self.asked == 3:
                now += held_up_s
                return False
            return True

    ward = Late()
    task = asyncio.create_task(watch(ward, every_s=0.005, clock=lambda: now))
    await until(lambda: ward.asked >= 6)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert ward.restarted == restarts


async def test_a_ward_that_does_not_come_back_is_tried_again() -> None:
    ward = Ward(IvrError("No room."), OSError(24, "Too many open files"))
    with capture_logs() as logs:
        async with watched(ward):
            ward.fallen.set()
            await until(lambda: ward.restarted == 3)
            await until(lambda: not ward.fallen.is_set() and len(logs) == 4)
    assert [entry["event"] for entry in logs] == [
        *("ward_lost", "ward_not_replaced", "ward_not_replaced", "ward_replaced"),
    ]
    assert logs[1]["reason"] == "No room."
    assert logs[1]["retry_s"] < logs[2]["retry_s"]


@pytest.mark.parametrize("where", ["healthy", "restart"])
async def test_a_fault_of_ours_does_not_end_the_watch(where: str) -> None:
    ward = Ward(*([ZeroDivisionError()] if where == "restart" else []))
    with capture_logs() as logs:
        async with watched(ward):
            if where == "healthy":
                ward.fault = ZeroDivisionError()
            await until(lambda: ward.asked >= 2)
            ward.fallen.set()
            await until(lambda: ward.restarted >= 1 and not ward.fallen.is_set())
            await until(lambda: logs[-1]["event"] == "ward_replaced")
    assert "watch_failed" in {entry["event"] for entry in logs}
