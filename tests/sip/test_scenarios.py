"""Each scenario of tests/sipp, driven by SIPp through a real Kamailio: most of them to a real
Asterisk and a real FreeSWITCH, the rest to a node that does what a test says. docs/sip.md names
them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.load.sipp import SCENARIOS, SippJob, SippResult, run
from ivr.settings import PROJECT
from tests.freeswitch.singing_worker import singing_worker
from tests.freeswitch.switch import FreeSwitch, without_freeswitch
from tests.prompts import render_tones
from tests.sip.edge import STRANGER, TRUNK, Edge
from tests.sip.node import EARLY, RINGING, ScriptedNode
from tests.telephony.asterisk.switch import AsteriskSwitch, free_port

pytestmark = [pytest.mark.kamailio, pytest.mark.sipp]

AT_SWITCHES = (
    "burst comfort_noise digits digits_info early_offer_none g722_first g729_only"
    " hangup_mid_prompt hold max_forwards no_bye no_rtp nobody options opus_only oversized plain"
    " refer require_100rel require_unknown session_timer session_timer_short t38 talk update"
).split()
AT_SCRIPTED = {"cancel": RINGING, "early_media": EARLY}
MANY = {"burst": (20, 100.0)}
"""Calls, and calls a second."""


@pytest.fixture(scope="module")
def behind(
    edge_programs: None, unpacked_asterisk: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    """A Kamailio before an Asterisk without a worker, which gives silence three seconds."""
    switch = AsteriskSwitch(unpacked_asterisk)
    render_tones(switch.sounds, "asterisk")
    with (switch.home / "etc" / "local" / "pjsip.conf").open("a") as file:
        file.write("[trunk](+)\nrtp_timeout = 3\n")
    try:
        switch.start()
        switch.use_workers(free_port(), menu_wait_s=1)
        edge = Edge(
            tmp_path_factory.mktemp("behind"), {"asterisk-1": f"127.0.0.1:{switch.sip_port}"}
        )
        edge.start()
        yield edge
        edge.stop()
    finally:
        switch.stop()


@pytest.fixture(scope="module")
def behind_freeswitch(
    edge_programs: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Edge]:
    """A Kamailio before a FreeSWITCH with a worker, which gives silence three seconds."""
    without_freeswitch()
    folder = tmp_path_factory.mktemp("behind-freeswitch")
    render_tones(folder / "node" / "sounds", "freeswitch")
    with singing_worker(1100.0) as port:
        switch = FreeSwitch.before(
            folder / "node", (port,), {"ivr_menu_wait": "300", "media_timeout": "3000"}
        )
        try:
            edge = Edge(folder, {"freeswitch-1": f"127.0.0.1:{switch.sip_port}"})
            edge.start()
            yield edge
            edge.stop()
            assert switch.alive, switch.log()[-4000:]
        finally:
            switch.stop()


def played(name: str, edge: Edge, folder: Path, source: str = TRUNK) -> SippResult:
    calls, rate = MANY.get(name, (1, 1.0))
    job = SippJob(
        scenario=SCENARIOS / f"{name}.xml",
        host="127.0.0.1",
        port=edge.port,
        number="nobody" if name == "nobody" else "100",
        calls=calls,
        rate=rate,
        hold_s=0.5,
        local_ip=source,
        first_media_port=free_port(socket.SOCK_DGRAM) & ~1,
        timeout_s=25,
        folder=folder,
    )
    return run(job)


@pytest.mark.asterisk
@pytest.mark.parametrize("name", AT_SWITCHES)
def test_a_scenario_passes_at_asterisk(name: str, behind: Edge, tmp_path: Path) -> None:
    result = played(name, behind, tmp_path)
    calls = MANY.get(name, (1, 1.0))[0]
    assert (result.succeeded, result.failed) == (calls, 0), result.errors


@pytest.mark.freeswitch
@pytest.mark.parametrize("name", AT_SWITCHES)
def test_a_scenario_passes_at_freeswitch(
    name: str, behind_freeswitch: Edge, tmp_path: Path
) -> None:
    result = played(name, behind_freeswitch, tmp_path)
    calls = MANY.get(name, (1, 1.0))[0]
    assert (result.succeeded, result.failed) == (calls, 0), result.errors


@pytest.mark.parametrize("name", AT_SCRIPTED)
async def test_a_scenario_passes_at_a_node_that_rings(
    name: str, edge: Edge, nodes: tuple[ScriptedNode, ScriptedNode], tmp_path: Path
) -> None:
    for node in nodes:
        node.invite = AT_SCRIPTED[name]
    result = await asyncio.to_thread(played, name, edge, tmp_path)
    assert (result.succeeded, result.failed) == (1, 0), result.errors
    if name == "cancel":
        assert sum(len(node.seen("CANCEL")) for node in nodes) == 1


def test_a_strangers_scenario_is_refused(behind: Edge, tmp_path: Path) -> None:
    """As delivered only trunks may ring."""
    result = played("plain", behind, tmp_path, STRANGER)
    assert (result.succeeded, result.failed) == (0, 1)
    assert "403 Forbidden" in result.errors


def test_silence_is_given_thirty_seconds_as_delivered() -> None:
    pjsip = (PROJECT / "asterisk" / "pjsip.conf").read_text()
    assert "\nrtp_timeout = 30\n" in pjsip
    values = (PROJECT / "freeswitch/conf/vars.xml").read_text()
    assert 'data="media_timeout=30000"' in values


def test_every_scenario_is_played() -> None:
    assert {path.stem for path in SCENARIOS.glob("*.xml")} == {*AT_SWITCHES, *AT_SCRIPTED, "flood"}
