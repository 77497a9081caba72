"""Kamailio in front of a real FreeSWITCH: TLS, SRTP and draining."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ivr.phone.sip import NotAnswered, SipPhone
from ivr.ports import free_ports
from ivr.settings import PROJECT
from ivr.telephony.freeswitch.server import FreeSwitchServer
from tests.freeswitch.listener import Conversations
from tests.freeswitch.switch import SECRET, FreeSwitch, without_freeswitch
from tests.prompts import render_tones
from tests.sip.caller import Caller
from tests.sip.conftest import sockets_of
from tests.sip.draining import Draining, ivrctl_nodes
from tests.sip.edge import STRANGER, TRUNK, Edge
from tests.sip.ivrctl import ivrctl_calls
from tests.sip.node import ScriptedNode
from tests.sip.records import Cdrs
from tests.sip.secure_edge import SecureEdge
from tests.tones import PROMPT_HZ, clearest, heard, tone

pytestmark = [pytest.mark.kamailio, pytest.mark.freeswitch]

BOT_HZ, CALLER_HZ = 1100.0, 1700.0
ENGLISH = "7003"
"""A number without a menu."""


@pytest.fixture
async def conversations() -> AsyncIterator[tuple[Conversations, int]]:
    """A worker that sings, and its port."""
    found = Conversations(tone(BOT_HZ, 2000))
    server = FreeSwitchServer("127.0.0.1", 0, found)
    await server.start()
    yield found, server.port
    await server.stop()


@pytest.fixture
def secure_freeswitch(
    tmp_path: Path, conversations: tuple[Conversations, int]
) -> Iterator[FreeSwitch]:
    """One that takes no sound in the clear, and listens on TLS as well."""
    without_freeswitch()
    folder = tmp_path / "freeswitch"
    render_tones(folder / "sounds", "freeswitch")
    keys = folder / "tls"
    subprocess.run([PROJECT / "scripts" / "tls_certificate.sh", keys], check=True)
    pair = (keys / "tls.key").read_bytes() + (keys / "tls.pem").read_bytes()
    (keys / "agent.pem").write_bytes(pair)
    (keys / "cafile.pem").write_bytes((keys / "tls.pem").read_bytes())
    (tls_port,) = free_ports(1)
    switch = FreeSwitch.before(
        folder,
        (conversations[1],),
        {
            "ivr_tls": "true",
            "ivr_tls_port": str(tls_port),
            "ivr_tls_dir": str(keys),
            "rtp_secure_media_inbound": "mandatory",
        },
    )
    yield switch
    switch.stop()


def trusting(switch: FreeSwitch) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(switch.folder / "tls" / "tls.pem"))


async def talks(phone: SipPhone, switch: FreeSwitch, conversations: Conversations) -> None:
    """Sound goes both ways, all of it is encrypted, and FreeSWITCH adds nothing to it."""
    await phone.ring(10)
    await phone.speak(tone(CALLER_HZ, 800))
    await heard(phone.handset, BOT_HZ)
    async with asyncio.timeout(10):
        listener = await conversations.next()
        while clearest(b"".join(listener.frames), CALLER_HZ) < 0.8:
            await asyncio.sleep(0.05)
    assert phone.media.packets_refused == 0
    operator = await switch.operator()
    silence = await operator.api(f"uuid_getvar {listener.call.id} send_silence_when_idle")
    await operator.close()
    # Which of two senders is heard is chance: one call of 16 was silent when it was not 0.
    assert silence.strip() == "0"
    await phone.hang_up()
    assert phone.end_reason == "we hung up"


async def test_a_call_through_tls_and_srtp(
    edge_programs: None,
    secure_freeswitch: FreeSwitch,
    conversations: tuple[Conversations, int],
    tmp_path: Path,
) -> None:
    """TLS as far as Kamailio, SRTP as far as FreeSWITCH."""
    edge = SecureEdge(
        tmp_path / "edge", {"freeswitch-1": f"127.0.0.1:{secure_freeswitch.sip_port}"}
    )
    await asyncio.to_thread(edge.start)
    phone = SipPhone(f"sip:{ENGLISH}@127.0.0.1:{edge.tls_port}", tls=edge.trusted, srtp=True)
    try:
        await talks(phone, secure_freeswitch, conversations[0])
    finally:
        await phone.hang_up()
        await asyncio.to_thread(edge.stop)


async def test_a_call_by_tls_to_freeswitch_itself(
    secure_freeswitch: FreeSwitch, conversations: tuple[Conversations, int]
) -> None:
    port = secure_freeswitch.values["ivr_tls_port"]
    phone = SipPhone(f"sip:{ENGLISH}@127.0.0.1:{port}", tls=trusting(secure_freeswitch), srtp=True)
    try:
        await talks(phone, secure_freeswitch, conversations[0])
    finally:
        await phone.hang_up()


async def test_sound_in_the_clear_is_refused_where_srtp_is_mandatory(
    secure_freeswitch: FreeSwitch,
) -> None:
    phone = SipPhone(secure_freeswitch.sip_target(ENGLISH))
    with pytest.raises(NotAnswered) as refused:
        await phone.ring(10)
    await phone.hang_up()
    assert refused.value.status == 488


@pytest.fixture
def freeswitches(
    tmp_path: Path, conversations: tuple[Conversations, int]
) -> Iterator[tuple[FreeSwitch, FreeSwitch]]:
    """Two, whose calls go to one worker."""
    without_freeswitch()
    pair = []
    try:
        for name in ("one", "two"):
            folder = tmp_path / name
            render_tones(folder / "sounds", "freeswitch")
            pair.append(FreeSwitch.before(folder, (conversations[1],)))
        yield pair[0], pair[1]
    finally:
        for switch in pair:
            switch.stop()


async def test_neither_number_nor_headers_of_a_stranger_reach_the_worker(
    edge_programs: None,
    freeswitches: tuple[FreeSwitch, FreeSwitch],
    conversations: tuple[Conversations, int],
    tmp_path: Path,
) -> None:
    (tmp_path / "edge").mkdir()
    edge = Edge(
        tmp_path / "edge",
        {"freeswitch-1": f"127.0.0.1:{freeswitches[0].sip_port}"},
        defines={"IVR_STRANGERS": "1"},
    )
    await asyncio.to_thread(edge.start)
    claims = (
        ("P-Asserted-Identity", '"Boss" <sip:+15550001@bank.example>'),
        ("Remote-Party-ID", '"Boss" <sip:+15550001@bank.example>;party=calling'),
        ("X-Account", "447123"),
    )
    seen = []
    try:
        for count, (host, number, more) in enumerate(
            (
                (STRANGER, "+15550009", claims),
                (TRUNK, "+15550009", claims),
                (TRUNK, "+1555%5B/x%5D0009", ()),
            ),
            1,
        ):
            who = Caller(edge.port)
            await who.open(host)
            call = who.ring(ENGLISH, *more, number=number, name="Chief")
            assert await call.status() == 200
            seen.append((await conversations[0].next(count)).call.info)
            assert await who.hang_up(call) == 200
            who.close()
    finally:
        await asyncio.to_thread(edge.stop)
    stranger, trunk, odd = seen
    for claimed in ("5550001", "5550009", "447123", "Boss", "Chief"):
        assert claimed not in repr((stranger.caller, stranger.variables))
    assert (stranger.caller, stranger.variables["caller_name"]) == ("", "")
    assert (trunk.caller, trunk.variables["caller_name"]) == ("+15550001", "Boss")
    assert odd.caller == "+15550009"


async def test_an_agent_outside_is_rung_through_the_edge(
    edge_programs: None,
    freeswitches: tuple[FreeSwitch, FreeSwitch],
    conversations: tuple[Conversations, int],
    tmp_path: Path,
) -> None:
    """As docs/sip.md writes it into the node's configuration."""
    carrier = ScriptedNode()
    await carrier.open("127.0.0.41")
    (tmp_path / "edge").mkdir()
    edge = Edge(
        tmp_path / "edge",
        {"freeswitch-1": f"127.0.0.1:{freeswitches[0].sip_port}"},
        ways_out=[carrier.address],
    )
    await asyncio.to_thread(edge.start)
    values = freeswitches[0].folder / "conf" / "local" / "test.xml"
    agent = f"sofia/external/+914012345678@127.0.0.1:{edge.port}"
    line = f'<X-PRE-PROCESS cmd="set" data="ivr_agent={agent}"/>'
    values.write_text(values.read_text().replace("</include>", f"{line}\n</include>"))
    operator = await freeswitches[0].operator()
    await operator.api("reloadxml")
    await operator.close()
    phone = SipPhone(edge.target(ENGLISH), number="+914055500002")
    try:
        await phone.ring(10)
        listener = await conversations[0].next()
        await listener.call.transfer("agent")
        async with asyncio.timeout(10):
            while not carrier.seen("ACK"):
                await asyncio.sleep(0.05)
        (invite,) = carrier.invites
        assert invite.uri == f"sip:+914012345678@{carrier.address}"
        assert not [name for name, _ in invite.headers if name.startswith("X-IVR")]
        await phone.hang_up()
        async with asyncio.timeout(10):
            while not carrier.seen("BYE"):
                await asyncio.sleep(0.05)
    finally:
        await phone.hang_up()
        carrier.close()
        await asyncio.to_thread(edge.stop)


