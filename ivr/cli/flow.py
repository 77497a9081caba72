"""`ivrctl flow`: look at flow files before callers meet them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ivr.dialogue.faults import FlowError
from ivr.dialogue.flow import Flow
from ivr.dialogue.flow_schema import flow_reference, flow_schema


@click.group()
def flow() -> None:
    """Check and show flow files.

    \b
    Example: ivrctl flow check flows/bank.json
    """


@flow.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def check(path: Path, as_json: bool) -> None:
    """Find everything that is wrong with a flow file. Exit status 2 when there is anything.

    \b
    Example: ivrctl flow check flows/bank.json
    """
    try:
        loaded = Flow.load(path)
    except FlowError as error:
        if as_json:
            faults = [
                {
                    "file": fault.file,
                    "line": fault.line,
                    "what": fault.what,
                    "suggestion": fault.suggestion,
                }
                for fault in error.faults
            ]
            _print_json({"file": str(path), "ok": False, "faults": faults})
        else:
            for fault in error.faults:
                click.echo(str(fault), err=True)
        raise SystemExit(2) from None
    if as_json:
        document = {"file": str(path), "ok": True, "faults": [], "version": loaded.version}
        _print_json(document)
    else:
        click.echo(
            f"{path}: no faults in {len(loaded.nodes)} nodes, {len(loaded.edges)} edges and "
            f"{len(loaded.languages)} languages."
        )


@flow.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def show(path: Path, as_json: bool) -> None:
    """Show the graph of a flow file.

    \b
    Example: ivrctl flow show flows/bank.json
    """
    loaded = Flow.load(path)
    if as_json:
        _print_json(_document(loaded))
        return
    click.echo(f"{loaded.name}, version {loaded.version[:12]}, in {', '.join(loaded.languages)}")
    click.echo(
        f"begins at {loaded.entry_language_unknown}, with a known language at "
        f"{loaded.entry_language_known}; home is {loaded.home}"
    )
    for node in loaded.nodes.values():
        click.echo(f"\n{node.id}  ({node.kind.name})")
        for outcome, target in node.next.items():
            click.echo(f"    {outcome} -> {target}")


@flow.command()
def schema() -> None:
    """Print the JSON Schema of flow files, for editors.

    \b
    Example: ivrctl flow schema > flows/flow.schema.json
    """
    _print_json(flow_schema())


@flow.command()
def reference() -> None:
    """Print the reference of the flow language, as Markdown.

    \b
    Example: ivrctl flow reference > docs/flow-reference.md
    """
    click.echo(flow_reference(), nl=False)


def _document(loaded: Flow) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "version": loaded.version,
        "languages": list(loaded.languages),
        "entry": {
            "language_unknown": loaded.entry_language_unknown,
            "language_known": loaded.entry_language_known,
            "home": loaded.home,
        },
        "nodes": [
            {
                "id": node.id,
                "type": node.kind.name,
                "config": node.config.model_dump(mode="json", exclude_defaults=True),
                "next": dict(node.next),
            }
            for node in loaded.nodes.values()
        ],
        "edges": [edge._asdict() for edge in loaded.edges],
        "integrations": list(loaded.integrations),
        "transfer_destinations": list(loaded.transfer_destinations),
    }


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
