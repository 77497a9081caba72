"""Fixtures for tests on a real Kamailio.

    edge_programs      Kamailio and SIPp are installed
    cdrs               a PostgreSQL with our tables, and the rows of `cdrs`
    nodes              two ScriptedNodes, "first" and "second"
    edge               a running Kamailio in front of `nodes`, strangers taken
    caller, stranger   Callers at a trunk's address and at nobody's

Where Kamailio cannot be had they skip with the reason, and with CI=true they fail.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from ivr.storage.embedded import EmbeddedPostgres
from ivr.storage.schema import apply_schema
from tests.sip.caller import Caller
from tests.sip.edge import STRANGER, TRUNK, Edge, KamailioMissing, install
from tests.sip.node import ScriptedNode
from tests.sip.records import Cdrs


@pytest.fixture(scope="session")
def edge_programs() -> None:
    """Kamailio and SIPp are here."""
    try:
        install()
    except KamailioMissing as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs a real Kamailio: {error}", pytrace=False)
        pytest.skip(f"NO REAL KAMAILIO: {error}")


@pytest.fixture(scope="session")
def cdrs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cdrs]:
    """A PostgreSQL of this room's own."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("cdrs"))
    server.start()
    apply_schema(server.url)
    yield Cdrs(server.url)
    server.stop()


def sockets_of(url: str) -> str:
    """The folder of PostgreSQL's socket."""
    return parse_qs(urlparse(url).query)["host"][0]


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[ScriptedNode, ScriptedNode]]:
    """Two nodes, up."""
    pair = (ScriptedNode(), ScriptedNode())
    for node in pair:
        await node.open()
    yield pair
    for node in pair:
        node.close()


@pytest.fixture
async def edge(
    edge_programs: None,
    tmp_path: Path,
    cdrs: Cdrs,
    nodes: tuple[ScriptedNode, ScriptedNode],
) -> AsyncIterator[Edge]:
    """A Kamailio in front of `nodes`."""
    first, second = nodes
    edge = Edge(
        tmp_path,
        {"first": first.address, "second": second.address},
        defines={"IVR_STRANGERS": "1"},
        sockets=sockets_of(cdrs.url),
    )
    await asyncio.to_thread(edge.start)
    yield edge
    said = edge.log()
    await asyncio.to_thread(edge.stop)
    # What tests send on purpose is complained about by the parser and by who asks it. An ACK that
    # overtakes the rest of its 200, or is itself overtaken by a BYE, finds no timer to set again;
    # it needs none.
    complaints = [
        line
        for line in said.splitlines()
        if " ERROR: " in line
        and not re.search(
            r"core/parser/|core/receive\.c|sanity\.c|msg_translator\.c|pv_core\.c"
            r"|dlg_onroute\(\): failed to update dialog lifetime$",
            line,
        )
    ]
    assert complaints == []


@pytest.fixture
async def caller(edge: Edge) -> AsyncIterator[Caller]:
    """Calls that come from a trusted trunk."""
    caller = Caller(edge.port)
    await caller.open(TRUNK)
    yield caller
    caller.close()


@pytest.fixture
async def stranger(edge: Edge) -> AsyncIterator[Caller]:
    """Calls that come from nowhere we know."""
    caller = Caller(edge.port)
    await caller.open(STRANGER)
    yield caller
    caller.close()
