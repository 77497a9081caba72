"""AMI against an Asterisk that misbehaves: a scripted peer that freezes, lies, tears and dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from uuid import UUID

import pytest
import structlog

from ivr.clock import Clock
from ivr.telephony.audiosocket.ami import AmiControl, AmiTimes
from ivr.telephony.call import Bridged, TransferFailed
from tests.clocks import HeldClock

CALL = UUID("11111111-2222-4333-8444-555555555555")
QUICK = AmiTimes(ping_every=0.05, ping=0.2, retry=0.05, retry_refused=0.2, login=0.5)


def announcement(**more: str) -> str:
    headers = {
        "Event": "UserEvent",
        "Channel": "PJSIP/trunk-00000001",
        "UserEvent": "IvrStart",
        "UUID": str(CALL),
        "Caller": "+911234",
        "CallerName": "Zo%C3%AB%0D%0AX: 1",
        "Called": "100",
        "IvrLanguage": "hi",
        **more,
    }
    return "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"


class Peer:
    """Speaks just enough AMI; `silent` makes it a frozen Asterisk."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.connections = 0
        self.silent = False
        self.secret = "right"
        self.replies: dict[str, str] = {}
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    def actions(self, name: str) -> list[dict[str, str]]:
        return [action for action in self.seen if action["Action"] == name]

    async def say(self, text: str, *, pieces: bool = False) -> None:
        data = text.encode()
        for writer in self._writers:
            for n in range(0, len(data), 1 if pieces else len(data)):
                writer.write(data[n : n + (1 if pieces else len(data))])
                await writer.drain()

    async def answer_last(self) -> None:
        """Answer what came last, and be silent no more."""
        self.silent = False
        await self.say(self._reply(self.seen[-1]))

    def drop(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                block = (await reader.readuntil(b"\r\n\r\n")).decode().strip()
                action = dict(line.split(": ", 1) for line in block.split("\r\n"))
                self.seen.append(action)
                if not self.silent:
                    writer.write(self._reply(action).encode())
        self._writers.discard(writer)
        writer.close()

    def _reply(self, action: dict[str, str]) -> str:
        reply = self.replies.get(action["Action"], "Response: Success\r\nMessage: fine")
        if action["Action"] == "Login" and action["Secret"] != self.secret:
            reply = "Response: Error\r\nMessage: Authentication failed"
        return f"{reply}\r\nActionID: {action['ActionID']}\r\n\r\n"


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    yield peer
    server.close()
    peer.drop()


@asynccontextmanager
async def control(
    peer: Peer, secret: str = "right", times: AmiTimes = QUICK, clock: Clock | None = None
) -> AsyncIterator[AmiControl]:
    ami = AmiControl("127.0.0.1", peer.port, "ivr", secret, times=times, clock=clock)
    await ami.start()
    try:
        yield ami
    finally:
        await ami.close()


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


async def connected(ami: AmiControl, peer: Peer, connections: int) -> None:
    await until(lambda: ami.connected and peer.connections == connections)


async def known(ami: AmiControl) -> None:
    async with asyncio.timeout(5):
        while await ami.info(CALL) is None:
            pass


async def test_an_announcement_is_understood_and_its_line_breaks_are_not_headers(
    peer: Peer,
) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement(), pieces=True)
        await known(ami)
        info = await ami.info(CALL)
    assert info is not None
    assert (info.caller, info.called, info.language) == ("+911234", "100", "hi")
    assert info.switch_channel == "PJSIP/trunk-00000001"
    assert info.variables["caller_name"] == "ZoëX: 1"


@pytest.mark.parametrize("name", ["Channel", "UUID", "Caller", "IvrLanguage"])
async def test_an_announcement_with_one_header_twice_is_not_believed(name: str, peer: Peer) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(f"Event: UserEvent\r\n{name}: forged\r\n" + announcement()[18:])
        assert await ami.info(CALL) is None
        await peer.say(announcement())
        await known(ami)


@pytest.mark.parametrize(
    ("presentation", "caller"),
    [
        ("allowed_not_screened", "+911234"),
        ("prohib_not_screened", ""),
        ("prohib_passed_screen", ""),
        ("prohib", ""),
    ],
)
async def test_a_number_that_is_withheld_is_not_told(
    peer: Peer, presentation: str, caller: str
) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement(Presentation=presentation))
        info = await ami.info(CALL)
        assert info is not None
        assert info.caller == caller


