"""Thirty calls a second from a trunk while a stranger sends a hundred requests a second."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from ivr.load.sipp import SCENARIOS, SippJob, SippResult, result, start
from tests.sip.edge import STRANGER, TRUNK, Edge
from tests.sip.node import ScriptedNode
from tests.telephony.asterisk.switch import free_port

CALLS_A_SECOND = 30
FLOOD_A_SECOND = 100
DEFINES = {"IVR_STRANGERS": "1"}
TRUNK_LIMITS = "40/0"


@dataclass(frozen=True, kw_only=True)
class BesideFlood:
    """What came of it: SIPp's own count of the trunk's calls, and how many calls of each sender
    reached the nodes."""

    trunk: SippResult
    banned_after_s: float
    carried: int
    strangers: int


async def beside_a_flood(
    edge: Edge, nodes: tuple[ScriptedNode, ScriptedNode], seconds: int, folder: Path
) -> BesideFlood:
    """Run both. Raises AssertionError where the flood is not banned."""
    trunk = SippJob(
        scenario=SCENARIOS / "plain.xml",
        host="127.0.0.1",
        port=edge.port,
        calls=seconds * CALLS_A_SECOND,
        rate=CALLS_A_SECOND,
        hold_s=1,
        local_ip=TRUNK,
        first_media_port=free_port(socket.SOCK_DGRAM) & ~1,
        timeout_s=seconds + 30,
        folder=folder / "trunk",
    )
    flood = SippJob(
        scenario=SCENARIOS / "flood.xml",
        host="127.0.0.1",
        port=edge.port,
        calls=seconds * FLOOD_A_SECOND,
        rate=FLOOD_A_SECOND,
        local_ip=STRANGER,
        first_media_port=free_port(socket.SOCK_DGRAM) & ~1,
        timeout_s=seconds + 5,
        folder=folder / "flood",
    )
    running = [start(trunk), start(flood)]
    began = monotonic()
    try:
        while not edge.rpc.call("htable.dump", "banned"):
            assert monotonic() - began < 5, "the flood is not banned"
            await asyncio.sleep(0.1)
        banned_after_s = monotonic() - began
        while any(process.poll() is None for process in running):
            assert monotonic() - began < seconds + 45
            await asyncio.sleep(0.2)
    finally:
        for process in running:
            process.kill()
            process.wait()
    senders = [i.get("X-IVR-Trunk") for node in nodes for i in node.invites]
    return BesideFlood(
        trunk=result(trunk),
        banned_after_s=banned_after_s,
        carried=senders.count("carrier"),
        strangers=senders.count("stranger"),
    )
