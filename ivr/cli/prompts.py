"""`ivrctl prompts`: the sentences that a switch says by itself, made into its sound files."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import yaml

from ivr.audio.format import SAMPLE_BYTES, TELEPHONE, Audio
from ivr.audio.g711 import A_LAW, MU_LAW
from ivr.cli.main import run_async
from ivr.errors import IvrError
from ivr.settings import PROJECT, load_settings
from ivr.speech.synthesis.client import SynthesisClient
from ivr.speech.synthesis.supervised import SynthesisProcess
from ivr.speech.synthesis.synthesiser import Synthesiser, Voice

TEXTS = PROJECT / "asterisk" / "prompts.yaml"
"""What Asterisk says."""

FOLDER = "ivr"
"""The dialplan plays `ivr/NAME`, beside the switch's own sounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Where a switch has its texts and its sounds, and which files it plays."""

    texts: Path
    sounds: Path
    encoding: str


SWITCHES = {
    "asterisk": Switch(texts=TEXTS, sounds=Path("/usr/share/asterisk/sounds"), encoding="sln"),
    "freeswitch": Switch(
        texts=PROJECT / "freeswitch" / "prompts.yaml",
        sounds=Path("/usr/share/freeswitch/sounds"),
        encoding="wav",
    ),
}


def _wav(pcm: bytes) -> bytes:
    whole = io.BytesIO()
    with wave.open(whole, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(TELEPHONE.rate)
        file.writeframes(pcm)
    return whole.getvalue()


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "sln": bytes,
    "ulaw": MU_LAW.encode,
    "alaw": A_LAW.encode,
    "wav": _wav,
}
"""File extension, which is the switches' name of the format, and how it is made; all at 8,000 Hz,
and but for `wav` without a header."""

Texts = Mapping[str, Mapping[str, str]]
"""Prompt name to language to text."""


def load_texts(file: Path) -> Texts:
    """The texts of a prompts file. Raises IvrError, naming the file, when it is unsound."""
    remedy = "Write `name: {language: text}`."
    try:
        texts = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise IvrError(f"{file} cannot be read: {error}.", remedy=remedy) from None
    sound = isinstance(texts, dict) and all(
        isinstance(name, str)
        and isinstance(languages, dict)
        and languages
        and all(isinstance(part, str) and part for item in languages.items() for part in item)
        for name, languages in texts.items()
    )
    if not sound:
        raise IvrError(f"{file} holds something else than prompts.", remedy=remedy)
    return dict(texts)


async def render_prompts(
    synthesiser: Synthesiser, folder: Path, texts: Texts, *, encoding: str = "sln"
) -> list[Path]:
    """Speak every text into a switch's `sounds` folder and return the files, in order.

    A prompt of one language becomes `ivr/NAME`, which every caller hears; one of several becomes
    `LANGUAGE/ivr/NAME`, of which a caller hears their own. Raises SynthesisFailed, IvrError.
    """
    made = []
    for name, languages in texts.items():
        for language, text in languages.items():
            audio = await synthesiser.synthesise(text, Voice(language=language))
            place = folder / FOLDER if len(languages) == 1 else folder / language / FOLDER
            made.append(_write(place / f"{name}.{encoding}", audio, encoding))
    return made


def _write(file: Path, audio: Audio, encoding: str) -> Path:
    if audio.format.rate != TELEPHONE.rate:
        raise IvrError(f"{file.name} came at {audio.format.rate} Hz, and switches play 8,000 Hz.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: the switch may be playing the old one.
        partial = file.with_suffix(f".{encoding}.partial")
        partial.write_bytes(ENCODINGS[encoding](audio.pcm))
        partial.replace(file)
    except OSError as error:
        raise IvrError(
            f"{file} cannot be written: {error.strerror}.", remedy="Choose another folder (--to)."
        ) from None
    return file


@click.group()
def prompts() -> None:
    """Make the sound files that a switch plays by itself.

    \b
    Example: ivrctl prompts render --switch freeswitch
    """


@prompts.command()
@click.option(
    "--switch", type=click.Choice(list(SWITCHES)), required=True, help="For which switch."
)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The switch's sounds folder.  [default: /usr/share/SWITCH/sounds]",
)
@click.option(
    "--texts",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What is said.  [default: SWITCH/prompts.yaml of the project]",
)
@click.option(
    "--encoding",
    type=click.Choice(sorted(ENCODINGS)),
    help="Kind of file.  [default: sln for asterisk, wav for freeswitch]",
)
def render(switch: str, folder: Path | None, texts: Path | None, encoding: str | None) -> None:
    """Speak the switch's prompts into files.

    \b
    Example: ivrctl prompts render --switch freeswitch --to /usr/share/freeswitch/sounds
    """
    usual = SWITCHES[switch]
    said = load_texts(texts or usual.texts)
    made = run_async(_render(folder or usual.sounds, said, encoding or usual.encoding))
    for file in made:
        click.echo(file)


async def _render(folder: Path, texts: Texts, encoding: str) -> list[Path]:
    """With the synthesis process that is configured, or one of our own for the moment."""
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
