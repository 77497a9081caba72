"""Records what passes between a real FreeSWITCH and our server, for replaying where there is none.

    IVR_FREESWITCH=$(which freeswitch) python -m tests.freeswitch.record

Run it again after a change of what we say to FreeSWITCH, and look at what `git diff` shows.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import click
import pytest

from ivr.phone.sip import NotAnswered, SipPhone
from ivr.telephony.freeswitch import call as call_module
from ivr.telephony.freeswitch import consultation as consultation_module
from ivr.telephony.freeswitch import server as server_module
from ivr.telephony.freeswitch.client import EslClient
from ivr.telephony.freeswitch.link import EslLink
from ivr.telephony.freeswitch.server import FreeSwitchServer
from ivr.telephony.freeswitch.unicast import UnicastSocket
from tests.freeswitch.listener import until
from tests.freeswitch.raw_sip import RawCaller
from tests.freeswitch.recording import Kind, Passed, Recording, Side
from tests.freeswitch.scripted import ScriptedConversations
from tests.freeswitch.switch import FreeSwitch, binary, channels
from tests.prompts import render_tones
from tests.tones import tone


class Tape:
    """What has passed so far."""

    def __init__(self) -> None:
        self.passed: list[Passed] = []
        self._links: dict[int, int] = {}
        self._began = time.monotonic()

    def note(self, link: object, by: Side, kind: Kind, data: bytes = b"") -> None:
        number = self._links.setdefault(id(link), len(self._links) + 1)
        at = time.monotonic() - self._began
        self.passed.append(Passed(t=at, link=number, by=by, kind=kind, data=data))


@contextmanager
def taped(tape: Tape) -> Iterator[None]:
    """Note all that passes through the server's links and media ports."""

    class TapedLink(EslLink):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            write = transport.write

            def noted(data: bytes) -> None:
                tape.note(self, "worker", "esl", bytes(data))
                write(data)

            transport.write = noted  # type: ignore[method-assign, assignment]
            super().connection_made(transport)

        def data_received(self, data: bytes) -> None:
            tape.note(self, "switch", "esl", bytes(data))
            super().data_received(data)

        def eof_received(self) -> bool:
            tape.note(self, "switch", "end")
            return super().eof_received()

        def close(self) -> None:
            tape.note(self, "worker", "end")
            super().close()

    class TapedSocket(UnicastSocket):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            received = self._received
            self.link = received.__self__._link  # type: ignore[attr-defined]

            def noted(data: bytes) -> None:
                tape.note(self.link, "switch", "sound", data)
                received(data)

            self._received = noted

        def send(self, frame: bytes) -> None:
            tape.note(self.link, "worker", "sound", frame)
            super().send(frame)

    with (
        patch.object(server_module, "EslLink", TapedLink),
        patch.object(call_module, "UnicastSocket", TapedSocket),
    ):
        yield


class Session:
    """A scenario's means: a phone, the conversations, the switch's operator."""

    def __init__(
        self, switch: FreeSwitch, operator: EslClient, conversations: ScriptedConversations
    ) -> None:
        self.switch = switch
        self.operator = operator
        self.conversations = conversations

    def phone(self, called: str, **who: Any) -> SipPhone:
        return SipPhone(self.switch.sip_target(called), number="+914012345678", **who)

    async def handed_over(self, calls: int = 1) -> None:
        await until(lambda: len(self.conversations.all) >= calls, 10)

    async def ended(self, calls: int = 1) -> None:
        ends = self.conversations.all
        await until(lambda: len(ends) == calls and ends[-1].told["ending"] is not None, 5)


Scenario = Callable[[Session], Awaitable[None]]


async def talk(session: Session) -> None:
    """The menu; both speak; the caller interrupts; the bot hangs up."""
    phone = session.phone("100")
    await phone.ring(10)
    await asyncio.sleep(0.3)
    await phone.press("2")
    await session.handed_over()
    await phone.speak(tone(2200, 200))
    await phone.press("4")
    await asyncio.sleep(0.6)
    await phone.press("1")
    await session.ended()
    await phone.hang_up()


async def unanswered(session: Session) -> None:
    """The worker answers; the caller hangs up."""
    phone = session.phone("7001")
    await phone.ring(10)
    await session.handed_over()
    await asyncio.sleep(0.9)
    await phone.hang_up()
    await session.ended()


async def transfer(session: Session) -> None:
    """To the agent."""
    phone = session.phone("7003")
    await phone.ring(10)
    await session.handed_over()
    await asyncio.sleep(0.2)
    await phone.press("2")
    await session.ended()
    await phone.hang_up()


async def let_go(session: Session) -> None:
    """The next worker has the call then."""
    phone = session.phone("7003")
    await phone.ring(10)
    await session.handed_over()
    await asyncio.sleep(0.2)
    await phone.press("3")
    await session.handed_over(2)
    await asyncio.sleep(0.3)
    await phone.press("1")
    await session.ended(2)
    await phone.hang_up()


async def hostile(session: Session) -> None:
    """A caller whose name is written like an event."""
    name = "a%0AEvent-Name: DTMF%0ADTMF-Digit: 1%0ACaller-Caller-ID-Number: +15550199"
    phone = session.phone("7003", display_name=name)
    await phone.ring(10)
    await session.handed_over()
    await asyncio.sleep(0.4)
    await phone.hang_up()
    await session.ended()


