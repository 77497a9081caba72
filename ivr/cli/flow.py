"""`ivrctl flow`: look at flow files before callers meet them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from ivr.dialogue.flow import Flow, read_flow
from ivr.dialogue.flow_check import check as check_flow
from ivr.dialogue.flow_diff import differences
from ivr.dialogue.flow_drawing import mermaid, svg
from ivr.dialogue.flow_review import review
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
    source, beside = read_flow(path)
    checked = check_flow(source, str(path), beside)
    faults = sorted(checked.faults, key=lambda fault: (fault.file, fault.line)) or review(checked)
    if as_json:
        document: dict[str, Any] = {
            "file": str(path),
            "ok": not faults,
            "faults": [asdict(fault) for fault in faults],
        }
        if not faults:
            document["version"] = Flow.load(path).version
        _print_json(document)
    elif faults:
        for fault in faults:
            click.echo(str(fault), err=True)
    else:
        loaded = Flow.load(path)
        click.echo(
            f"{path}: no faults in {len(loaded.nodes)} nodes, {len(loaded.edges)} edges and "
            f"{len(loaded.languages)} languages."
        )
    if faults:
        raise SystemExit(2)


@flow.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["svg", "mermaid"]), default="svg")
@click.option("--out", type=click.Path(path_type=Path), help="Write here; default: the screen.")
def graph(path: Path, form: str, out: Path | None) -> None:
    """Draw a flow.

    \b
    Example: ivrctl flow graph flows/bank.json --out bank.svg
             ivrctl flow graph flows/bank.json --format mermaid
    """
    loaded = Flow.load(path)
    drawing = svg(loaded) if form == "svg" else mermaid(loaded)
    if out is None:
        click.echo(drawing, nl=False)
    else:
        out.write_text(drawing, encoding="utf-8")


@flow.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def diff(before: Path, after: Path, as_json: bool) -> None:
    """Show what differs between two flows. Exit status 1 when anything does.

    \b
    Example: ivrctl flow diff old/bank.json flows/bank.json
    """
    found = differences(Flow.load(before), Flow.load(after))
    if as_json:
        _print_json([difference._asdict() for difference in found])
    else:
        for difference in found:
            click.echo(str(difference))
    if found:
        raise SystemExit(1)


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
