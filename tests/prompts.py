"""A switch's prompts for tests: tones of which each has a pitch of its own, or real speech."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from ivr.audio.format import Audio
from ivr.cli.switch_prompts import SWITCHES, load_texts, render_prompts
from ivr.speech.synthesis.synthesiser import Voice
from tests.tones import PROMPT_HZ, PROMPT_MS, tone


class _Singer:
    """A Synthesiser that sings each text at the pitch of its prompt."""

    def __init__(self, texts: Path) -> None:
        said = load_texts(texts)
        self._hz = {said[name][language]: hz for (name, language), hz in PROMPT_HZ.items()}

    async def synthesise(self, text: str, voice: Voice) -> Audio:
        del voice
        return tone(self._hz[text], PROMPT_MS)

    async def close(self) -> None:
        pass


def render_tones(sounds: Path, switch: str) -> None:
    """Make a switch's prompts tones."""
    of = SWITCHES[switch]
    singing = render_prompts(_Singer(of.texts), sounds, load_texts(of.texts), encoding=of.encoding)
    asyncio.run(singing)


def render_spoken(sounds: Path, switch: str) -> None:
    """Make a switch's prompts as operators do, with the project's own synthesis."""
    command = [sys.executable, "-m", "ivr.cli.main", "prompts", "render"]
    subprocess.run(
        [*command, "--switch", switch, "--to", sounds], check=True, stdout=subprocess.DEVNULL
    )