@pytest.mark.parametrize("way", ["ivrctl", "fsctl pause"])
async def test_a_drained_freeswitch_finishes_its_calls_and_takes_none(
    way: str,
    edge_programs: None,
    freeswitches: tuple[FreeSwitch, FreeSwitch],
    tmp_path: Path,
    cdrs: Cdrs,
) -> None:
    names = ("freeswitch-1", "freeswitch-2")
    (tmp_path / "edge").mkdir()
    edge = Edge(
        tmp_path / "edge",
        {
            name: f"127.0.0.1:{switch.sip_port}"
            for name, switch in zip(names, freeswitches, strict=True)
        },
        sockets=sockets_of(cdrs.url),
    )
    await asyncio.to_thread(edge.start)
    caller = Caller(edge.port)
    await caller.open(TRUNK)
    operators = {
        name: await switch.operator() for name, switch in zip(names, freeswitches, strict=True)
    }

    async def had(name: str) -> int:
        status = await operators[name].api("status")
        return int(re.search(r"(\d+) session\(s\) since startup", status)[1])  # type: ignore[index]

    async def let_go(count: int) -> None:
        listing = await operators[names[0]].api("show channels as json")
        for row in json.loads(listing)["rows"][:count]:
            await operators[names[0]].api(f"uuid_kill {row['uuid']}")

    async def drain() -> str:
        if way == "ivrctl":
            await ivrctl_nodes(edge, "drain", names[0])
            return "drained"
        await operators[names[0]].api("fsctl pause inbound")
        async with asyncio.timeout(10):
            while (await ivrctl_nodes(edge, "list"))[names[0]][0] != "away":
                await asyncio.sleep(0.1)
        return "away"

    async def back() -> object:
        if way == "ivrctl":
            return await ivrctl_nodes(edge, "undrain", names[0])
        return await operators[names[0]].api("fsctl resume inbound")

    draining = Draining(
        edge=edge,
        caller=caller,
        cdrs=cdrs,
        first=names[0],
        second=names[1],
        had=had,
        let_go=let_go,
        number=ENGLISH,
    )
    try:
        await draining.proves(drain, back)
    finally:
        caller.close()
        for operator in operators.values():
            await operator.close()
        await asyncio.to_thread(edge.stop)


