"""A node none of whose workers would take a call says so to whoever asks with OPTIONS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ivr.ports import free_ports
from ivr.settings import Settings
from ivr.supervision import switch_gate
from ivr.supervision.switch_gate import SwitchGate
from ivr.telephony.freeswitch.client import EslClient
from tests.freeswitch import wire
from tests.freeswitch.conftest import Ring, Workers
from tests.freeswitch.listener import until
from tests.freeswitch.switch import SECRET, FreeSwitch

PAUSED, OURS = "fsctl pause_check inbound", "global_getvar ivr_paused"


class Door:
    """As much of FreeSWITCH's Event Socket as a gate uses."""

    def __init__(self) -> None:
        self.paused = False
        self.ours = ""
        self.commands: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Content-Type: auth/request\n\n")
        try:
            while True:
                line = (await reader.readuntil(b"\n\n")).decode().strip()
                if line.startswith("auth "):
                    writer.write(wire.reply("+OK accepted"))
                    continue
                command = line.removeprefix("api ")
                self.commands.append(command)
                writer.write(wire.api_reply(self._run(command)))
        except asyncio.IncompleteReadError:
            writer.close()

    def _run(self, command: str) -> str:
        match command.split():
            case ["fsctl", "pause_check", "inbound"]:
                return "true" if self.paused else "false"
            case ["fsctl", verb, "inbound"]:
                self.paused = verb == "pause"
            case ["global_getvar", _]:
                return self.ours
            case ["global_setvar", assignment]:
                self.ours = assignment.partition("=")[2]
        return "+OK"


@pytest.fixture
async def door() -> Door:
    return Door()


class Gate:
    """A gate that is watching, and what it is told about the workers."""

    def __init__(self, port: int) -> None:
        self.open = True
        self.gate = SwitchGate("127.0.0.1", port, SECRET, self._ready)
        self.task = asyncio.create_task(self.gate.watch())

    async def _ready(self) -> bool:
        return self.open

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.gate.shut()


@pytest.fixture
async def gate(door: Door, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gate]:
    monkeypatch.setattr(switch_gate, "EVERY_S", 0.01)
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    gate = Gate(server.sockets[0].getsockname()[1])
    yield gate
    await gate.leave()
    server.close()


async def test_it_shuts_and_opens_with_the_workers(door: Door, gate: Gate) -> None:
    gate.open = False
    await until(lambda: door.paused)
    gate.open = True
    await until(lambda: not door.paused)
    await until(lambda: door.ours == "no")


async def test_a_busy_moment_does_not_shut_it(door: Door, gate: Gate) -> None:
    looks = 0

    async def ready_every_third_time() -> bool:
        nonlocal looks
        looks += 1
        return looks % 3 == 0

    gate.gate._ready = ready_every_third_time
    await until(lambda: looks > 12)
    assert PAUSED not in door.commands
    assert not door.paused


async def test_a_switch_that_was_started_anew_is_shut_again(door: Door, gate: Gate) -> None:
    gate.open = False
    await until(lambda: door.paused)
    door.paused, door.ours = False, ""
    await until(lambda: door.paused)


async def test_what_an_operator_paused_stays_paused(door: Door, gate: Gate) -> None:
    door.paused = True
    gate.open = False
    await until(lambda: PAUSED in door.commands)
    gate.open = True
    door.commands.clear()
    await until(lambda: door.commands.count(OURS) > 2)
    assert door.paused


async def test_what_we_left_shut_is_opened_by_the_next_of_us(door: Door, gate: Gate) -> None:
    await gate.leave()
    assert door.paused
    server = await asyncio.start_server(door.serve, "127.0.0.1", 0)
    following = Gate(server.sockets[0].getsockname()[1])
    await until(lambda: not door.paused)
    await following.leave()
    server.close()


async def test_a_switch_that_is_not_there_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, door: Door
) -> None:
    monkeypatch.setattr(switch_gate, "EVERY_S", 0.01)
    (port,) = free_ports(1)
    gate = Gate(port)
    gate.open = False
    await asyncio.sleep(0.05)
    assert not gate.task.done()
    server = await asyncio.start_server(door.serve, "127.0.0.1", port)
    await until(lambda: door.paused)
    await gate.leave()
    server.close()


def test_without_a_password_there_is_no_gate() -> None:
    async def ready() -> bool:
        return True

    assert SwitchGate.of(Settings(event_socket_password=None), ready) == []


@pytest.mark.freeswitch
async def test_options_and_invite_are_refused_while_it_is_shut(
    freeswitch: FreeSwitch,
    ops: EslClient,
    ring: Ring,
    workers: Workers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switch_gate, "EVERY_S", 0.05)
    first = await ring()
    gate = Gate(freeswitch.event_socket_port)
    try:
        gate.open = False
        await until(lambda: not freeswitch.answers_options())
        assert not first.ended.is_set()
        gate.open = True
        await until(freeswitch.answers_options)
        await ring()
    finally:
        await gate.leave()
        await ops.api("fsctl resume inbound")
        await ops.api("global_setvar ivr_paused=no")
