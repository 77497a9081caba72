"""Workers that are kept loaded: one stands in at once, and another is loaded after it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import structlog

from ivr.ports import free_ports
from ivr.processes import is_stopped
from ivr.supervision import spare_workers
from ivr.supervision.spare_workers import SpareWorkers
from ivr.supervision.worker_process import WorkerProcess
from tests.supervision.programs import SERVES, workers_run

COUNTS_STARTS = """
with open(os.environ["STARTS"], "a") as starts:
    starts.write(f"{os.getpid()}\\n")
"""


class Room:
    """Where workers write that they were started."""

    def __init__(self, folder: Path) -> None:
        self._starts = folder / "starts"
        self._starts.touch()
        self.spares = SpareWorkers({"STARTS": str(self._starts)}, 1)

    @property
    def started(self) -> list[int]:
        return [int(line) for line in self._starts.read_text().split()]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    async def until_started(self, count: int) -> None:
        await self.until(lambda: len(self.started) == count)


@pytest.fixture
async def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    workers_run(monkeypatch, tmp_path, COUNTS_STARTS + SERVES)
    monkeypatch.setattr(spare_workers, "_SETTLE_S", 0.05)
    monkeypatch.setattr(spare_workers, "_RETRY_S", 0.05)
    room = Room(tmp_path)
    yield room
    await room.spares.close()


async def loaded_spare(room: Room) -> int:
    """The process id of a spare that has said that it is loaded."""
    with structlog.testing.capture_logs() as logs:
        room.spares.start()
        await room.until(lambda: any(line["event"] == "spare_worker_loaded" for line in logs))
    return room.started[-1]


async def test_without_a_spare_one_is_started(room: Room) -> None:
    taken = await room.spares.take()
    await taken.loaded()
    assert room.started == [taken.process.pid]
    await taken.end()


async def test_the_spare_is_taken_and_another_is_loaded(room: Room) -> None:
    pid = await loaded_spare(room)
    taken = await room.spares.take()
    assert taken.process.pid == pid
    await room.until_started(2)
    await taken.end()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_spare_that_dies_is_replaced(room: Room, number: signal.Signals) -> None:
    os.kill(await loaded_spare(room), number)
    await room.until_started(2)


async def test_a_spare_that_was_stopped_is_not_taken(room: Room) -> None:
    pid = await loaded_spare(room)
    os.kill(pid, signal.SIGSTOP)
    await room.until(lambda: is_stopped(pid))
    taken = await room.spares.take()
    assert taken.process.pid != pid
    assert taken.usable
    await taken.end()


async def test_a_worker_that_dies_is_the_spare_from_then(room: Room) -> None:
    port = free_ports(1)[0]
    settings = {"IVR_HTTP_PORT": str(port)}
    worker = WorkerProcess("worker-0", "127.0.0.1", port, settings, room.spares)
    await worker.start()
    spare = await loaded_spare(room)
    assert worker.pid not in (None, spare)
    await worker.restart()
    assert worker.pid == spare
    assert await worker.healthy()
    await worker.stop()


async def test_one_that_cannot_load_is_told_of_and_tried_again(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers_run(monkeypatch, tmp_path, COUNTS_STARTS + 'say(complaint="The flow is wrong.")')
    with structlog.testing.capture_logs() as logs:
        room.spares.start()
        await room.until_started(3)
    assert {line["reason"] for line in logs if line["event"] == "spare_worker_not_loaded"} == {
        "The flow is wrong."
    }


async def test_closing_leaves_nobody_who_was_only_just_started(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    async def meets_nobody(**_: object) -> None:
        started.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "open_unix_connection", meets_nobody)
    before = psutil.Process().children()
    room.spares.start()
    async with asyncio.timeout(10):
        await started.wait()
    assert len(psutil.Process().children()) == len(before) + 1
    await room.spares.close()
    assert psutil.Process().children() == before


async def test_closing_leaves_nobody(room: Room) -> None:
    pid = await loaded_spare(room)
    await room.spares.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