async def test_live_calls_are_listed_hung_up_and_taken_to_an_agent(
    freeswitches: tuple[FreeSwitch, FreeSwitch], conversations: tuple[Conversations, int]
) -> None:
    switch, _ = freeswitches
    environment = {
        "IVR_EVENT_SOCKETS": json.dumps([f"127.0.0.1:{switch.event_socket_port}"]),
        "IVR_EVENT_SOCKET_PASSWORD": SECRET,
    }
    phones = [SipPhone(switch.sip_target(ENGLISH), number=f"+91{n}") for n in (1, 2)]
    try:
        for number, phone in enumerate(phones, 1):
            await phone.ring(10)
            await conversations[0].next(number)
        _, rows, _ = await ivrctl_calls(environment, "list", "--live")
        told = {row["caller"]: row for row in rows}
        assert {(each["called"], each["language"]) for each in told.values()} == {(ENGLISH, "en")}
        status, rows, _ = await ivrctl_calls(environment, "hangup", told["+911"]["id"][:13])
        assert (status, rows[0]["caller"]) == (0, "+911")
        async with asyncio.timeout(5):
            await phones[0].ended.wait()
        assert not phones[1].ended.is_set()
        status, _, _ = await ivrctl_calls(environment, "transfer", told["+912"]["id"], "agent")
        assert status == 0
        await heard(phones[1].handset, PROMPT_HZ["please-hold", "en"])
        status, _, said = await ivrctl_calls(environment, "hangup", "beef")
        assert (status, said) == (
            2,
            "ivrctl: 'beef' is no live call. See `ivrctl calls list --live`.\n",
        )
    finally:
        for phone in phones:
            await phone.hang_up()
