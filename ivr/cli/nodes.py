"""`ivrctl nodes`: the switches behind Kamailio."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ivr.edge.nodes import Node

socket_option = click.option(
    "--edge",
    "socket",
    type=click.Path(path_type=Path),
    default=Path("/run/kamailio/ivr.sock"),
    envvar="IVR_EDGE_SOCKET",
    show_default=True,
    help="Kamailio's socket (IVR_EDGE_SOCKET).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


def complete_name(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Sequence[str]:
    """Names of nodes, for the shell; none where Kamailio does not answer."""
    from ivr.edge.nodes import list_nodes
    from ivr.edge.rpc import EdgeRpc
    from ivr.errors import IvrError

    del parameter
    path = ctx.params.get("socket") or Path("/run/kamailio/ivr.sock")
    try:
        names = [node.name for node in list_nodes(EdgeRpc(path, timeout_s=0.5))]
    except IvrError:
        return []
    return [name for name in names if name.startswith(incomplete)]


@click.group()
def nodes() -> None:
    """List and drain the switches behind Kamailio.

    \b
    Example: ivrctl nodes list
    """


@nodes.command("list")
@socket_option
@json_option
def list_(socket: Path, as_json: bool) -> None:
    """Show each node, whether it takes calls, and how many it has.

    \b
    Example: ivrctl nodes list --json
    """
    from ivr.edge.nodes import list_nodes
    from ivr.edge.rpc import EdgeRpc

    _show(list_nodes(EdgeRpc(socket)), as_json)


@nodes.command()
@click.argument("name", shell_complete=complete_name)
@click.option("--wait", "wait_s", type=float, help="Return when its last call has ended.")
@socket_option
@json_option
def drain(name: str, wait_s: float | None, socket: Path, as_json: bool) -> None:
    """Give a node no new call; those that it has go on to their end.

    \b
    Example: ivrctl nodes drain asterisk-1 --wait 600
    """
    from ivr.edge.nodes import drain as drain_node
    from ivr.edge.rpc import EdgeRpc

    rpc = EdgeRpc(socket)
    node = drain_node(rpc, name)
    if wait_s is not None and node.calls:
        node = _emptied(rpc, node, wait_s)
    _show([node], as_json)


@nodes.command()
@click.argument("name", shell_complete=complete_name)
@socket_option
@json_option
def undrain(name: str, socket: Path, as_json: bool) -> None:
    """Give a node calls again.

    \b
    Example: ivrctl nodes undrain asterisk-1
    """
    from ivr.edge.nodes import undrain as undrain_node
    from ivr.edge.rpc import EdgeRpc

    _show([undrain_node(EdgeRpc(socket), name)], as_json)


def _emptied(rpc: Any, node: Node, wait_s: float) -> Node:
    import time

    from rich.progress import Progress

    from ivr.edge.nodes import list_nodes
    from ivr.errors import IvrError

    deadline = time.monotonic() + wait_s
    with Progress(transient=True) as bar:
        task = bar.add_task(f"{node.calls} calls on {node.name}", total=node.calls)
        first = node.calls
        while node.calls:
            if time.monotonic() > deadline:
                raise IvrError(
                    f"{node.name} still has {node.calls} calls.",
                    remedy="It stays drained; ask `ivrctl nodes list` again later.",
                )
            time.sleep(0.5)
            node = next(each for each in list_nodes(rpc) if each.name == node.name)
            bar.update(task, completed=first - node.calls)
    return node


def _show(found: Sequence[Node], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(node) for node in found], indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("node", "state", "calls", "address", box=None)
    for node in found:
        table.add_row(node.name, node.state, str(node.calls), node.uri)
    Console().print(table)
