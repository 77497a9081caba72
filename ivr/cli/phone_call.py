"""The call that `ivrctl call` makes: rings, plays the steps, shows what is heard."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import click

from ivr.audio.format import TELEPHONE, Audio
from ivr.audio.resampling import resample
from ivr.audio.wav import read_wav
from ivr.cli.steps import Step, split_keys
from ivr.cli.workers_word import WorkersWord, bot_said, understood
from ivr.errors import IvrError
from ivr.phone.audiosocket import AudioSocketPhone
from ivr.phone.caller import Caller
from ivr.phone.handset import CallOver
from ivr.phone.listener import BotEar
from ivr.phone.recording import write_record
from ivr.phone.voice import CallerVoice
from ivr.settings import Settings
from ivr.speech.synthesis.synthesiser import SynthesisFailed
from ivr.supervision.notes import read_notes

_LONGEST_WAV_MS = 600_000
_TYPED_KEYS = frozenset("0123456789*#")


def places(settings: Settings, host: str | None, port: int | None) -> list[tuple[str, int]]:
    """Where to ring, in order: as told, else the workers of the `serve` that runs, else as set."""
    notes = read_notes(settings.var_dir) if host is None and port is None else None
    if notes is not None:
        return [(notes.host, each) for each in notes.audiosocket_ports]
    return [(host or settings.host, port or settings.audiosocket_port)]


class PhoneCall:
    """One call. `chat`: what is typed comes after the `steps`."""

    def __init__(
        self,
        settings: Settings,
        steps: Sequence[Step],
        *,
        record: Path | None = None,
        chat: bool = False,
        language: str = "en",
    ) -> None:
        notes = read_notes(settings.var_dir)
        if settings.synthesis_url is None and notes is not None:
            settings = settings.model_copy(update={"synthesis_url": notes.synthesis_url})
        self._settings = settings
        self._redis_url = notes.redis_url if notes is not None else None
        self._steps = steps
        self._record = record
        self._chat = chat
        self._language = language
        self._sounds = {step.value: _wav(Path(step.value)) for step in steps if step.what == "wav"}

    async def make(self, places: Sequence[tuple[str, int]]) -> None:
        """Ring the first of `places` that answers, and play the call. Raises IvrError."""
        async with AsyncExitStack() as stack:
            word = None
            if self._redis_url is not None:
                word = WorkersWord(self._redis_url)
                stack.push_async_callback(word.close)
            voice = CallerVoice(self._settings, self._language)
            stack.push_async_callback(voice.close)
            words = {step.value for step in self._steps if step.what == "say"}
            self._sounds |= {text: await voice.speak(text) for text in sorted(words)}
            phone = await _ring(places)
            stack.push_async_callback(phone.hang_up)
            ear = BotEar(self._settings, phone.handset, self._language)
            stack.callback(ear.close)
            caller = Caller(phone, voice.speak)
            try:
                await self._talk(caller, _Screen(caller, phone.call_id, ear, word))
            except CallOver:
                click.echo("        the bot hung up")
            finally:
                if self._record is not None:
                    write_record(self._record, phone.handset)
                    click.echo(f"        recorded in {self._record}")

    async def _talk(self, caller: Caller, screen: _Screen) -> None:
        await screen.hear_out()
        for step in self._steps:
            click.echo(f"caller  {step.value}")
            await self._do(caller, step)
            await screen.hear_out()
        if self._chat:
            await self._converse(caller, screen)

    async def _do(self, caller: Caller, step: Step) -> None:
        if step.what == "keys":
            for entry in split_keys(step.value):
                await caller.press(entry)
        elif step.value in self._sounds:
            await caller.speak(self._sounds[step.value])
        else:
            await caller.say(step.value)

    async def _converse(self, caller: Caller, screen: _Screen) -> None:
        click.echo("        type what the caller says, digits for keys, an empty line hangs up")
        typed = _Typed()
        while text := await _next_line(typed, caller, screen):
            keyed = all(character in _TYPED_KEYS for character in text)
            try:
                await self._do(caller, Step("keys" if keyed else "say", text))
            except SynthesisFailed as failure:
                click.echo(f"        {failure}")
                continue
            await screen.hear_out()


class _Screen:
    """Shows what the caller hears: in the worker's own words where it tells them, else as our
    recogniser hears it."""

    def __init__(
        self, caller: Caller, call_id: UUID, ear: BotEar, word: WorkersWord | None
    ) -> None:
        self._caller = caller
        self._call_id = call_id
        self._word = word
        self.ear = ear

    async def hear_out(self) -> None:
        """Hear the bot's answer out from here, and show it."""
        self.ear.begin()
        await self.show()

    async def show(self) -> None:
        """Hear the bot out, and show what it has said since `ear.begin`."""
        try:
            await self._caller.hear_bot_out()
        except TimeoutError:
            click.echo("   bot  (says nothing)")
            return
        turns = self._word.take(self._call_id) if self._word is not None else []
        for heard in understood(turns):
            click.echo(f"        understood: {heard}")
        words = bot_said(turns)
        if not words:
            heard = await self.ear.words()
            words = f"{heard}  (as it was heard)" if heard else "(not understood)"
        gap = self._caller.phone.handset.last_gap_ms
        click.echo(f"   bot  {words}" + (f"  [{gap:.0f} ms]" if gap else ""))


async def _next_line(typed: _Typed, caller: Caller, screen: _Screen) -> str:
    """The next line typed; what the bot says meanwhile is shown. Raises CallOver."""
    line = asyncio.ensure_future(typed.line())
    try:
        while True:
            screen.ear.begin()
            sound = asyncio.ensure_future(caller.phone.handset.heard_sound(None))
            try:
                await asyncio.wait({line, sound}, return_when=asyncio.FIRST_COMPLETED)
                if line.done():
                    return line.result()
                sound.result()
            finally:
                sound.cancel()
            await screen.show()
    finally:
        line.cancel()


async def _ring(places: Sequence[tuple[str, int]]) -> AudioSocketPhone:
    """Ring one worker after the other, as a dialplan does."""
    for place in places[:-1]:
        phone = AudioSocketPhone(*place)
        try:
            await phone.ring()
        except IvrError:
            continue
        return phone
    phone = AudioSocketPhone(*places[-1])
    await phone.ring()
    return phone


class _Typed:
    """Lines from the keyboard, read on a thread that nothing waits for: at a terminal a read ends
    only when somebody types."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, name="keyboard", daemon=True).start()

    async def line(self) -> str:
        """The next line without its end; empty at the end of input."""
        return await self._lines.get()

    def _read(self) -> None:
        # Not through sys.stdin: its lock, held in a read, would stop the interpreter's exit.
        descriptor = sys.stdin.fileno()
        rest = b""
        while chunk := os.read(descriptor, 4096):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._tell(line)
        if rest:
            self._tell(rest)
        self._tell(b"")

    def _tell(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._lines.put_nowait, text)


def _wav(path: Path) -> Audio:
    audio = read_wav(path)
    if audio.duration_ms > _LONGEST_WAV_MS:
        raise IvrError(f"{path} is longer than ten minutes.", remedy="Cut it.")
    return resample(audio, TELEPHONE.rate)
