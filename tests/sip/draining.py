"""Draining a node that has live calls, whichever switch it is: what has to be seen."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.sip.caller import Caller, DialledCall
from tests.sip.edge import Edge
from tests.sip.records import Cdrs

LIVE = 20

Listing = dict[str, tuple[str, int]]
"""State and calls of each node, by name."""


async def ivrctl_nodes(edge: Edge, *arguments: str) -> Listing:
    """What `ivrctl nodes` says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ivr.cli.main", "nodes", *arguments, "--json"),
        *("--edge", str(edge.rpc_socket)),
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    rows: list[dict[str, Any]] = json.loads(out)
    return {row["name"]: (row["state"], row["calls"]) for row in rows}


@dataclass(frozen=True, kw_only=True)
class Draining:
    """`first` is drained, `second` goes on; `had` says how many calls a node has had, `let_go`
    ends so many calls of the first from its own side, `number` is whom callers dial."""

    edge: Edge
    caller: Caller
    cdrs: Cdrs
    first: str
    second: str
    had: Callable[[str], Awaitable[int]]
    let_go: Callable[[int], Awaitable[None]]
    number: str = "100"

    async def ring(self, count: int) -> list[DialledCall]:
        """So many calls that are answered."""
        calls = []
        for _ in range(count):  # one at a time, in turn to the nodes
            calls.append(self.caller.ring(self.number))
            assert await calls[-1].status(15) == 200
        return calls

    async def proves(
        self, drain: Callable[[], Awaitable[str]], back: Callable[[], Awaitable[object]]
    ) -> None:
        """Drain the first, see that it loses none of its calls and takes none, and use it again.
        `drain` returns the state that it is then shown in."""
        before = {name: await self.had(name) for name in (self.first, self.second)}
        calls = await self.ring(2 * LIVE)
        assert await ivrctl_nodes(self.edge, "list") == {
            self.first: ("ready", LIVE),
            self.second: ("ready", LIVE),
        }
        state = await drain()
        assert await self.ring(6)
        # Long enough for every probe that might make it ready again.
        await asyncio.sleep(2.5)
        assert await ivrctl_nodes(self.edge, "list") == {
            self.first: (state, LIVE),
            self.second: ("ready", LIVE + 6),
        }
        assert await self.had(self.first) == before[self.first] + LIVE
        assert await self.had(self.second) == before[self.second] + LIVE + 6

        draining = [call for call in calls if await self._node(call) == self.first]
        assert len(draining) == LIVE
        assert not any(call.ended.is_set() for call in draining), "a live call was lost"
        await self.let_go(LIVE // 2)
        async with asyncio.timeout(10):
            while sum(call.ended.is_set() for call in draining) < LIVE // 2:
                await asyncio.sleep(0.05)
        assert (await ivrctl_nodes(self.edge, "list"))[self.first] == (state, LIVE // 2)
        left = [call for call in draining if not call.ended.is_set()]
        assert len(left) == LIVE // 2
        for call in left:
            assert await self.caller.hang_up(call) == 200
        assert (await ivrctl_nodes(self.edge, "list"))[self.first] == (state, 0)
        causes = [(await self.cdrs.of(call.call_id)).cause for call in draining]
        assert sorted(causes) == ["caller_hung_up"] * (LIVE // 2) + ["node_hung_up"] * (LIVE // 2)

        await back()
        async with asyncio.timeout(15):
            while await self.had(self.first) == before[self.first] + LIVE:
                await self.ring(1)

    async def _node(self, call: DialledCall) -> str:
        return (await self.cdrs.of(call.call_id, lambda row: row.answered_at is not None)).node
