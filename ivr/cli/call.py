"""`ivrctl call`: ring a running worker like a phone."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.main import run_async
from ivr.cli.steps import Step, SteppedCommand, split_keys
from ivr.settings import load_settings

_port = click.IntRange(1, 65535)


@click.command(cls=SteppedCommand)
@click.option("--say", multiple=True, metavar="TEXT", help="Say this, in a synthetic voice.")
@click.option("--wav", multiple=True, metavar="FILE", help="Play this WAV file into the phone.")
@click.option("--keys", multiple=True, metavar="1,2#", help="Press these, entry by entry.")
@click.option("--record", type=click.Path(path_type=Path), help="Stereo: caller left, bot right.")
@click.option("--interactive", is_flag=True, help="You type, it speaks; digits are keys.")
@click.option("--language", default="en", show_default=True, help="The caller's voice and ear.")
@click.option("--host", help="Where the worker listens; else where `ivrctl serve` runs, IVR_HOST.")
@click.option("--port", type=_port, help="Its AudioSocket port; else as for the host.")
@click.pass_context
def call(
    ctx: click.Context,
    say: tuple[str, ...],
    wav: tuple[str, ...],
    keys: tuple[str, ...],
    record: Path | None,
    interactive: bool,
    language: str,
    host: str | None,
    port: int | None,
) -> None:
    """Ring a running worker, say or key things in the order given, and hear the answers.

    After each of them the bot is heard out, and shown with the gap between the caller's last sound
    and its first: in its own words where it is a worker of your `ivrctl serve`, which also says
    what it understood; else as they are recognised.

    \b
    Example: ivrctl call --keys 1 --say "what is my balance" --keys 447123 --record call.wav
    """
    steps: list[Step] = ctx.meta["steps"]
    for step in steps:
        if step.what == "keys":
            split_keys(step.value)
    from ivr.cli.phone_call import PhoneCall, places

    settings = load_settings()
    ringing = PhoneCall(settings, steps, record=record, chat=interactive, language=language)
    run_async(ringing.make(places(settings, host, port)))
