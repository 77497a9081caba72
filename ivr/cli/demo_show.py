"""The demo as people see it: the call, turn by turn, and what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from ivr.demo.play import Conversation, DemoCall, Turn, script_of
from ivr.phone.audiosocket import AudioSocketPhone
from ivr.phone.recording import write_record
from ivr.ports import free_ports
from ivr.scenarios.caller_sounds import CallerSounds
from ivr.scenarios.scenario_file import Loaded
from ivr.settings import Settings, load_settings, nlu_of
from ivr.storage.events import watch
from ivr.supervision.supervisor import Supervisor
from ivr.telemetry.logs import configure_logging


async def run_demo(flow: Path | None, *, as_json: bool, verbose: bool) -> bool:
    """Make the call to `flow`, or that of the settings, and show it; returns whether the caller got
    what they came for. Raises IvrError.
    """
    console = Console(stderr=as_json, highlight=False)
    settings = load_settings()
    if flow is not None:
        nlu_dir = nlu_of(flow) or settings.nlu_dir
        settings = settings.model_copy(update={"flow": flow, "nlu_dir": nlu_dir})
    script = script_of(settings.flow)
    audiosocket_port, freeswitch_port, http_port = free_ports(3)
    settings = settings.model_copy(
        update={
            "audiosocket_port": audiosocket_port,
            "freeswitch_port": freeswitch_port,
            "http_port": http_port,
            "workers": 1,
            "drain_s": 2.0,
            "log_level": "info" if verbose else "error",
            "var_dir": settings.var_dir / "demo",
        }
    )
    configure_logging(settings.log_level, "demo")
    recording = settings.var_dir / "call.wav"

    def show(turn: Turn) -> None:
        if not as_json:
            console.print(_line(turn))

    conversation = await _demo(settings, script, console, recording, show)
    if as_json:
        click.echo(json.dumps(_document(conversation, recording)))
    else:
        _summary(console, conversation, recording)
    return conversation.completed


async def _demo(
    settings: Settings,
    script: Loaded,
    console: Console,
    recording: Path,
    show: Callable[[Turn], None],
) -> Conversation:
    with console.status("starting"):
        supervisor = Supervisor(settings)
        await supervisor.start()
    try:
        settings = supervisor.settings
        redis = settings.redis_url
        assert redis is not None
        async with CallerSounds(settings) as voice:
            sounds = await voice.of(script)
        phone = AudioSocketPhone(settings.host, settings.audiosocket_port)
        call = DemoCall(phone, sounds, watch(redis.get_secret_value()), show)
        conversation = await call.play(script)
        await asyncio.to_thread(write_record, recording, phone.handset)
        return conversation
    finally:
        await supervisor.stop()


def _line(turn: Turn) -> Text:
    caller = turn.who == "caller"
    line = Text("caller  " if caller else "   bot  ", style="bold cyan" if caller else "bold green")
    line.append(turn.text, style="cyan" if caller else "default")
    if turn.intent:
        line.append(f"  {turn.intent} {turn.confidence or 0:.2f}", style="dim")
    if turn.interrupts:
        # The bot's own line was shown when it began to speak.
        line.append("  interrupts", style="magenta")
    if turn.gap_ms is not None:
        line.append(f"  {turn.gap_ms:.0f} ms", style="yellow")
    return line


def _document(conversation: Conversation, recording: Path) -> dict[str, object]:
    return {
        "completed": conversation.completed,
        "turns": [turn.as_json() for turn in conversation.turns],
        "gap_ms": conversation.gap_summary(),
        "recording": str(recording),
        **({"trouble": conversation.trouble} if conversation.trouble else {}),
    }


def _summary(console: Console, conversation: Conversation, recording: Path) -> None:
    gaps = conversation.gap_summary()
    callers = sum(turn.who == "caller" for turn in conversation.turns)
    console.print()
    if conversation.completed:
        console.print("The caller got what they came for.", style="bold green")
    else:
        trouble = conversation.trouble or "a goal was missed"
        console.print(f"The caller did not get what they came for: {trouble}.", style="bold red")
    console.print(
        f"{callers} caller turns; from the end of the caller's speech to the start of the "
        f"answer: p50 {gaps['p50']} ms, p95 {gaps['p95']} ms, measured at the phone."
    )
    console.print(f"Recorded in {recording} (stereo: caller left, bot right).")
