"""The sentences that a switch says by itself, made into its sound files."""

from __future__ import annotations

import io
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from ivr.audio.format import SAMPLE_BYTES, TELEPHONE, Audio
from ivr.audio.g711 import A_LAW, MU_LAW
from ivr.errors import IvrError
from ivr.settings import PROJECT
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