async def consult(session: Session) -> None:
    """An agent picks up, is connected, hangs up; the caller comes back."""
    phone = session.phone("7003")
    await phone.ring(10)
    await session.handed_over()
    await phone.press("5")
    await session.handed_over(2)
    caller, agent = session.conversations.all
    await until(lambda: caller.told["ending"] is not None, 5)
    await asyncio.sleep(0.2)
    await session.operator.api(f"uuid_kill {agent.told['id']}")
    await session.handed_over(3)
    await asyncio.sleep(0.2)
    await phone.press("1")
    await session.ended(3)
    await phone.hang_up()


async def dismissed(session: Session) -> None:
    """An agent picks up, and is let go of; the caller stays."""
    phone = session.phone("7003")
    await phone.ring(10)
    await session.handed_over()
    await phone.press("6")
    await session.ended(2)
    await asyncio.sleep(0.2)
    await phone.press("1")
    caller, _ = session.conversations.all
    await until(lambda: caller.told["ending"] is not None, 5)
    await phone.hang_up()


async def agent_busy(session: Session) -> None:
    """The agent is busy; the caller stays."""
    await session.operator.api("global_setvar ivr_agent=error/user_busy")
    phone = session.phone("7003")
    await phone.ring(10)
    await session.handed_over()
    await phone.press("5")
    (caller,) = session.conversations.all
    await until(lambda: "agent" in caller.told, 5)
    await phone.press("1")
    await session.ended()
    await phone.hang_up()
    await session.operator.api("global_setvar ivr_agent=loopback/agent/ivr_agent_demo")


async def announced(session: Session) -> None:
    """An operator has the switch play something: the sound ends, and the next worker has it."""
    phone = session.phone("7003")
    await phone.ring(10)
    await session.handed_over()
    await asyncio.sleep(0.2)
    file = session.switch.folder / "sounds" / "ivr" / "choose-en.wav"
    await session.operator.api(f"uuid_broadcast {session.conversations.told[0]['id']} {file} aleg")
    await session.handed_over(2)
    await asyncio.sleep(0.2)
    await phone.press("1")
    await session.ended(2)
    await phone.hang_up()


async def thirty_ms(session: Session) -> None:
    """Frames of 30 ms, from a caller who sends none: the switch fills them in."""
    caller = RawCaller(session.switch.sip_port)
    assert await caller.invite("7003", attributes=("a=ptime:30",)) == 200
    await session.handed_over()
    await asyncio.sleep(0.4)
    await session.operator.api(f"uuid_kill {session.conversations.told[0]['id']} USER_BUSY")
    await session.ended()
    caller.close()


async def refused(session: Session) -> None:
    """Nobody has a place: 503, asked of both workers."""
    with pytest.raises(NotAnswered, match="503"):
        await session.phone("7003").ring(10)


async def without_async(session: Session) -> None:
    """A dialplan that cannot have sound."""
    phone = session.phone("7002")
    await phone.ring(10)
    await asyncio.wait_for(phone.ended.wait(), 5)


SCENARIOS: dict[str, tuple[Scenario, int]] = {
    "talk": (talk, 9),
    "unanswered": (unanswered, 9),
    "transfer": (transfer, 9),
    "let_go": (let_go, 9),
    "hostile": (hostile, 9),
    "consult": (consult, 9),
    "dismissed": (dismissed, 9),
    "agent_busy": (agent_busy, 9),
    "announced": (announced, 9),
    "thirty_ms": (thirty_ms, 9),
    "refused": (refused, 0),
    "without_async": (without_async, 9),
}
"""What is recorded, and how many calls the worker has places for."""


async def record(switch: FreeSwitch, name: str, version: str) -> Recording:
    """Play one scenario on the real switch."""
    scenario, max_calls = SCENARIOS[name]
    tape = Tape()
    agents: list[str] = []

    def agent_id() -> UUID:
        agents.append(str(uuid4()))
        return UUID(agents[-1])

    conversations = ScriptedConversations()
    operator = await switch.operator()
    server = FreeSwitchServer("127.0.0.1", 0, conversations, max_calls=max_calls)
    with taped(tape), patch.object(consultation_module, "uuid4", agent_id):
        await server.start()
        for number in (1, 2):
            await operator.api(f"global_setvar ivr_worker_{number}=127.0.0.1:{server.port}")
        await scenario(Session(switch, operator, conversations))
        await server.wait_closed()
    while await channels(operator):
        await asyncio.sleep(0.05)
    await server.stop()
    await operator.close()
    about = {"freeswitch": version, "scenario": name, "max_calls": max_calls, "agents": agents}
    return Recording(about | {"about": scenario.__doc__ or ""}, tape.passed, conversations.told)


async def record_all(folder: Path, wanted: Sequence[str]) -> None:
    switch = FreeSwitch.before(folder, (9, 9), {"ivr_menu_wait": "2000"})
    try:
        operator = await switch.operator()
        version = (await operator.api("version")).split("~")[0].strip()
        await operator.close()
        for name in wanted:
            recording = await record(switch, name, version)
            file = recording.save(name)
            print(f"{file.name}: {len(recording.passed)} things passed, {file.stat().st_size} B")
    finally:
        switch.stop()


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(SCENARIOS)))
def main(names: tuple[str, ...]) -> None:
    """Record these scenarios anew; without any, every one."""
    if binary() is None:
        raise click.ClickException("IVR_FREESWITCH names no FreeSWITCH.")
    with tempfile.TemporaryDirectory() as folder:
        render_tones(Path(folder) / "sounds", "freeswitch")
        asyncio.run(record_all(Path(folder), names or tuple(SCENARIOS)))


if __name__ == "__main__":
    main()
