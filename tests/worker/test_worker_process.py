"""`ivrctl worker` as a process: how it drains, what it says of itself, what it logs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ivr.ports import free_ports
from ivr.settings import PROJECT
from ivr.telephony.media_clock import MediaClock
from tests.e2e.stack import Stack, until
from tests.worker.flow import DOCUMENT
from tests.worker.line import Line

pytestmark = [pytest.mark.postgres, pytest.mark.redis]


@dataclass
class Process:
    """A worker that was started by hand."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int
    http_port: int

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=2)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ready(self) -> tuple[int, dict[str, Any]]:
        status, body = self.get("/ready")
        return status, json.loads(body)

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged; every line must be an event."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def of_call(self, call_id: UUID) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("call_id") == str(call_id)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Its stores and its voice are the workers' neighbours."""
    with Stack(tmp_path_factory.mktemp("neighbours") / "var") as running:
        yield running


@contextmanager
def running(stack: Stack, folder: Path, settings: Mapping[str, str]) -> Iterator[Process]:
    notes = stack.notes
    flow = folder / "short.json"
    flow.write_text(json.dumps(DOCUMENT))
    port, http_port = free_ports(2)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(PROJECT),
        "IVR_VAR_DIR": str(stack.folder),
        "IVR_WORKER_NAME": f"by-hand-{port}",
        "IVR_FLOW": str(flow),
        "IVR_AUDIOSOCKET_PORT": str(port),
        "IVR_FREESWITCH_PORT": "0",
        "IVR_HTTP_PORT": str(http_port),
        "IVR_DATABASE_URL": str(notes.database_url),
        "IVR_REDIS_URL": str(notes.redis_url),
        "IVR_SYNTHESIS_URL": str(notes.synthesis_url),
        **settings,
    }
    log = folder / "worker.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "ivr.cli.main", "worker"], env=environment, stderr=stderr
        )
    worker = Process(process, log, port, http_port)

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return worker.get("/ready")[0] == 200
        except OSError:
            return False

    try:
        until(is_ready, 30, "the worker is ready")
        yield worker
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except (ConnectionRefusedError, ConnectionResetError):
        # Reset: the listener was shut with us in its queue.
        return True
    return False


async def wait_for(met: Callable[[], bool], within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not met():
            await asyncio.sleep(0.02)


async def test_it_drains(stack: Stack, tmp_path: Path) -> None:
    with running(stack, tmp_path, {"IVR_DRAIN_S": "30"}) as worker:
        clock = MediaClock()
        line = await Line.ring(worker.port, clock)
        await asyncio.wait_for(line.bot_heard.wait(), 5)
        worker.process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        await wait_for(lambda: refused(worker.port))
        assert time.monotonic() - asked < 1.0
        status, body = await asyncio.to_thread(worker.ready)
        assert (status, body) == (503, {"ready": False, "live_calls": 1, "reason": "draining"})
        assert (await asyncio.to_thread(worker.get, "/live"))[0] == 200
        # The caller notices nothing: what they ask for is answered.
        line.press("1")
        line.listen_anew()
        await asyncio.wait_for(line.bot_heard.wait(), 5)
        assert worker.process.poll() is None
        line.press("2")
        await asyncio.wait_for(line.over.wait(), 10)
        assert line.hung_up
        assert await asyncio.to_thread(worker.process.wait, 5) == 0
        events = [entry["event"] for entry in worker.lines()]
        assert events.count("draining") == 1
        assert events[-1] == "worker_stopped"


async def test_a_worker_without_calls_ends_at_once(stack: Stack, tmp_path: Path) -> None:
    with running(stack, tmp_path, {"IVR_DRAIN_S": "30"}) as worker:
        worker.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.process.wait, 5) == 0


async def test_it_drains_no_longer_than_it_may(stack: Stack, tmp_path: Path) -> None:
    with running(stack, tmp_path, {"IVR_DRAIN_S": "1"}) as worker:
        line = await Line.ring(worker.port, MediaClock())
        await asyncio.wait_for(line.bot_heard.wait(), 5)
        worker.process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        assert await asyncio.to_thread(worker.process.wait, 10) == 0
        assert 0.9 < time.monotonic() - asked < 5
        await asyncio.wait_for(line.over.wait(), 5)
        # As when a worker dies: the dialplan takes the caller to the next one.
        assert line.was_reset
        assert not line.hung_up


