"""`ivrctl calls`: what is going on, what has been, and a hand on it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

if TYPE_CHECKING:
    from ivr.edge.switchboard import Switchboard
    from ivr.storage.reader import RecordReader

_OF_SIP = ("sip_call_id", "source", "trunk", "node", "status", "cause", "detail")

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


def complete_id(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Sequence[str]:
    """Ids of live calls, for the shell; none where the switch does not answer."""
    from ivr.errors import IvrError

    del ctx, parameter
    try:
        return [
            call.id for call in _switchboard(tell=False).live() if call.id.startswith(incomplete)
        ]
    except IvrError:
        return []


@click.group()
def calls() -> None:
    """List, show, hang up and transfer calls.

    \b
    Example: ivrctl calls list --live
    """


@calls.command("list")
@click.option("--live", is_flag=True, help="Those that the switch has now.")
@click.option("--refused", is_flag=True, help="Those that the edge saw and nobody answered.")
@click.option("--limit", default=20, show_default=True, help="How many of the past.")
@json_option
def list_(live: bool, refused: bool, limit: int, as_json: bool) -> None:
    """List the latest calls, the live ones, or those that never became one.

    \b
    Example: ivrctl calls list --limit 50 --json
    """
    if live and refused:
        raise click.UsageError("--live and --refused are two lists; ask for one.")
    if refused:
        rows = [asdict(cdr) for cdr in _reader().refused(limit)]
        columns = "began_at source trunk caller called node status cause".split()
    elif live:
        rows = [asdict(call) for call in _switchboard().live()]
        columns = "id caller called language seconds".split()
    else:
        rows = [asdict(call) for call in _reader().calls(limit)]
        columns = "id started_at caller called language turns cause".split()
    _show(rows, columns, as_json)


@calls.command()
@click.argument("call_id", type=click.UUID)
@json_option
def show(call_id: UUID, as_json: bool) -> None:
    """Show a call, turn by turn, and what the edge knows of it.

    \b
    Example: ivrctl calls show 6f1c2e0a-5a39-4a4e-9a44-3f3f5e7e6a10
    """
    from ivr.errors import IvrError

    reader = _reader()
    call = reader.call(call_id)
    if call is None:
        raise IvrError(f"There is no call {call_id}.", remedy="See `ivrctl calls list`.")
    turns = [turn.model_dump(mode="json") for turn in reader.turns_of(call_id)]
    sounds = [sound.model_dump(mode="json") for sound in reader.sounds_of(call_id)]
    cdr = None if call.cdr is None else reader.cdr(call.cdr)
    sip = None if cdr is None else asdict(cdr)
    if as_json:
        found = {"call": asdict(call), "sip": sip, "turns": turns, "sounds": sounds}
        click.echo(json.dumps(found, indent=1, default=str))
        return
    from ivr.telemetry.logs import escaped

    lines = [(name, value) for name, value in asdict(call).items() if value is not None]
    if sip is not None:
        lines += [
            (f"sip {name.removeprefix('sip_')}", sip[name]) for name in _OF_SIP if sip[name] != ""
        ]
    lines += [(sound["what"], sound["path"]) for sound in sounds]
    lines += [(turn["who"], turn["text"]) for turn in turns]
    for name, value in lines:
        click.echo(f"{name:>12}  {escaped(str(value))}")


@calls.command()
@click.argument("call_id", shell_complete=complete_id)
@json_option
def hangup(call_id: str, as_json: bool) -> None:
    """End a live call; the first characters of its id are enough.

    \b
    Example: ivrctl calls hangup 6f1c2e0a
    """
    call = _switchboard().hang_up(call_id)
    _show([asdict(call)], ("id", "caller", "seconds"), as_json)


@calls.command()
@click.argument("call_id", shell_complete=complete_id)
@click.argument("destination", default="agent")
@json_option
def transfer(call_id: str, destination: str, as_json: bool) -> None:
    """Take a live call to a destination of the dialplan, as delivered to an agent.

    \b
    Example: ivrctl calls transfer 6f1c2e0a agent
    """
    call = _switchboard().transfer(call_id, destination)
    _show([asdict(call)], ("id", "caller", "seconds"), as_json)


def _switchboard(*, tell: bool = True) -> Switchboard:
    from ivr.edge.freeswitch_calls import FreeSwitchCalls
    from ivr.edge.switchboard import AsteriskCalls, Switchboards
    from ivr.errors import IvrError
    from ivr.settings import load_settings

    settings = load_settings()
    boards: list[Switchboard] = []
    if settings.ami_secret is not None:
        secret = settings.ami_secret.get_secret_value()
        boards.append(
            AsteriskCalls(settings.ami_host, settings.ami_port, settings.ami_user, secret)
        )
    if settings.event_socket_password is not None:
        password = settings.event_socket_password.get_secret_value()
        boards += [
            FreeSwitchCalls(each.host, each.port, password) for each in settings.event_sockets
        ]
    if not boards:
        raise IvrError(
            "The switch's live calls are not ours to see.",
            remedy="Set IVR_AMI_SECRET to what scripts/asterisk_secret.sh printed, or"
            " IVR_EVENT_SOCKET_PASSWORD to what scripts/freeswitch_secret.sh printed.",
        )

    def away(why: str) -> None:
        if tell:
            click.echo(f"ivrctl: {why}", err=True)

    return Switchboards(boards, away)


def _reader() -> RecordReader:
    from ivr.errors import IvrError
    from ivr.settings import load_settings
    from ivr.storage.reader import RecordReader
    from ivr.supervision.notes import read_notes

    settings = load_settings()
    if settings.database_url is not None:
        return RecordReader(settings.database_url.get_secret_value())
    notes = read_notes(settings.var_dir)
    if notes is None or notes.database_url is None:
        raise IvrError(
            "There are no records to read.",
            remedy="Set IVR_DATABASE_URL, or start `ivrctl serve` on this machine.",
        )
    return RecordReader(notes.database_url)


def _show(rows: list[dict[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=1, default=str))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ivr.telemetry.logs import escaped

    table = Table(*columns, box=None)
    for row in rows:
        cells = ("" if row[name] is None else escaped(str(row[name])) for name in columns)
        # Never as markup: callers choose these words.
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table)
