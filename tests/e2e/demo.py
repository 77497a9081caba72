"""What `ivrctl demo --json` printed, and what it recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.audio.format import Audio
from ivr.audio.wav import read_stereo_wav


@dataclass(frozen=True)
class Demo:
    """One run. `folder` is the demo's own, with the prompts that it played; `stalls` says how
    often the machine stood still meanwhile, each of which may have cost a sentence."""

    folder: Path
    document: Mapping[str, Any]
    stalls: int

    @property
    def recording(self) -> Path:
        """The call's WAV file."""
        return Path(self.document["recording"])

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The turns in order."""
        return list(self.document["turns"])

    def sound(self) -> tuple[Audio, Audio]:
        """The caller's and the bot's side."""
        return read_stereo_wav(self.recording)