async def test_who_asks_early_gets_the_announcement_as_soon_as_it_comes(peer: Peer) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        asking = asyncio.create_task(ami.info(CALL))
        await asyncio.sleep(0)
        await peer.say(announcement())
        assert await asking is not None


async def test_what_an_earlier_try_told_is_not_believed_while_this_one_may_yet_tell(
    peer: Peer,
) -> None:
    clock = HeldClock()
    async with control(peer, clock=clock) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement(Bridged=""))
        await known(ami)
        clock.seconds += 60
        asking = asyncio.create_task(ami.info(CALL))
        await asyncio.sleep(0)
        await peer.say(announcement(Bridged="SUCCESS"))
        info = await asking
        assert info is not None
        assert info.bridged is Bridged.TALKED
        clock.seconds += 60
        assert await ami.info(CALL) == info, "nothing newer came"


async def test_an_unannounced_call_is_waited_for_a_quarter_of_a_second(peer: Peer) -> None:
    loop = asyncio.get_running_loop()
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        began = loop.time()
        assert await ami.info(CALL) is None
        assert 0.24 <= loop.time() - began < 1.0


async def test_without_a_connection_nobody_waits() -> None:
    loop = asyncio.get_running_loop()
    ami = AmiControl("127.0.0.1", 1, "ivr", "x", times=QUICK)
    await ami.start()
    began = loop.time()
    assert await ami.info(CALL) is None
    assert loop.time() - began < 0.1
    with pytest.raises(TransferFailed, match="away"):
        await ami.set_next(CALL, "agent")
    await ami.close()


async def test_a_wrong_secret_is_said_once_and_tried_again_slowly(peer: Peer) -> None:
    with structlog.testing.capture_logs() as logs:
        async with control(peer, secret="wrong") as ami:
            await until(lambda: len(peer.actions("Login")) >= 2)
            assert not ami.connected
            said = [entry["reason"] for entry in logs if entry["event"] == "ami_away"]
            assert len(said) == 1
            assert "refuses the manager user 'ivr'" in said[0]
            assert "IVR_AMI_SECRET" in said[0]
            peer.secret = "wrong"
            assert await ami.wait_connected(5)


async def test_a_frozen_asterisk_is_noticed_and_left(peer: Peer) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        peer.silent = True
        await until(lambda: not ami.connected)
        peer.silent = False
        assert await ami.wait_connected(5)
        assert peer.connections >= 2


async def test_a_verdict_that_is_not_taken_in_time_fails(peer: Peer) -> None:
    loop = asyncio.get_running_loop()
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement())
        await known(ami)
        peer.silent = True
        began = loop.time()
        with pytest.raises(TransferFailed):
            await ami.set_next(CALL, "hangup")
        assert loop.time() - began < 0.7


async def test_a_lost_connection_fails_what_waits_and_is_not_repeated_on_the_next(
    peer: Peer,
) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement())
        await known(ami)
        peer.silent = True
        verdict = asyncio.create_task(ami.set_next(CALL, "hangup"))
        await until(lambda: bool(peer.actions("Setvar")))
        peer.drop()
        with pytest.raises(TransferFailed):
            await verdict
        peer.silent = False
        await until(lambda: peer.connections >= 2)
        assert await ami.wait_connected(5)
        await until(lambda: peer.seen[-1]["Action"] == "Ping")
        assert len(peer.actions("Setvar")) == 1
        assert (await ami.info(CALL)) is not None  # what was known stays known


async def test_a_verdict_waits_for_a_lost_connection_to_come_back(peer: Peer) -> None:
    async with control(peer, times=replace(QUICK, retry=60)) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement())
        await known(ami)
        peer.silent = True
        peer.drop()
        await until(lambda: len(peer.actions("Login")) == 2)
        verdict = asyncio.create_task(ami.set_next(CALL, "hangup"))
        await asyncio.sleep(0.05)
        assert not ami.connected
        await peer.answer_last()
        await verdict
        (setvar,) = peer.actions("Setvar")
        assert setvar["Variable"] == "IVR_NEXT"


async def test_an_asterisk_that_hangs_up_on_us_again_and_again_is_not_hammered(
    peer: Peer,
) -> None:
    async with control(peer, times=replace(QUICK, retry=60)) as ami:
        assert await ami.wait_connected(5)
        peer.drop()
        await connected(ami, peer, 2)
        peer.drop()
        await until(lambda: not ami.connected)
        assert not await ami.wait_connected(0.3)
        assert peer.connections == 2