async def test_it_says_that_it_is_full(stack: Stack, tmp_path: Path) -> None:
    with running(stack, tmp_path, {"IVR_MAX_CALLS": "1"}) as worker:
        clock = MediaClock()
        first = await Line.ring(worker.port, clock)
        await asyncio.wait_for(first.bot_heard.wait(), 5)
        status, body = await asyncio.to_thread(worker.ready)
        assert (status, body) == (503, {"ready": False, "live_calls": 1, "reason": "full"})
        metrics = (await asyncio.to_thread(worker.get, "/metrics"))[1]
        assert "ivr_calls_live 1.0" in metrics.splitlines()
        second = await Line.ring(worker.port, clock)
        await asyncio.wait_for(second.over.wait(), 5)
        assert second.was_reset
        first.close()
        await asyncio.wait_for(first.over.wait(), 5)
        await asyncio.to_thread(until, lambda: worker.ready()[0] == 200, 5, "it is ready again")
        metrics = (await asyncio.to_thread(worker.get, "/metrics"))[1]
        assert 'ivr_calls_total{cause="caller"} 1.0' in metrics.splitlines()


@contextmanager
def held_up(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """The worker gets a processor for 10 ms of every 110."""
    over = threading.Event()

    def hold() -> None:
        while not over.wait(0.01):
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.1)
            process.send_signal(signal.SIGCONT)

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        yield
    finally:
        over.set()
        holding.join()


async def test_it_says_that_it_is_busy_and_then_that_it_recovers(
    stack: Stack, tmp_path: Path
) -> None:
    with running(stack, tmp_path, {}) as worker:
        clock = MediaClock()

        async def ring() -> Line:
            line = await Line.ring(worker.port, clock)
            await asyncio.wait_for(line.bot_heard.wait(), 5)
            return line

        async def until_it_says(status: int, live_calls: int, reason: str | None) -> None:
            expected: dict[str, Any] = {"ready": reason is None, "live_calls": live_calls}
            if reason is not None:
                expected["reason"] = reason
            await asyncio.to_thread(
                until, lambda: worker.ready() == (status, expected), 15, f"/ready says {reason}"
            )

        lines = [await ring(), await ring()]
        with held_up(worker.process):
            await until_it_says(503, 2, "busy")
            refused_one = await Line.ring(worker.port, clock)
            await asyncio.wait_for(refused_one.over.wait(), 5)
            assert refused_one.was_reset
        await until_it_says(200, 2, None)
        # One more than it is known to carry; the next has to wait.
        lines.append(await ring())
        await until_it_says(503, 3, "recovering")
        await until_it_says(200, 3, None)
        lines.append(await ring())
        told = [line["event"] for line in worker.lines() if line["event"].startswith("takes_")]
        assert told == ["takes_no_calls", "takes_calls_again"]
        for line in lines:
            line.close()


async def test_one_line_an_event_with_call_and_turn(stack: Stack, tmp_path: Path) -> None:
    with running(stack, tmp_path, {"IVR_LOG_LEVEL": "debug"}) as worker:
        clock = MediaClock()
        lines = [await Line.ring(worker.port, clock) for _ in range(2)]
        for line in lines:
            await asyncio.wait_for(line.bot_heard.wait(), 5)
            # A key in mid-sentence: the bot is interrupted.
            line.press("2")
        for line in lines:
            await asyncio.wait_for(line.over.wait(), 10)
        await wait_for(
            lambda: sum(entry["event"] == "call_finished" for entry in worker.lines()) == 2
        )
        for line in lines:
            events = worker.of_call(line.call_id)
            aside = {"state", "waterfall"}
            names = [entry["event"] for entry in events if entry["event"] not in aside]
            assert names == ["call_started", "turn", "barge_in", "turn", "turn", "call_finished"]
            said = [
                (entry["turn"], entry["who"], entry["text"])
                for entry in events
                if entry["event"] == "turn"
            ]
            assert [(number, who) for number, who, _ in said] == [
                *((1, "bot"), (2, "caller"), (3, "bot")),
            ]
            assert said[1][2] == "2"
            for entry in events:
                assert {"at", "level", "worker", "call_id", "turn", "event"} <= entry.keys()
        # Nothing else was logged of a call without naming it. What an earlier test's worker had not
        # sent to the database yet is adopted.
        nameless = {"worker_ready", "redis_back", "journal_adopted"}
        assert {entry["event"] for entry in worker.lines() if "call_id" not in entry} <= nameless
