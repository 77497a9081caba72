"""`ivrctl prompts`: what is said, made before it is asked for, looked at, heard and recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.main import run_async
from ivr.cli.switch_prompts import ENCODINGS, SWITCHES, Texts, load_texts, render_prompts
from ivr.settings import load_settings

if TYPE_CHECKING:
    from ivr.audio.format import Audio
    from ivr.conversation.prompts import Prompt
    from ivr.dialogue.flow import Flow
    from ivr.speech.synthesis.chain import EngineChain
    from ivr.speech.synthesis.recorded import RecordedPrompts

flow_option = click.option(
    "--flow",
    "flow_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The flow file.  [default: IVR_FLOW]",
)
language_option = click.option("--language", help="Its language.  [default: the flow's first]")


@click.group()
def prompts() -> None:
    """Render, list, hear and record what is said.

    A prompt is a sentence of a flow, named for its template: `welcome`, or `welcome.2` where the
    template has several. Of a sentence with a value in it the fixed part is a prompt.

    \b
    Example: ivrctl prompts render
             ivrctl prompts replace welcome.1 take3.wav
    """


@prompts.command()
@flow_option
@click.option("--switch", type=click.Choice(list(SWITCHES)), help="Render a switch's own prompts.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The switch's sounds folder.  [default: /usr/share/SWITCH/sounds]",
)
@click.option(
    "--texts",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What the switch says.  [default: SWITCH/prompts.yaml of the project]",
)
@click.option(
    "--encoding",
    type=click.Choice(sorted(ENCODINGS)),
    help="Kind of file.  [default: sln for asterisk, wav for freeswitch]",
)
def render(
    flow_file: Path | None,
    switch: str | None,
    folder: Path | None,
    texts: Path | None,
    encoding: str | None,
) -> None:
    """Make a flow's prompts before callers ask for them, or speak a switch's into files.

    Run it when a flow is published, where its workers run: they find the prompts in the cache.
    What is there already is not made again.

    \b
    Example: ivrctl prompts render --flow flows/bank.json
             ivrctl prompts render --switch freeswitch --to /usr/share/freeswitch/sounds
    """
    if switch is None:
        for option, given in (("--to", folder), ("--texts", texts), ("--encoding", encoding)):
            if given is not None:
                raise click.UsageError(f"{option} belongs to --switch.")
        run_async(_render_flow(flow_file))
        return
    usual = SWITCHES[switch]
    said = load_texts(texts or usual.texts)
    made = run_async(_render_switch(folder or usual.sounds, said, encoding or usual.encoding))
    for file in made:
        click.echo(file)


@prompts.command("list")
@flow_option
@click.option("--language", help="Only this language.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_(flow_file: Path | None, language: str | None, as_json: bool) -> None:
    """Show a flow's prompts: what is said, and by whom.

    \b
    Example: ivrctl prompts list --language en
    """
    import json

    from rich.console import Console
    from rich.table import Table

    flow, recorded = _flow(flow_file)
    rows = run_async(_states(flow, recorded))
    if language is not None:
        rows = [row for row in rows if row["language"] == language]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table("prompt", "language", "state", "text", box=None)
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("name", "language", "state", "text")))
    Console().print(table)


@prompts.command()
@click.argument("name")
@flow_option
@language_option
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a WAV file instead of playing.",
)
def play(name: str, flow_file: Path | None, language: str | None, to: Path | None) -> None:
    """Let me hear a prompt as callers do: a recording, or the first engine that is well.

    \b
    Example: ivrctl prompts play welcome.1 --to /tmp/welcome.wav
    """
    import tempfile

    from ivr.audio.wav import write_wav

    flow, recorded = _flow(flow_file)
    prompt = _find(flow, name, language)
    audio = run_async(_sound(flow, recorded, prompt))
    if to is not None:
        write_wav(to, audio)
        click.echo(f"{to}: {audio.duration_ms / 1000:.1f} s")
        return
    player = _player()
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        write_wav(Path(file.name), audio)
        _run([*player, file.name])


@prompts.command()
@click.argument("name")
@click.argument("wav", type=click.Path(dir_okay=False, path_type=Path))
@flow_option
@language_option
def replace(name: str, wav: Path, flow_file: Path | None, language: str | None) -> None:
    """Put a human's recording in the place of a prompt.

    WAV is mono, 16 bits, at 8,000 Hz or more; it is trimmed and brought to the level of the
    others. It lies beside the flow (`bank.recordings`), to be kept with it, and speaks for its
    text: when the flow's text changes, an engine says the new one. Workers take it up when they
    start.

    \b
    Example: ivrctl prompts replace welcome.1 take3.wav
    """
    flow, recorded = _flow(flow_file)
    prompt = _find(flow, name, language)
    file = recorded.replace(prompt.name, prompt.language, prompt.text, wav)
    click.echo(f"{file} says: {prompt.text}")


@prompts.command()
@click.argument("name")
@flow_option
@language_option
def restore(name: str, flow_file: Path | None, language: str | None) -> None:
    """Take a recording away: an engine says the prompt again.

    \b
    Example: ivrctl prompts restore welcome.1
    """
    flow, recorded = _flow(flow_file)
    recorded.restore(name, language or flow.languages[0])


def _flow(file: Path | None) -> tuple[Flow, RecordedPrompts]:
    from ivr.dialogue.flow import Flow
    from ivr.speech.synthesis.recorded import RecordedPrompts, recordings_folder

    path = file or load_settings().flow
    return Flow.load(path), RecordedPrompts.load(recordings_folder(path))


def _find(flow: Flow, name: str, language: str | None) -> Prompt:
    from ivr.conversation.prompts import prompts_of
    from ivr.dialogue.faults import did_you_mean
    from ivr.errors import IvrError

    code = language or flow.languages[0]
    there = {prompt.name: prompt for prompt in prompts_of(flow) if prompt.language == code}
    if name not in there:
        raise IvrError(
            f"The flow {flow.name} has no prompt {name!r} in {code!r}.",
            remedy=did_you_mean(name, list(there)) or "See: ivrctl prompts list.",
        )
    return there[name]


@asynccontextmanager
async def _speech(flow: Flow, recorded: RecordedPrompts) -> AsyncIterator[EngineChain]:
    """The engines of the settings, those of a running `serve`, or our own for the moment."""
    from ivr.conversation.prompts import fixed_of
    from ivr.speech.synthesis.chain import EngineChain
    from ivr.speech.synthesis.prompt_store import PromptStore
    from ivr.speech.synthesis.starting import LAST, start_engines
    from ivr.supervision.notes import read_notes

    settings = load_settings()
    notes = read_notes(settings.var_dir)
    last = settings.synthesis_url or (notes and notes.synthesis_url) or LAST
    before = notes.synthesis_engines if notes is not None else settings.synthesis_engines
    processes, addresses = await start_engines((*before, last), settings.synthesis_models)
    try:
        chain = EngineChain(
            addresses,
            PromptStore(settings.var_dir / "prompts"),
            recorded=recorded,
            fixed=fixed_of(flow),
        )
        try:
            await chain.start()
            yield chain
        finally:
            await chain.close()
    finally:
        for process in processes:
            await process.stop()


async def _render_flow(file: Path | None) -> None:
    from rich.progress import Progress

    from ivr.conversation.prompts import to_render
    from ivr.errors import IvrError

    flow, recorded = _flow(file)
    async with _speech(flow, recorded) as speech:
        wanted = to_render(flow, parts=speech.by_clause)
        with Progress(transient=True) as bar:
            task = bar.add_task(f"{flow.name}: {len(wanted)} prompts", total=len(wanted))
            failed = await speech.prerender(wanted, lambda: bar.advance(task))
    if failed:
        raise IvrError(
            f"{failed} of {len(wanted)} prompts of {flow.name} could not be made.",
            remedy="The log says why of each; see `ivrctl tts list`.",
        )
    click.echo(f"{len(wanted)} prompts of {flow.name} are ready.")


async def _render_switch(folder: Path, texts: Texts, encoding: str) -> list[Path]:
    """With the synthesis process that is configured, or one of our own for the moment."""
    from ivr.speech.synthesis.client import SynthesisClient
    from ivr.speech.synthesis.supervised import SynthesisProcess

    url = load_settings().synthesis_url
    process = SynthesisProcess() if url is None else None
    try:
        if process is not None:
            await process.start()
            url = process.url
        assert url is not None
        client = SynthesisClient(url, timeout_s=5.0)
        try:
            return await render_prompts(client, folder, texts, encoding=encoding)
        finally:
            await client.close()
    finally:
        if process is not None:
            await process.stop()


async def _states(flow: Flow, recorded: RecordedPrompts) -> list[dict[str, str]]:
    from ivr.conversation.prompts import prompts_of, voice_of
    from ivr.speech.synthesis.cache import PromptCache
    from ivr.speech.synthesis.client import SynthesisClient
    from ivr.speech.synthesis.engine import primary
    from ivr.speech.synthesis.prompt_store import PromptStore
    from ivr.speech.synthesis.spoken_form import spoken_form

    store = PromptStore(load_settings().var_dir / "prompts")
    nobody = SynthesisClient("unix:/nonexistent")
    engines = [(facts, PromptCache(nobody, store, facts)) for facts in store.known_engines()]

    def state(prompt: Prompt) -> str:
        if recorded.get(spoken_form(prompt.text, prompt.language), prompt.language) is not None:
            return "recorded"
        other = recorded.texts.get(f"{primary(prompt.language)}/{prompt.name}.wav")
        voice = voice_of(flow, prompt.language)
        said = spoken_form(prompt.spoken, prompt.language)
        made = [facts.kind for facts, cache in engines if cache.cached(said, voice) is not None]
        found = f"made by {', '.join(made)}" if made else "to be made"
        return f"{found}; the recording says: {other}" if other is not None else found

    rows = [
        {
            "name": prompt.name,
            "language": prompt.language,
            "state": state(prompt),
            "text": f"{prompt.text} …" if prompt.part else prompt.text,
        }
        for prompt in prompts_of(flow)
    ]
    await store.close()
    return rows


async def _sound(flow: Flow, recorded: RecordedPrompts, prompt: Prompt) -> Audio:
    from ivr.conversation.prompts import voice_of
    from ivr.speech.synthesis.spoken_form import spoken_form

    there = recorded.get(spoken_form(prompt.text, prompt.language), prompt.language)
    if there is not None:
        return there
    async with _speech(flow, recorded) as speech:
        return await speech.synthesise(prompt.spoken, voice_of(flow, prompt.language))


def _player() -> Sequence[str]:
    import shutil

    from ivr.errors import IvrError

    for command in (["aplay", "-q"], ["paplay"], ["afplay"], ["play", "-q"]):
        if shutil.which(command[0]):
            return command
    raise IvrError(
        "There is no program here that plays sound.",
        remedy="Install alsa-utils (aplay), or write a file: --to prompt.wav.",
    )


def _run(command: Sequence[str]) -> None:
    import subprocess

    from ivr.errors import IvrError

    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise IvrError(
            f"{command[0]} did not play it: {done.stderr.strip() or done.returncode}.",
            remedy="Write a file instead: --to prompt.wav.",
        )
