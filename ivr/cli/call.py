"""`ivrctl call`: ring a running worker like a phone."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click

from ivr.audio.format import TELEPHONE, Audio
from ivr.audio.resampling import resample
from ivr.audio.wav import read_wav
from ivr.cli.main import run_async
from ivr.cli.steps import Step, SteppedCommand, split_keys
from ivr.errors import IvrError
from ivr.phone.audiosocket import AudioSocketPhone
from ivr.phone.caller import Caller
from ivr.phone.handset import CallOver
from ivr.phone.listener import BotEar
from ivr.phone.recording import write_record
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings, load_settings


@click.command(cls=SteppedCommand)
@click.option("--say", multiple=True, metavar="TEXT", help="Say this, in a synthetic voice.")
@click.option("--wav", multiple=True, metavar="FILE", help="Play this WAV file into the phone.")
@click.option("--keys", multiple=True, metavar="1,2#", help="Press these, entry by entry.")
@click.option("--record", type=click.Path(path_type=Path), help="Stereo: caller left, bot right.")
@click.option("--interactive", is_flag=True, help="You type, it speaks; digits are keys.")
@click.option("--language", default="en", show_default=True, help="The caller's voice.")
@click.option("--host", default=None, help="Where the worker listens (IVR_HOST).")
@click.option("--port", type=int, default=None, help="Its AudioSocket port.")
@click.pass_context
def call(  # noqa: PLR0917 - click passes its options so
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

    After each of them the bot is heard out. What it says is recognised and shown.

    \b
    Example: ivrctl call --keys 1 --say "what is my balance" --keys 447123 --record call.wav
    """
    steps: list[Step] = ctx.meta["steps"]
    for step in steps:
        if step.what == "keys":
            split_keys(step.value)
    settings = load_settings()
    phone = AudioSocketPhone(host or settings.host, port or settings.audiosocket_port)
    run_async(_call(settings, phone, steps, record=record, chat=interactive, language=language))


async def _call(
    settings: Settings,
    phone: AudioSocketPhone,
    steps: list[Step],
    *,
    record: Path | None,
    chat: bool,
    language: str,
) -> None:
    sounds = {step.value: _wav(Path(step.value)) for step in steps if step.what == "wav"}
    async with AsyncExitStack() as stack:
        voice = CallerVoice(settings, language)
        stack.push_async_callback(voice.close)
        ear = BotEar(settings, phone.handset, language)
        stack.callback(ear.close)
        caller = Caller(phone, voice.speak)
        await phone.ring()
        stack.push_async_callback(phone.hang_up)
        try:
            await _hear_out(caller, ear)
            for step in steps:
                click.echo(f"caller  {step.value}")
                await _do(caller, step, sounds)
                await _hear_out(caller, ear)
            if chat:
                await _converse(caller, ear)
        except CallOver:
            click.echo("        the bot hung up")
        finally:
            if record is not None:
                write_record(record, phone.handset)
                click.echo(f"        recorded in {record}")


async def _do(caller: Caller, step: Step, sounds: dict[str, Audio]) -> None:
    if step.what == "say":
        await caller.say(step.value)
    elif step.what == "wav":
        await caller.speak(sounds[step.value])
    else:
        for entry in split_keys(step.value):
            await caller.press(entry)


async def _converse(caller: Caller, ear: BotEar) -> None:
    click.echo("        type what the caller says, digits for keys, an empty line hangs up")
    while not caller.phone.ended.is_set():
        line = await asyncio.to_thread(sys.stdin.readline)
        text = line.strip()
        if not text:
            return
        keyed = all(character in "0123456789*#" for character in text)
        await _do(caller, Step("keys" if keyed else "say", text), {})
        await _hear_out(caller, ear)


async def _hear_out(caller: Caller, ear: BotEar) -> None:
    ear.begin()
    try:
        await caller.hear_bot_out()
    except TimeoutError:
        click.echo("   bot  (says nothing)")
        return
    finally:
        words = await ear.words()
    gap = caller.phone.handset.last_gap_ms
    click.echo(f"   bot  {words or '(not understood)'}" + (f"  [{gap:.0f} ms]" if gap else ""))


def _wav(path: Path) -> Audio:
    audio = read_wav(path)
    if audio.duration_ms > 600_000:
        raise IvrError(f"{path} is longer than ten minutes.", remedy="Cut it.")
    return resample(audio, TELEPHONE.rate)