async def test_each_loss_is_said(peer: Peer) -> None:
    with structlog.testing.capture_logs() as logs:
        async with control(peer) as ami:
            for connections in (1, 2, 3):
                await connected(ami, peer, connections)
                peer.drop()
            await until(lambda: peer.connections == 4)
    assert [entry["event"] for entry in logs].count("ami_away") == 3


async def test_a_verdict_is_set_on_the_channel(peer: Peer) -> None:
    peer.replies["Getvar"] = "Response: Success\r\nValue: 1"
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement())
        await known(ami)
        await ami.set_next(CALL, "agent")
    (setvar,) = peer.actions("Setvar")
    assert setvar["Channel"] == "PJSIP/trunk-00000001"
    assert (setvar["Variable"], setvar["Value"]) == ("IVR_NEXT", "agent")
    (getvar,) = peer.actions("Getvar")
    assert getvar["Variable"] == "DIALPLAN_EXISTS(ivr-transfer,agent,1)"


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ({"Getvar": "Response: Success\r\nValue: 0"}, "no destination 'agent'"),
        (
            {
                "Getvar": "Response: Success\r\nValue: 1",
                "Setvar": "Response: Error\r\nMessage: No such channel",
            },
            "No such channel",
        ),
    ],
)
async def test_a_refused_verdict_is_a_failed_transfer(
    peer: Peer, replies: dict[str, str], message: str
) -> None:
    peer.replies.update(replies)
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement())
        await known(ami)
        with pytest.raises(TransferFailed, match=message):
            await ami.set_next(CALL, "agent")


@pytest.mark.parametrize("verdict", ["", "Agent", "a\r\nAction: Originate", "a,1)}", "x" * 33])
async def test_a_verdict_that_is_no_name_never_leaves(peer: Peer, verdict: str) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement())
        await known(ami)
        with pytest.raises(TransferFailed, match="no name"):
            await ami.set_next(CALL, verdict)
        assert not peer.actions("Setvar")
        assert not peer.actions("Originate")


async def test_line_breaks_in_a_channel_name_do_not_become_headers(peer: Peer) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        await peer.say(announcement(Channel="PJSIP/x\rAction: Originate\nb"))
        await known(ami)
        await ami.set_next(CALL, "hangup")
    (setvar,) = peer.actions("Setvar")
    assert setvar["Channel"] == "PJSIP/xAction: Originateb"


@pytest.mark.parametrize(
    "garbage",
    [
        "Event: UserEvent\r\n\r\n",
        "Event: UserEvent\r\nUserEvent: IvrStart\r\nUUID: no\r\n\r\n",
        "Event: UserEvent\r\nUserEvent: IvrStart\r\nUUID: a\r\nUUID: b\r\n\r\n",
        "Event: Shutdown\r\nShutdown: Cleanly\r\n\r\n",
        "Response: Success\r\nActionID: nobody\r\n\r\n",
        "Response: \r\n\r\n",
        "\r\n\r\n\r\n\r\n",
        "x" * 2_000_000,
    ],
)
async def test_whatever_it_says_the_control_side_is_there_again(peer: Peer, garbage: str) -> None:
    async with control(peer) as ami:
        assert await ami.wait_connected(5)
        with suppress(OSError):
            await peer.say(garbage)
        pings = len(peer.actions("Ping"))
        await until(lambda: len(peer.actions("Ping")) >= pings + 3)
        await peer.say(announcement())
        await known(ami)


async def test_closing_ends_everything_also_while_it_waits_to_reconnect(peer: Peer) -> None:
    before = asyncio.all_tasks()
    ami = AmiControl("127.0.0.1", peer.port, "ivr", "right", times=QUICK)
    await ami.start()
    for connections in (1, 2):
        await connected(ami, peer, connections)
        peer.drop()
    await until(lambda: not ami.connected)
    await ami.close()
    await ami.close()
    seen = peer.connections
    await asyncio.sleep(0.2)  # longer than the pause before a reconnect
    assert peer.connections == seen
    assert asyncio.all_tasks() - before <= {
        task for task in asyncio.all_tasks() if "Peer.serve" in repr(task)
    }
