"""The nodes behind Kamailio (module dispatcher): who takes calls, who is drained, who is gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ivr.edge.rpc import EdgeRefused, EdgeRpc
from ivr.errors import IvrError

NODES = 1
"""The dispatcher set of the nodes; see kamailio/dispatcher.list."""

State = Literal["ready", "failing", "away", "drained"]

_STATES: dict[str, State] = {"A": "ready", "T": "failing", "I": "away", "D": "drained"}
"""First letter of a destination's flags (dispatcher's README, "RPC Commands"); the second says
whether it is probed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node; `calls` are those that it has now, by way of this Kamailio."""

    name: str
    uri: str
    state: State
    calls: int


def list_nodes(rpc: EdgeRpc) -> list[Node]:
    """Every node, by name. Raises EdgeUnreachable."""
    found = []
    for destination in _destinations(rpc.call("dispatcher.list")):
        name = _name(destination)
        found.append(
            Node(
                name=name,
                uri=str(destination["URI"]),
                state=_STATES.get(str(destination.get("FLAGS", ""))[:1], "away"),
                calls=_calls(rpc, name),
            )
        )
    return sorted(found, key=lambda node: node.name)


def drain(rpc: EdgeRpc, name: str) -> Node:
    """Give a node no more calls; those that it has go on. Raises EdgeUnreachable, IvrError."""
    return _set(rpc, name, "d")


def undrain(rpc: EdgeRpc, name: str) -> Node:
    """Give a node calls again; probes say whether it is there. Raises as `drain` does."""
    return _set(rpc, name, "ap")


def _set(rpc: EdgeRpc, name: str, state: str) -> Node:
    node = _named(rpc, name)
    rpc.call("dispatcher.set_state", state, NODES, node.uri)
    return _named(rpc, name)


def _named(rpc: EdgeRpc, name: str) -> Node:
    nodes = list_nodes(rpc)
    for node in nodes:
        if name in (node.name, node.uri):
            return node
    known = ", ".join(node.name for node in nodes) or "none"
    raise IvrError(f"There is no node {name!r}.", remedy=f"Known are: {known}.")


def _calls(rpc: EdgeRpc, name: str) -> int:
    try:
        return int(rpc.call("dlg.profile_get_size", "node", name))
    except EdgeRefused:
        return 0


def _destinations(listing: dict[str, Any]) -> list[dict[str, Any]]:
    """Kamailio writes each record as an object of one key."""
    found = []
    for record in listing.get("RECORDS", []):
        each = record["SET"]
        if int(each["ID"]) == NODES:
            found += [target["DEST"] for target in each["TARGETS"]]
    return found


def _name(destination: dict[str, Any]) -> str:
    attributes = destination.get("ATTRS") or {}
    return str(attributes.get("DUID") or destination["URI"])
